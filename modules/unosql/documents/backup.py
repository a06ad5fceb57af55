"""Backups: a file with the entries of the catalogue, records, versions and deletions, in the order of the store's keys.

An incremental one has the records changed, and the deletions, since a time or a change. The numbers of collections
in it are those of the database it came from; restoring gives them new ones.
"""

from ..errors import UnosqlError
from . import keys
from .arguments import check_number
from .changes import entries
from .record import header

FORMAT = 1
# The kind of the catalogue's entries here: they come before the records that need them.
CATALOG = b"C"


def writing(catalog, filename, since_timestamp=None, since_change=None):
    """Steps, one an entry: write a backup, of all or since a timestamp or change number; return how many records and deletions it has.

    What ends it before its time leaves no file.
    """
    for since in (since_timestamp, since_change):
        if since is not None:
            check_number("since", int(since) if isinstance(since, float) else since)
    full = since_timestamp is None and since_change is None
    if not full:
        _check_since(catalog, since_timestamp, since_change)
    meta = {"format": FORMAT, "full": full, "time": catalog.now(), "change": catalog.change}
    sink = catalog.store.export(filename, meta)
    try:
        for collection in catalog.collections():
            key, value = collection.catalogue_op()
            sink.add(CATALOG + key[1:], value)
        if full:
            yield from _write(sink, _live(catalog, keys.HISTORY))
            written = yield from _write(sink, _live(catalog, keys.RECORD))
        else:
            written = yield from _write(sink, _changed(catalog, since_timestamp or 0, since_change or 0))
        sink.close()
    except BaseException:
        sink.abort()
        raise
    return written


def _check_since(catalog, timestamp, change):
    """A deletion that is forgotten can't be in an increment: restoring that would leave the record."""
    last, time, _ = catalog.forgotten
    if last and (time >= timestamp if change is None else last > change):
        raise UnosqlError("deletions up to change %d are forgotten: make a full backup" % last)


def _write(sink, items):
    n = 0
    for key, value in items:
        sink.add(key, value)
        n += 1
        yield
    return n


def _live(catalog, kind):
    """Yield (key, value) of the records, or versions, that are not gone."""
    for key, value in catalog.store.scan(kind, keys.above(kind)):
        number, id = keys.parse(key)
        collection = catalog.numbered(number)
        if collection and collection.first <= id and not collection.is_expired(value):
            yield key, value


def _changed(catalog, timestamp, change):
    for key, raw in _live(catalog, keys.RECORD):
        _, changed, number, _ = header(raw)
        if changed >= timestamp and number > change:
            yield key, raw
    for number, collection, id, deleted in entries(catalog, change, catalog.change):
        if deleted is not None and deleted >= timestamp:
            yield keys.make(keys.CHANGE, number), collection.marker(id, deleted)
