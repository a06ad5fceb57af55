"""Reading a Store: one key from the newest part that has it, or all of them merged, over again when something was written."""

from .. import heap
from ..native import native
from .memory import free_caches
from .memtable import ABSENT
from .merge import merge, scan_run


def peek(store, key):
    """See Store.peek()."""
    for table in memtables(store):
        value = table.get(key)
        if value is not ABSENT:
            return value
    for segment in store.version.holders(key):
        value = segment.get(key)
        if value is not ABSENT:
            return value
    return None


def memtables(store):
    """Return them, the newest first."""
    batch = store.batch
    return [store.memtable] if batch is None or batch.memtable is None else [batch.memtable, store.memtable]


def scan(store, lo, hi, reverse):
    """See Store.scan()."""
    retried = False
    shared_block = heap.scarce()
    while True:
        store.ready()
        epoch = store.epoch
        key = parts = merged = None  # what the try before this kept goes first
        try:
            parts = _parts(store, lo, hi, reverse, shared_block)
            merged = merge(parts[0], reverse, parts[1])
            for entry in merged:
                if entry[1] is not None:
                    yield entry
                key = entry[0]
                if epoch != store.epoch:
                    break
            else:
                return
        except MemoryError:
            if merged:
                merged.close()  # its buffers go as well
            if not free_caches(store) and shared_block or retried:
                raise
            shared_block = True
        finally:
            if merged:
                merged.close()
        retried = key is None  # no progress: once more, not for ever
        if key is not None:  # start again behind the last key
            lo, hi = (lo, key) if reverse else (key + b"\0", hi)


def _parts(store, lo, hi, reverse, shared_block):
    """Return the sources to merge, and for each the key before which it has nothing, or None."""
    tables = memtables(store)
    sources, bounds = sources_of(store.version.levels, lo, hi, reverse, shared_block)
    return [table.scan(lo, hi, reverse) for table in tables] + sources, [None] * len(tables) + bounds


def sources_of(levels, lo, hi, reverse, shared_block):
    """Return what merge() takes of levels (level 0 first): a source a run of segments, newest first, and their bounds."""
    sources, bounds = [], []
    for run in [[s] for s in levels[0]] + levels[1:]:
        run = _overlapping(run, lo, hi)
        if run:
            if reverse:
                run.reverse()
            sources.append(scan_run(run, lo, hi, reverse, shared_block))
            bounds.append(run[0].max if reverse else run[0].low)
    return sources, bounds


def _overlapping(run, lo, hi):
    """Return a new list of the segments of a sorted run in which a live key may lie in lo <= key < hi."""
    first = last = native.bisect(run, lo)
    while last < len(run) and run[last].overlaps(lo, hi):
        last += 1
    return run[first:last]
