"""Checks that what is stored agrees with itself: every block, every counter, every entry of an index."""

from . import keys
from .index import is_odd
from .record import unpack


def checking(catalog, damage=()):
    """Yield a line for each problem, and `...` in between: at each record or entry, and wherever damage has it.

    damage: the errors of store.verify(); without any, records are compared with indexes.
    """
    damaged = False
    for error in damage:
        damaged = damaged or error is not ...
        yield error if error is ... else str(error)
    if not damaged:
        for collection in catalog.collections():
            yield from _check_records(collection)
            for index in _own(collection):
                yield from _check_entries(collection, index)


def _own(collection):
    return [index for index in collection.indexes() if not index.is_foreign]


def _check_records(collection):
    n = 0
    for id, raw in collection.stored():
        n += 1
        for index in _lacking(collection, id, raw):
            yield "%s: record %d is missing in the index on %s" % (collection.name, id, ", ".join(index.fields))
        yield ...
    if n != collection.count:
        yield "%s: has %d records and counts %d" % (collection.name, n, collection.count)


def _lacking(collection, id, raw):
    """Return the indexes that should have a record and do not. A record is in RAM while this runs, not while the next is read."""
    record, lacking = unpack(raw, id), []
    for index in _own(collection):
        entry = index.key_of(collection, record)
        if entry and collection.catalog.store.get(entry) is None and not is_odd(raw):
            lacking.append(index)
    return lacking


def _check_entries(collection, index):
    prefix = index.prefix(collection)
    for key, id in index.ids(collection, prefix, keys.above(prefix)):
        raw = collection.catalog.store.get(collection.key(id))
        if raw is None or index.key_of(collection, unpack(raw, id)) != key and not is_odd(raw):
            yield "%s: the index on %s is wrong about record %d" % (collection.name, ", ".join(index.fields), id)
        yield ...
