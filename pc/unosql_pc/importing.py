"""`unosql import`: JSON lines or CSV into a database directory or a backup file, all or nothing."""
import codecs
import contextlib
import csv
import io
import json
import re
import sys
import time
from pathlib import Path

from . import database, odd
from .overlay import Overlay
from .terminal import Failure, counted, say, shown
from unosql.documents import backup
from unosql.storage.files import Files
from unosql.locks import Lock
from unosql.documents.record import META, check

MEMTABLE = 8192  # bytes a record may take: what boards with a large heap read and write by default
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
EPOCHS = {"2000": 946684800, "1970": 0}  # seconds after 1970 at which a port's clock starts


def run(file, path, name, key, epoch, as_text=False, own=None):
    """Insert the records of a file. epoch: a key of EPOCHS. as_text: leave the cells of a CSV as they are. own: see _settled()."""
    path = Path(path)
    rows = list(_csv_rows(file, name, as_text) if str(file).lower().endswith(".csv") else _json_rows(file, name))
    rows = [(where, collection, _settled(record, where, own)) for where, collection, record in rows]
    target = _directory if path.suffix == ".udb" or path.is_dir() else _backup
    with target(path, key, lambda: time.time() - EPOCHS[epoch]) as catalog:
        total = _insert(catalog, rows)
    print("%d records imported into %s" % (total, shown(path)))
    return 0


def _insert(catalog, rows):
    total = 0
    with catalog.atomic():
        for where, name, record in counted(rows, "importing", len(rows)):
            try:
                catalog.collection(name, True).insert(record)
            except ValueError as error:
                raise Failure("%s: %s" % (where, error)) from None
            total += 1
    return total


def _settled(record, where, own):
    """A record as it may be inserted. own: what to do with an id, timestamp and version: "rename", "drop", or None: a record
    that was read from a database has all three and gets new ones, any other is refused."""
    if own is None:
        try:
            check(record)
        except ValueError as error:
            hint = "" if record.keys().isdisjoint(META) else " (--own rename does, --own drop leaves it out)"
            raise Failure("%s: %s%s; nothing was imported" % (where, error, hint)) from None
        return record
    kept = {field: value for field, value in record.items() if field not in META}
    for field in META if own == "rename" else ():
        if field in record:
            if "own_" + field in kept:
                raise Failure("%s: own_%s is there already; nothing was imported" % (where, field))
            kept["own_" + field] = record[field]
    return kept


@contextlib.contextmanager
def _directory(path, key, clock):
    if path.suffix != ".udb":
        raise Failure("%s is a directory, but not called NAME.udb; give %s" % (shown(path), shown(path / "NAME.udb")))
    where, is_new = str(path.absolute()), not path.exists()
    storage = Files(where)
    lock = Lock(where + "/lock")
    lock.open()
    try:
        with database.opened(storage, key, MEMTABLE, clock) as catalog:
            yield catalog
    except BaseException:
        if is_new:
            storage.destroy()
        raise
    finally:
        lock.close()


@contextlib.contextmanager
def _backup(path, key, clock):
    """Gives a database in memory, with what the file holds; writes it there when all went well."""
    with database.opened(Files("memory", fs=Overlay()), key, MEMTABLE, clock) as catalog:
        if path.exists():
            if not _is_backup(path):
                raise Failure("%s exists and is no backup file; nothing was changed" % shown(path))
            database.restore(catalog, str(path), key)
        yield catalog
        backup.backup(catalog, str(path))


def _is_backup(path):
    with open(path, "rb") as file:
        return file.read(2) == b"UQ"


# -- reading files: generators of (place for messages, collection, record)


def _json_rows(file, name):
    for number, line in enumerate(_read(file).splitlines(), 1):
        if line.strip():
            where = "%s:%d" % (shown(file), number)
            yield (where, *_unwrapped(_parsed(line, where), name, where))


def _read(file):
    """The bytes of a file, without the mark that some programs put before UTF-8."""
    with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as data:
        return data.read().removeprefix(codecs.BOM_UTF8)


def _parsed(line, where):
    line, replaced = odd.decoded(line)
    try:
        record, halves = odd.mended(json.loads(line))
    except ValueError as error:
        raise Failure("%s: not JSON: %s; nothing was imported" % (where, error)) from None
    if not isinstance(record, dict):
        raise Failure("%s: not a JSON object; nothing was imported" % where)
    if replaced or halves:
        _remark(where)
    return record


def _remark(where):
    say("remark: %s: text that is not Unicode, U+FFFD is in its place" % where)


def _unwrapped(record, name, where):
    """(collection, record) of a line, which may be one that export and salvage write."""
    if set(record) == {"collection", "record"} and isinstance(record["record"], dict) and isinstance(record["collection"], str):
        return name or record["collection"], record["record"]
    if not name:
        raise Failure("%s: the line names no collection; give one after the database" % where)
    return name, record


def _csv_rows(file, name, as_text):
    if not name:
        raise Failure("%s: a CSV file names no collection; give one after the database" % shown(file))
    text, replaced = odd.decoded(_read(file))
    rows = csv.DictReader(io.StringIO(text, newline=""), restval="")
    for row in rows:
        where = "%s:%d" % (shown(file), rows.line_num)
        if None in row:
            raise Failure("%s: more cells than columns; nothing was imported" % where)
        if replaced and any("\ufffd" in part for pair in row.items() for part in pair):
            _remark(where)
        yield where, name, {field: _cell(field, cell, as_text) for field, cell in row.items() if cell != ""}


def _cell(field, cell, as_text):
    """A record that was exported has its id, timestamp and version as numbers, whatever else is text."""
    return cell if as_text and field not in META else odd.mended(_value(cell))[0]


def _value(cell):
    """What a cell means: a JSON number, list, object, true, false or null; anything else is text."""
    if NUMBER.fullmatch(cell) or cell in ("true", "false", "null") or cell[:1] in "[{":
        with contextlib.suppress(ValueError):
            return json.loads(cell)
    return cell


