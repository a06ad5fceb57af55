"""Forgetting what is too old: records beyond a collection's TTL, versions beyond the depth of its history, and deletions.

Records before all live ones go by raising `first`, which writes nothing of them. A record kept alive by updates blocks
this. A sweep then deletes the expired records behind it, leaving no history and no change entries. It resumes where the last
sweep stopped and visits two records per insert, so that expired records take no more room than live ones.

Deletions, with the history of what was deleted, are forgotten in their order. A walk over the feed of changes, on from
where the last one ended, passes more changes than were made meanwhile: they take a share of what is live at the most.
"""

from . import keys
from .changes import feed
from .record import header

# Records that one look forgets by raising `first`, and that one looks at in a sweep.
_MOST = 256
_SWEPT = 32
# Operations at which a sweep's batch is written, and versions that go at once: they must not need much RAM.
_BATCH = 16
_VERSIONS = 32
# Changes that a walk over deletions passes, and deletions that it forgets at the most. The last changes stay in any case.
_PASSED = 128
_DELETIONS = 24
_STAY = 256


def forget(collection):
    """Forget some records that have expired; return the changes of state that remain to be stored."""
    gone, first, kept = 0, collection.first, None
    for id, raw in collection.stored():
        if gone == _MOST or not collection.is_expired(raw):
            first, kept = id, raw
            break
        gone += 1
        first = id + 1
    if kept and gone < _MOST and _outlives(collection, kept):
        _sweep(collection, first)
    return {"first": first, "count": collection.count - gone} if gone else {}


def _outlives(collection, raw):
    """Whether records behind this one may expire before it: it was updated, or the clock went back."""
    version, timestamp, _, _ = header(raw)
    return version > 1 or timestamp > collection.catalog.now()


def _sweep(collection, first):
    expired, seen = [], 0
    start, collection.swept = max(first, collection.swept), 0
    for id, raw in collection.stored(start):
        if seen == _SWEPT:
            collection.swept = id
            break
        seen += 1
        if collection.is_expired(raw):
            expired.append(id)
    ops = []
    for id in expired:
        ops += _removal(collection, id)
        if len(ops) >= _BATCH or id == expired[-1]:
            collection.catalog.store.apply(ops)
            ops = []


def _removal(collection, id):
    key = collection.key(id)
    raw = collection.catalog.store.get(key)
    version, _, change, _ = header(raw)
    ops = unwind(collection, id, 1) if version > 1 else []
    ops += [(key, None), (keys.make(keys.CHANGE, change), None)]
    return ops + collection.index_ops(id, raw, None, {})


def surplus(collection, id, n):
    """Return the operations that remove all earlier versions of a record but n; of many only the oldest."""
    prefix = keys.make(keys.HISTORY, collection.number, id)
    store, end = collection.catalog.store, keys.above(prefix)
    many = -n
    for _ in store.scan(prefix, end):
        many += 1
    many = min(many, _VERSIONS)
    ops = []
    for key, _ in store.scan(prefix, end):
        if len(ops) >= many:
            break
        ops.append((key, None))
    return ops


def unwind(collection, id, version):
    """Return the operations that remove versions from `version` on from the history."""
    prefix = keys.make(keys.HISTORY, collection.number, id)
    return removals(collection.catalog.store, keys.make(keys.HISTORY, collection.number, id, version), prefix)


def removals(store, lo, prefix):
    """Return the operations that remove what has a key from lo on, up to the last one that starts with prefix."""
    return [(key, None) for key, _ in store.scan(lo, keys.above(prefix))]


def forget_deletions(collection):
    """Forget some of the oldest deletions; those among the last changes stay, half as many as the collection has records."""
    catalog = collection.catalog
    last = catalog.change - max(_STAY, collection.count // 2)
    told, time, passed = catalog.forgotten
    ops, seen, gone = [], 0, 0
    for change, number, id, deleted in feed(catalog.store, passed, last):
        if seen == _PASSED or gone == _DELETIONS:
            break
        passed = change
        seen += 1
        if deleted is not None:
            gone += 1
            told, time = max(told, change), max(time, deleted)
            ops.append((keys.make(keys.CHANGE, change), None))
            prefix = keys.make(keys.HISTORY, number, id)
            ops += removals(catalog.store, prefix, prefix)
    if ops:
        catalog.store.apply(ops + [catalog.counters(forgotten=[told, time, passed])])
    else:
        catalog.forgotten = [told, time, passed]
