"""`unosql import`: records of a file into a database directory or a backup file, all or nothing."""
import contextlib
import time
from pathlib import Path
from typing import NamedTuple

from . import database, kept
from .overlay import Overlay
from .rows import NOTHING, Reading, read
from .terminal import Failure, check_name, counted, say, shown
from .times import EPOCHS
from .upserting import Upsert
from unosql.documents import backup
from unosql.documents.collection import Collection
from unosql.documents.record import META, check
from unosql.documents.steps import finish
from unosql.errors import UniqueError
from unosql.locks import Lock
from unosql.storage.files import Files

MEMTABLE = 8192  # bytes a record may take: what boards with a large heap read and write by default


class Options(NamedTuple):
    """reading: rows.Reading. times: of the clock that the device has. own: see _settled(). upsert: fields, or None."""

    reading: Reading
    times: object
    own: str | None = None
    upsert: list | None = None


def run(file, path, key, options):
    """Insert or upsert the records of a file. options: Options."""
    path = Path(path)
    if options.own is None and "id" in (options.upsert or ()):
        options = options._replace(own="keep")
    reading = options.reading._replace(ids=options.own == "keep")
    rows = [row._replace(record=_settled(row.record, row.where, options)) for row in read(file, reading)]
    target = _directory if path.name.endswith(".udb") or path.is_dir() else _backup
    with target(path, key, lambda: time.time() - EPOCHS[options.times.epoch]) as catalog:
        total = _put_all(catalog, rows, options)
    say("%s into %s" % (total, shown(path)))
    return 0


def _put_all(catalog, rows, options):
    """Put all rows in or none; return what to say of how many."""
    keep_ids = options.own == "keep"
    insert = kept.put if keep_ids else Collection.insert
    put = Upsert(catalog, options.upsert, insert) if options.upsert else insert
    with catalog.atomic():
        records = [row for row in rows if not isinstance(row.record, kept.State)]
        for where, name, record in counted(records, "importing", len(records)):
            _named(where, lambda: put(catalog.collection(name, True), record))
        if keep_ids:
            kept.finish(catalog, {row.collection for row in records})
            for where, name, state in rows:
                if isinstance(state, kept.State):
                    _named(where, lambda: kept.configure(catalog.collection(name, True), state))
    if options.upsert:
        return "%d records inserted, %d changed, %d left as they were," % (put.inserted, put.changed, put.equal)
    return "%d records imported" % len(records)


def _named(where, call):
    """Make a call; what is wrong with the record as a Failure that says which line it is about."""
    try:
        call()
    except (ValueError, UniqueError) as error:
        raise Failure("%s: %s%s" % (where, shown(error), NOTHING)) from None


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
    if not path.name.endswith(".udb"):
        raise Failure("%s is a directory, but not called NAME.udb; give %s" % (shown(path), shown(path / "NAME.udb")))
    where, is_new = str(path.absolute()), not path.exists()
    if is_new:
        check_name(path.name.removesuffix(".udb"))
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
            if not database.is_full(catalog, str(path), key):
                raise Failure("%s is an incremental backup, which tells of deletions, too; import into a full one%s" % (shown(path), NOTHING))
            database.restore(catalog, str(path), key)
        yield catalog
        finish(backup.writing(catalog, str(path)))


def _is_backup(path):
    with open(path, "rb") as file:
        return file.read(2) == b"UQ"
