"""Deleting many records while flash is short: it must not need room for all that it writes at once.

Records before all others go by raising `first`, of which the feed of changes does not tell. Others go in several batches of
the store, and yet all or nothing: first their ids are written down, then the catalogue's entry makes that a promise, which
opening keeps after a cut. Nothing is kept in the history, since room is wanted.
"""

from ..codec import pack_uint
from ..native import native
from ..errors import StorageFullError
from . import keys
from .condition import matches
from .expiry import removals
from .query import search
from .record import header, unpack

# Operations at which a batch is written: it must not need much RAM.
_BATCH = 16
# Bytes of an entry with ids.
_PART = 256


def delete(collection, tests):
    """Delete all records that tests hold for; return how many. StorageFullError: it stopped half-way, and stays so."""
    ids = [record["id"] for record in search(collection, tests, 2)]
    if len(ids) == 1 and ids[0] != next(collection.scan())[0]:
        collection.delete(ids[0], collection.raw(ids[0]))
        return 1
    total, first = _prefix(collection, tests) if len(ids) > 1 else (len(ids), ids and ids[0] + 1)
    if first:
        _drop(collection, first)
    elif total:
        _delete(collection, tests)
    return total


def _delete(collection, tests):
    try:
        _promise(collection, tests)
        keep_promise(collection.catalog)
    except StorageFullError:
        _end(collection.catalog)
        raise


def _prefix(collection, tests):
    """Return how many records tests hold for, and the id behind them when no others are before them, else 0."""
    total = first = others = 0
    for id, raw in collection.scan():
        if not matches(tests, unpack(raw, id)):
            others += 1
            continue
        total += 1
        first = 0 if others else id + 1
    return total, first


def _drop(collection, first):
    """Raise `first`. That is a change: increments which would have to tell of it are refused from now on."""
    catalog = collection.catalog
    count = collection.count
    for _ in collection.stored(collection.first, first):  # what has expired may lie before first as well
        count -= 1
    state = collection.catalogue_op(first=first, count=count)
    change, walked = catalog.change + 1, catalog.forgotten[2]
    catalog.store.apply([state, catalog.counters(change=change, forgotten=[change, catalog.now(), walked])])


def _promise(collection, tests):
    """Write down which records tests hold for, as runs: v(ids between) v(ids); conditions may be long, or no JSON."""
    store, catalog = collection.catalog.store, collection.catalog
    part, n, last = bytearray(), 0, 0
    for start, end in _runs(collection, tests):
        part += pack_uint(start - last) + pack_uint(end - start)
        last = end
        if len(part) >= _PART:
            store.apply([(keys.make(keys.PROMISE, n), bytes(part))])
            part, n = bytearray(), n + 1
    promise = [collection.name, catalog.change, n + 1]
    store.apply([(keys.make(keys.PROMISE, n), bytes(part)), catalog.counters(promise=promise)])


def _runs(collection, tests):
    """Yield (first id, id behind) of the records in a row that tests hold for."""
    start = end = 0
    for id, raw in collection.scan():
        if matches(tests, unpack(raw, id)):
            if id > end:
                if start:
                    yield start, end
                start = id
            end = id + 1
    yield start, end


def _promised(store, parts):
    """Yield the same as it was written down."""
    end = 0
    for n in range(parts):
        part, i = store.get(keys.make(keys.PROMISE, n)), 0
        while i < len(part):
            start, size, i = native.unpack_uint(part, i, 2)
            start += end
            end = start + size
            yield start, end


def keep_promise(catalog):
    """Delete what the catalogue promises. StorageFullError: the rest stays, and so does the promise."""
    name, change, parts = catalog.promise
    _sweep(catalog.collection(name), _promised(catalog.store, parts), change)
    _end(catalog)


def _end(catalog):
    store = catalog.store
    store.apply(removals(store, keys.PROMISE, keys.PROMISE) + [catalog.counters(promise=None)])


def _sweep(collection, runs, last):
    """Delete the records in runs that no change after the last one wrote."""
    catalog = collection.catalog
    ops, change = [], catalog.change
    run = next(runs)
    for id, raw in collection.scan(run[0]):
        while run and id >= run[1]:
            run = next(runs, None)
        if not run:
            break
        if id >= run[0] and header(raw)[2] <= last:
            change += 1
            ops += collection.deletion(id, raw, change, False)
            if len(ops) >= _BATCH:
                catalog.store.apply(ops)
                ops = []
    if ops:
        catalog.store.apply(ops)


def try_promise(catalog):
    """Keep it where that can be done. A medium that can't be written is for reading all the same; the next call tries again."""
    try:
        keep_promise(catalog)
    except (OSError, StorageFullError):
        pass
