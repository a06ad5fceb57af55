"""RAM that a Store can have back, and the memory that its parts lend each other."""

from .. import heap


def retry(store, call, *args):
    """Call, and when memory runs out, once more without the RAM that can be had back."""
    try:
        return call(*args)
    except MemoryError:
        if not free_caches(store):
            raise
        return call(*args)


def free_caches(store):
    """Give up cached blocks and the unfinished segment of a compaction; return whether there were any."""
    stopped = store.compaction.stop()
    freed = store.segments.free_caches() or stopped
    heap.collect()  # and find out how little is free by now
    return freed


def in_memtable_memory(store, call, *args):
    """Call what reads much while the memtable is empty: it gets buffers from its memory."""
    for _ in within_memtable_memory(store, _calling(call, args)):
        pass


def _calling(call, args):
    call(*args)
    yield


def within_memtable_memory(store, steps):
    """Yield from what does so step by step."""
    store.compaction.stop()
    buffers = store.segments.buffers
    try:
        buffers.lend(store.memtable.arena)
        yield from steps
    finally:
        before = store.suspect()  # should this fail, some may still be in use
        try:
            store.compaction.stop()
            store.segments.reader.forget()
        finally:
            buffers.reclaim()
        store.trust(before)
