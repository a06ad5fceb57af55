"""Backups: a file with the entries of the catalogue, records, versions and deletions, in the order of the store's keys.

An incremental one has the records changed, and the deletions, since a time or a change. The numbers of collections
in it are those of the database it came from; restoring gives them new ones.
"""

import json

from . import keys
from .changes import entries
from .codec import pack_uint
from .errors import UnosqlError
from .record import header

_FORMAT = 1
# The kind of the catalogue's entries here: they come before the records that need them.
_CATALOG = b"C"


def backup(catalog, filename, since_timestamp=None, since_change=None):
    """Write a backup, of all or since a timestamp or change number. Returns how many records and deletions it has."""
    full = since_timestamp is None and since_change is None
    meta = {"format": _FORMAT, "full": full, "time": catalog.now(), "change": catalog.change}
    sink = catalog.store.export(filename, meta)
    try:
        for collection in catalog.collections():
            key, value = collection.entry()
            sink.add(_CATALOG + key[1:], value)
        if full:
            _write(sink, _live(catalog, keys.HISTORY))
            written = _write(sink, _live(catalog, keys.RECORD))
        else:
            written = _write(sink, _changed(catalog, since_timestamp or 0, since_change or 0))
        sink.close()
    except BaseException:
        sink.abort()
        raise
    return written


def _write(sink, items):
    n = 0
    for key, value in items:
        sink.add(key, value)
        n += 1
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
    for number, collection, id, deleted in entries(catalog, change):
        if deleted is not None and deleted >= timestamp:
            yield keys.make(keys.CHANGE, number), collection.marker(id, deleted)


def restore(catalog, filename, password):
    """Put a backup's contents into the database, as one batch. Returns how many records and deletions it has."""
    archive = catalog.store.import_(filename, password)
    try:
        if archive.meta["format"] != _FORMAT:
            raise UnosqlError("%s: backup format %s is unknown here" % (filename, archive.meta["format"]))
        archive.check()
        with catalog.atomic():
            return _restore(catalog, archive)
    finally:
        archive.close()


def _restore(catalog, archive):
    if archive.meta["full"]:
        for collection in catalog.collections():
            collection.drop()
    numbers = {}  # of collections there: the Collection here
    restored = 0
    for key, value in archive.entries():
        restored += _restore_entry(catalog, numbers, key, value)
    for collection in numbers.values():
        collection.configure({})  # a capped one may hold too many
    if not archive.meta["full"]:
        _undelete(catalog)
        _check_unique(numbers, archive)
    return restored


def _restore_entry(catalog, numbers, key, value):
    """Restore one entry; return 1 for a record or a deletion, else 0."""
    kind = key[:1]
    if kind == _CATALOG:
        state = json.loads(value)
        numbers[state["number"]] = _restore_collection(catalog, key[1:].decode(), state)
        return 0
    if kind == keys.CHANGE:
        number, id = keys.parse(value, 0)
        numbers[number].forget(id)
        return 1
    number, id = keys.parse(key)
    if kind == keys.RECORD:
        numbers[number].restore(id, value)
        return 1
    size = len(pack_uint(number))
    catalog.store.apply([(keys.make(kind, numbers[number].number) + key[1 + size :], value)])
    return 0


def _restore_collection(catalog, name, state):
    collection = catalog.collection(name, True)
    if collection.number:
        collection.change(next=max(collection.next, state["next"]))
        return collection
    number = catalog.next_number
    indexes = state["indexes"]
    for i in range(len(indexes)):
        indexes[i]["number"] = number + 1 + i
    collection.change(number=number, next=state["next"], first=state["first"], options=state["options"], indexes=indexes)
    return collection


def _undelete(catalog):
    """Forget the deletions of records that are there again: the next increment must not tell of them."""
    for change, collection, id, deleted in entries(catalog, 0):
        if deleted is not None and catalog.store.get(collection.key(id)) is not None:
            catalog.store.apply([(keys.make(keys.CHANGE, change), None)])


def _check_unique(numbers, archive):
    """Only now: a record may take a value over from one that comes after it in the file."""
    for key, _ in archive.entries():
        if key[:1] != keys.RECORD:
            continue
        number, id = keys.parse(key)
        collection = numbers[number]
        record = collection.get(id)
        for index in collection.indexes():
            if record:
                index.check_unique(collection, record)
