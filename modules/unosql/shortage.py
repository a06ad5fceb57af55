"""Deleting many records while flash is short: it must not need room for all that it writes at once.

Records before all others go by raising `first`. Others go in several batches of the store, and yet all or nothing: the
first batch puts into the catalogue what is to be deleted, a promise that opening keeps after a cut. Nothing is kept in the
history, since room is wanted.
"""

from .condition import compile, matches
from .errors import StorageFullError
from .query import search
from .record import header, unpack

# Operations at which a batch is written: it must not need much RAM.
_BATCH = 16


def delete(collection, tests):
    """Delete all records that tests hold for; return how many. StorageFullError: it stopped half-way, and stays so."""
    ids = [record["id"] for record in search(collection, tests, 2)]
    if len(ids) == 1 and ids[0] != next(collection.scan())[0]:
        collection.delete(ids[0], collection.raw(ids[0]))
        return 1
    total, oldest, last = _measure(collection, tests) if len(ids) > 1 else (len(ids), len(ids), ids and ids[0])
    if total > oldest:
        _promise(collection.catalog, [collection.name, _condition(tests), collection.catalog.change])
        keep_promise(collection.catalog)
    elif total:
        gone = sum(1 for _ in collection.stored(collection.first, last + 1))  # expired ones among them
        collection.change(first=last + 1, count=collection.count - gone)
    return total


def _measure(collection, tests):
    """Return how many records tests hold for, how many of these come before all others, and the last id of the latter."""
    total = oldest = last = 0
    others = False
    for id, raw in collection.scan():
        if not matches(tests, unpack(raw, id)):
            others = True
            continue
        total += 1
        if not others:
            oldest, last = total, id
    return total, oldest, last


def _condition(tests):
    """What compile() makes tests of."""
    return {"and": [{name: argument} if field is None else {field: {name: argument}} for name, field, argument, _ in tests]}


def _promise(catalog, promise):
    catalog.store.apply([catalog.counters(promise=promise)])


def keep_promise(catalog):
    """Delete what the catalogue promises. StorageFullError: the rest stays."""
    name, where, change = catalog.promise
    try:
        _sweep(catalog.collection(name), compile(where), change)
    except StorageFullError:
        _promise(catalog, None)
        raise
    _promise(catalog, None)


def _sweep(collection, tests, last):
    """Delete the records that tests hold for and that no change after the last one wrote."""
    catalog = collection.catalog
    ops, change = [], catalog.change
    for id, raw in collection.scan():
        if header(raw)[2] <= last and matches(tests, unpack(raw, id)):
            change += 1
            ops += collection.deletion(id, raw, change, False)
            if len(ops) >= _BATCH:
                catalog.store.apply(ops)
                ops = []
    if ops:
        catalog.store.apply(ops)
