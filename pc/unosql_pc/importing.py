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
from typing import NamedTuple

from . import database, kept, odd
from .overlay import Overlay
from .terminal import Failure, counted, say, shown
from .times import EPOCHS
from unosql.documents import backup
from unosql.documents.collection import Collection
from unosql.storage.files import Files
from unosql.errors import UniqueError
from unosql.locks import Lock
from unosql.documents.record import META, check

MEMTABLE = 8192  # bytes a record may take: what boards with a large heap read and write by default
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")


class Options(NamedTuple):
    """times: of the clock that the device has. as_text: leave the cells of a CSV as they are. own: see _settled()."""

    times: object
    as_text: bool = False
    own: str | None = None


def run(file, path, name, key, options):
    """Insert the records of a file. name: of the collection, None where the lines tell. options: Options."""
    path = Path(path)
    rows = list(_csv_rows(file, name, options.as_text) if str(file).lower().endswith(".csv") else _json_rows(file, name))
    rows = [(where, collection, _settled(record, where, options)) for where, collection, record in rows]
    target = _directory if path.suffix == ".udb" or path.is_dir() else _backup
    with target(path, key, lambda: time.time() - EPOCHS[options.times.epoch]) as catalog:
        total = _insert(catalog, rows, options.own == "keep")
    say("%d records imported into %s" % (total, shown(path)))
    return 0


def _insert(catalog, rows, keep_ids):
    """Insert all rows or none; return how many were records."""
    total, states = 0, []
    with catalog.atomic():
        for row in counted(rows, "importing", len(rows)):
            where, name, record = row
            if isinstance(record, kept.State):
                states.append(row)
            else:
                _named(where, kept.put if keep_ids else Collection.insert, catalog.collection(name, True), record)
                total += 1
        if keep_ids:
            kept.finish(catalog, {name for _, name, _ in rows})
            for where, name, state in states:
                _named(where, kept.configure, catalog.collection(name, True), state)
    return total


def _named(where, call, *arguments):
    """Make a call; what is wrong with the record as a Failure that says which line it is about."""
    try:
        call(*arguments)
    except (ValueError, UniqueError) as error:
        raise Failure("%s: %s; nothing was imported" % (where, error)) from None


def _settled(record, where, options):
    """A record as it may be inserted.

    own: what to do with an id, timestamp and version: "rename", "drop", "keep", or None: a record that was read from a database
    has all three and gets new ones, any other is refused.
    """
    if isinstance(record, kept.State):
        return record
    own = options.own
    if own == "keep" or own is None and record.keys() >= set(META):
        record = _timed(record, where, options.times)
    if own == "keep":
        return record
    if own is None:
        try:
            check(record)
        except ValueError as error:
            hint = "" if record.keys().isdisjoint(META) else " (--own rename does, --own drop leaves it out)"
            raise Failure("%s: %s%s; nothing was imported" % (where, error, hint)) from None
        return record
    stays = {field: value for field, value in record.items() if field not in META}
    for field in META if own == "rename" else ():
        if field in record:
            if "own_" + field in stays:
                raise Failure("%s: own_%s is there already; nothing was imported" % (where, field))
            stays["own_" + field] = record[field]
    return stays


def _timed(record, where, times):
    """A record whose timestamp, if it is ISO 8601, is seconds since the device's epoch."""
    text = record.get("timestamp")
    if not isinstance(text, str):
        return record
    try:
        return dict(record, timestamp=int(times.stored(text)))
    except ValueError:
        raise Failure("%s: the timestamp %s is no time; nothing was imported" % (where, shown(text))) from None


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
    if kept.is_state(record) and isinstance(record["collection"], str):
        return name or record["collection"], kept.State(record)
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


