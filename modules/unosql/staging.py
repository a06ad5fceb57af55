"""Batches that are more than one call: transactions, staged in RAM, and bulk batches of any size.

A bulk batch goes through the memtable into segments that one manifest record publishes at its end; a transaction that
outgrows its part of RAM becomes one. All functions are for a store.Store, on whose state they work.
"""

from . import heap
from .manifest import LIMIT
from .memtable import Memtable, encode_entry

# With so many times what inserts want free, a batch may merge as it goes.
_AMPLE = 4


def begin(store):
    """See Store.begin()."""
    store.ready()
    if store.staging:
        raise ValueError("transactions do not nest")
    base = store.hooks.before_flush()
    staged = _memtable(store)
    store.base = base  # nothing may fail after this
    store.staged = staged


def _memtable(store):
    """What a transaction is staged in: half a memtable, or where there is no such gap less; it becomes a bulk batch sooner."""
    try:
        return Memtable(store.memtable.capacity // 2)
    except MemoryError:
        store.relinquish()
        return Memtable(store.memtable.capacity // 8)


def join(store, entries, ops):
    """Make a batch part of the transaction or bulk batch at hand; when it fails half-way that can only be rolled back."""
    store.epoch += 1
    staged = ()
    if store.staged is not None and sum(len(entry) for entry in entries) > store.staged.room:
        staged = (encode_entry(key, value) for key, value in store.staged.scan())  # one by one: there may be many
        begin_bulk(store)  # what raises has changed nothing
        store.staged = None
    try:
        if store.staged is None:
            _put_bulk(store, staged)
            _put_bulk(store, entries)
        else:
            for entry in entries:
                store.staged.put(entry)
        store.replay(ops)
        if store.bulk and store.hooks.crowded():
            _flush_bulk(store)
    except BaseException:
        store.lost = True
        raise


def commit(store):
    """See Store.commit()."""
    store.ready()
    if store.bulk:
        return commit_bulk(store)
    if store.staged is None:
        raise ValueError("no transaction")
    entries = _staged_entries(store)
    if entries:
        entries += [encode_entry(key, value) for key, value in store.hooks.before_flush()]
    store.staged = None
    try:
        if sum(len(entry) for entry in entries) > store.memtable.capacity:
            apply_large(store, entries)
        elif entries:
            store.write(b"".join(entries), entries)
        store.base = None
    except BaseException:
        if store.broken or store.base is None:
            store.broken = True
        else:
            _unstage(store)  # nothing was written
        raise


def _staged_entries(store):
    entries = []
    for key, value in store.staged.scan():
        if len(entries) % 32 == 0:
            heap.tidy()  # lest garbage between them leaves no gap for the list to grow
        entries.append(encode_entry(key, value))
    return entries


def rollback(store):
    """See Store.rollback(); this aborts a bulk batch too."""
    lost, store.lost = store.lost, False
    if store.staged is not None and not store.broken:
        return _unstage(store)
    if lost or store.staging:
        store.broken = True
    store.staged, store.bulk = None, 0
    store.ready()


def _unstage(store):
    """Back to the state at begin(), without reading all again: what is only buffered must stay."""
    base = store.base
    store.staged = store.base = None
    store.epoch += 1
    try:
        store.hooks.reload()
        store.replay(base)
    except BaseException:
        store.broken = True  # to a layer above that knows half, compaction would lose what it does not know
        raise


def begin_bulk(store):
    """Start a batch of any size: nothing of it is durable before commit_bulk()."""
    store.flush()
    store.bulk = store.manifest.next_file


def commit_bulk(store):
    """Publish the batch. What raises has aborted it."""
    store.ready()
    try:
        _flush_bulk(store)
        store.bulk = 0
        store.commit_past_log()
    except BaseException:
        store.bulk = 0
        store.broken = True
        raise
    store.hooks.flushed()


def apply_large(store, entries, ops=()):
    """A batch larger than the memtable."""
    begin_bulk(store)
    try:
        _put_bulk(store, entries)
        store.replay(ops)
        commit_bulk(store)
    except BaseException:
        rollback(store)
        raise


def _put_bulk(store, entries):
    try:
        for entry in entries:
            if len(entry) > store.memtable.room:
                _flush_bulk(store)
            store.put((entry,))
    except BaseException:
        store.broken = True  # part of it is there: the batch can only be aborted
        raise


def _flush_bulk(store):
    heap.tidy()
    _twice(store, store.flush_memtable)
    store.memtable.clear()
    if store.base is None:
        store.hooks.flushed()  # should the batch be given up, the layer above loads anew
    if len(store.manifest.levels[0]) < LIMIT // 2:
        return
    space = store.space
    most = LIMIT // 2 if space.free() > _AMPLE * space.goal else LIMIT - 1  # what is merged here comes free at the end only
    if len(store.manifest.levels[0]) < most:
        return
    if store.small:
        return _twice(store, _burst, store)
    while store.compact_some(8) and len(store.manifest.levels[0]) >= most:
        pass


def _burst(store):
    store.in_arena(store.compactor().burst, 32)  # as many as level 1 needs to stay small, as its segments take RAM


def _twice(store, call, *args):
    """Call, and when memory runs out once more: without the RAM that can be had back, and fewer segments at a time."""
    try:
        call(*args)
    except MemoryError:
        store.relinquish()
        call(*args)
