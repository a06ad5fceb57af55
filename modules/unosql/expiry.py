"""Forgetting what is too old: records beyond a collection's TTL, and versions beyond the depth of its history.

Records before all live ones go by raising `first`, which writes nothing of them. One that updates keep alive stops
that: then a sweep over the others, on from where the last one ended, deletes what has expired, without a trace in the
history or the changes. It passes two records for one inserted: what has expired takes no more room than what is live.
"""

from . import keys
from .record import header

# Records that one look forgets by raising `first`, and that one looks at in a sweep.
_MOST = 256
_SWEPT = 32
# Operations at which a sweep's batch is written, and versions that go at once: they must not need much RAM.
_BATCH = 16
_VERSIONS = 32


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
    n = min(sum(1 for _ in store.scan(prefix, end)) - n, _VERSIONS)
    ops = []
    for key, _ in store.scan(prefix, end):
        if len(ops) >= n:
            break
        ops.append((key, None))
    return ops


def unwind(collection, id, version):
    """Return the operations that remove versions from `version` on from the history."""
    lo = keys.make(keys.HISTORY, collection.number, id, version)
    hi = keys.above(keys.make(keys.HISTORY, collection.number, id))
    return [(key, None) for key, _ in collection.catalog.store.scan(lo, hi)]
