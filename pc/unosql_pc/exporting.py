"""`unosql export`: JSON lines, CSV, or an SQLite database."""
import csv
import json
import os
import sqlite3
from pathlib import Path

from . import database, kept, odd
from .csv_rows import escaped
from .querying import columns_of
from .terminal import Failure, counted, say, shown
from .times import Times
from unosql.documents.record import unpack

SQLITE_COLUMNS = 2000  # SQLite's default limit


def run(source, key, form, out, name=None, keep_ids=False, times=None):
    """Write collections to a new file. name: only this one. keep_ids: JSON lines tell of collections, too. times: Times."""
    if keep_ids and form != "jsonl":
        raise Failure("--keep-ids is for --format jsonl; other formats have the ids, and no place for what it adds")
    target = Path(out)
    if target.exists():
        raise Failure("%s exists already; remove it or choose another name" % shown(out))
    partial = target.with_name(target.name + ".part")
    with database.reading(source, key) as catalog:
        chosen = [database.collection(catalog, name)] if name else list(catalog.collections())
        remarks = odd.Remarks()
        try:
            total = _FORMS[form](partial, [Rows(collection, remarks, times or Times(), keep_ids) for collection in chosen], name is None)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
    remarks.tell()
    say("%d records written to %s" % (total, shown(out)))
    return 0


class Rows:
    """The records of a collection, any number of times, under a progress bar. remarks: gets those with odd text.

    state: what is to be told of the collection itself, or None.
    """

    def __init__(self, collection, remarks, times, keep_ids=False):
        self.name = collection.name
        self.state = kept.state(collection) if keep_ids else None
        self._collection, self._remarks, self._times = collection, remarks, times

    def __iter__(self):
        rows = (self._times.record(unpack(raw, id)) for id, raw in self._remarks.looked(self._collection))
        return iter(counted(rows, shown(self.name), self._collection.count))


def _jsonl(path, collections, named):
    """named: each line tells its collection, {"collection": ..., "record": ...}."""
    total = 0
    with open(path, "w", encoding="utf-8") as file:
        for collection in collections:
            if collection.state:
                file.write(json.dumps(collection.state, ensure_ascii=False) + "\n")
            for record in collection:
                line = {"collection": collection.name, "record": record} if named else record
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                total += 1
    return total


def _csv(path, collections, named):
    if len(collections) != 1:
        raise Failure("a CSV file holds one collection, say which with --collection: %s" % (
            ", ".join(shown(c.name) for c in collections) or "there are none"))
    columns = columns_of(collections[0])
    total = 0
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(escaped, columns))
        for record in collections[0]:
            writer.writerow([_cell(record[name]) if name in record else "" for name in columns])
            total += 1
    return total


def _cell(value):
    return escaped(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sqlite(path, collections, named):
    """A table for each collection; lists and dicts as JSON text, booleans as 0 and 1."""
    total, tables = 0, set()
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        for collection in collections:
            table = _unique(collection.name, tables)
            total += _fill(connection, table, collection)
        connection.commit()
    finally:
        connection.close()
    return total


def _fill(connection, table, collection):
    fields = columns_of(collection) or ["id"]
    if len(fields) > SQLITE_COLUMNS:
        raise Failure("%s has %d different fields, SQLite takes %d; use --format jsonl" % (
            shown(collection.name), len(fields), SQLITE_COLUMNS))
    taken = set()
    columns = ['%s%s' % (_quoted(_unique(name, taken)), " INTEGER PRIMARY KEY" if name == "id" else "") for name in fields]
    connection.execute("CREATE TABLE %s (%s)" % (_quoted(table), ", ".join(columns)))
    insert = "INSERT INTO %s VALUES (%s)" % (_quoted(table), ", ".join("?" * len(fields)))
    rows = ([_sql(record.get(name)) for name in fields] for record in collection)
    return max(0, connection.executemany(insert, rows).rowcount)


def _sql(value):
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)  # more than SQLite's integers hold
    return value


def _unique(name, taken):
    """name, or name_2 and so on: SQLite does not tell upper case from lower."""
    name, n = name.replace("\0", "_"), 1
    while (name if n == 1 else "%s_%d" % (name, n)).lower() in taken:
        n += 1
    name = name if n == 1 else "%s_%d" % (name, n)
    taken.add(name.lower())
    return name


def _quoted(name):
    return '"%s"' % name.replace('"', '""')


_FORMS = {"jsonl": _jsonl, "csv": _csv, "sqlite": _sqlite}
