"""Tables of records as files: JSON lines, JSON, CSV, SQLite, Parquet, HTML."""
import csv
import html
import io
import json
import os
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

from . import extras
from .csv_rows import escaped
from .terminal import Failure, shown

SQLITE_COLUMNS = 2000  # SQLite's default limit
ENDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".db": "sqlite", ".sqlite": "sqlite",
        ".sqlite3": "sqlite", ".parquet": "parquet", ".html": "html", ".htm": "html"}
FORMS = ("jsonl", "json", "csv", "sqlite", "parquet", "html")
TEXTS = ("jsonl", "json", "csv", "html")


class Table:
    """Records under a name, which can be iterated any number of times. times: the fields that are times as text.

    state: a line that tells of the collection itself, or None.
    """

    state = None

    def __init__(self, name, records, times=()):
        self.name, self.times = name, times
        self._records = records

    def __iter__(self):
        return iter(self._records)


def form_of(file):
    """The form that the end of a file's name tells. Failure when it tells none."""
    form = ENDS.get(Path(file).suffix.lower())
    if not form:
        raise Failure("%s: its name's end tells no form; one of %s does" % (shown(file), ", ".join(sorted(ENDS))))
    return form


def write(form, file, tables, named):
    """Write Tables to a new file; how many records. named: of more than one collection, so that lines tell theirs."""
    target = Path(file)
    if not target.parent.is_dir():
        raise Failure("%s: there is no such directory" % shown(target.parent))
    if target.exists():
        raise Failure("%s exists already; remove it or choose another name" % shown(file))
    partial = target.with_name(target.name + ".part")
    if partial.exists():
        raise Failure("%s exists already, and is needed until %s is whole; remove it or choose another name" % (shown(partial), shown(file)))
    try:
        total = _binary(form, partial, tables, named) if form in _BINARY else _as_text(form, partial, tables, named)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return total


def show(form, tables, named):
    """Write Tables to stdout; how many records."""
    if form not in TEXTS:
        raise Failure("%s is no text; give a file: -o FILE" % form)
    out = io.TextIOWrapper(sys.stdout.buffer, "utf-8", newline="") if hasattr(sys.stdout, "buffer") else sys.stdout
    try:
        return _TEXT[form](out, tables, named)
    finally:
        out.flush()
        if out is not sys.stdout:
            out.detach()


def _as_text(form, path, tables, named):
    with open(path, "w", encoding="utf-8", newline="") as file:
        return _TEXT[form](file, tables, named)


def _binary(form, path, tables, named):
    return _BINARY[form](path, tables, named)


def columns_of(records):
    """All names of fields: id first, then as they come, the other two of the database's own last."""
    found = {name: None for record in records for name in record}
    first, last = [n for n in found if n == "id"], [n for n in ("timestamp", "version") if n in found and "id" in found]
    return first + [n for n in found if n not in first + last] + last


def _one(tables, form):
    if len(tables) != 1:
        raise Failure("%s file holds one collection, say which with --collection: %s" % (
            form, ", ".join(shown(table.name) for table in tables) or "there are none"))
    return tables[0]


def _dumps(value):
    return json.dumps(value, ensure_ascii=False)


# -- JSON


def _jsonl(file, tables, named):
    """named: each line tells its collection, {"collection": ..., "record": ...}."""
    total = 0
    for table in tables:
        if table.state:
            file.write(_dumps(table.state) + "\n")
        for record in table:
            file.write(_dumps({"collection": table.name, "record": record} if named else record) + "\n")
            total += 1
    return total


def _json(file, tables, named):
    """An array of records, a line each, or several by their collections' names."""
    if not named:
        return _array(file, tables[0] if tables else (), "\n")
    total, before = 0, "{\n"
    for table in tables:
        file.write("%s%s: " % (before, _dumps(table.name)))
        total += _array(file, table)
        before = ",\n"
    file.write("\n}\n" if tables else "{}\n")
    return total


def _array(file, records, end=""):
    total = 0
    for record in records:
        file.write("%s%s" % (",\n" if total else "[\n", _dumps(record)))
        total += 1
    file.write(("\n]" if total else "[]") + end)
    return total


# -- CSV and HTML


def _csv(file, tables, named):
    table = _one(tables, "a CSV")
    columns = columns_of(table)
    writer = csv.writer(file)
    writer.writerow(map(escaped, columns))
    total = 0
    for record in table:
        writer.writerow([_cell(record[name], escaped) if name in record else "" for name in columns])
        total += 1
    return total


def _cell(value, text=str):
    """A value as text; lists and dicts as JSON."""
    return text(value) if isinstance(value, str) else _dumps(value)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
:root { color-scheme: light dark; font: 15px system-ui, sans-serif; }
table { border-collapse: collapse; margin-bottom: 2em; }
th, td { border: 1px solid #8886; padding: .25em .6em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { position: sticky; top: 0; background: Canvas; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
</style>
"""


def _html(file, tables, named):
    """A page with a table for each collection."""
    file.write(_PAGE % html.escape(", ".join(table.name for table in tables)))
    return sum(_html_table(file, table) for table in tables)


def _html_table(file, table):
    columns, total = columns_of(table), 0
    file.write("<h2>%s</h2>\n<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n" % (
        html.escape(table.name), "".join("<th>%s</th>" % html.escape(name) for name in columns)))
    for record in table:
        file.write("<tr>%s</tr>\n" % "".join(_html_cell(record, name) for name in columns))
        total += 1
    file.write("</tbody>\n</table>\n")
    return total


def _html_cell(record, name):
    if name not in record:
        return "<td></td>"
    is_number = isinstance(record[name], (int, float)) and not isinstance(record[name], bool)
    return "<td%s>%s</td>" % (' class="n"' if is_number else "", html.escape(_cell(record[name])))


# -- Parquet


def _parquet(path, tables, named):
    """Columns of one type: those of several types, lists and dicts are text, as JSON; times are times."""
    pyarrow = extras.need("pyarrow", "parquet")
    parquet = extras.need("pyarrow.parquet", "parquet")
    table = _one(tables, "a Parquet")
    records = list(table)
    columns = {name: _column(pyarrow, [record.get(name) for record in records], name in table.times)
               for name in columns_of(records)}
    parquet.write_table(pyarrow.table(columns), path)
    return len(records)


def _column(pyarrow, values, are_times):
    kinds = {type(value) for value in values if value is not None}
    if are_times and kinds == {str}:
        return pyarrow.array([value and datetime.fromisoformat(value) for value in values])
    if kinds == {int, float}:
        values = [value if value is None else float(value) for value in values]
    elif len(kinds) > 1 or kinds & {list, dict} or kinds == {int} and not all(_is_64_bit(value) for value in values):
        values = [None if value is None else _cell(value) for value in values]
    return pyarrow.array(values)


def _is_64_bit(value):
    return value is None or -(1 << 63) <= value < 1 << 63


# -- SQLite


def _sqlite(path, tables, named):
    """A table for each; lists and dicts as JSON text, booleans as 0 and 1."""
    total, taken = 0, set()
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        for table in tables:
            name = _unique(table.name, taken)
            total += _fill(connection, name, table)
        connection.commit()
    finally:
        connection.close()
    return total


def _fill(connection, name, table):
    fields = columns_of(table) or ["id"]
    if len(fields) > SQLITE_COLUMNS:
        raise Failure("%s has %d different fields, SQLite takes %d; use JSON lines" % (
            shown(table.name), len(fields), SQLITE_COLUMNS))
    taken = set()
    columns = ['%s%s' % (_quoted(_unique(field, taken)), " INTEGER PRIMARY KEY" if field == "id" else "") for field in fields]
    connection.execute("CREATE TABLE %s (%s)" % (_quoted(name), ", ".join(columns)))
    insert = "INSERT INTO %s VALUES (%s)" % (_quoted(name), ", ".join("?" * len(fields)))
    rows = ([_sql(record.get(field)) for field in fields] for record in table)
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


_TEXT = {"jsonl": _jsonl, "json": _json, "csv": _csv, "html": _html}
_BINARY = {"sqlite": _sqlite, "parquet": _parquet}
