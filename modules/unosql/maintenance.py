"""What is seldom asked of a Store."""

from .archive import Archive, Opened
from .errors import CorruptionError
from .rekey import rekey as rewrite


def compact(store):
    store.flush()
    everything = store.compaction.everything
    if store.policy.bursts:
        store.in_memtable_memory(everything)
    else:
        everything()


def rekey(store, password, iterations):
    store.ready()
    if store.batch:
        raise ValueError("rekeying within a transaction")  # it would install what is staged
    store.free_caches()
    store.flush()
    rewrite(store, password, iterations)


def verify(store):
    store.ready()
    for segment in list(store.version.segments()):
        try:
            segment.check()
        except CorruptionError as error:
            yield error


def export(store, filename, meta):
    store.ready()
    return Archive(filename, store.manifest.header, store.manifest.envelope, meta, store.segments.buffers)


def import_(store, filename, password=None):
    store.ready()
    store.free_caches()  # what goes on meanwhile is a large batch
    return Opened(filename, store.manifest.header, store.manifest.envelope, password, store.segments.buffers)


def stats(store):
    store.ready()
    levels, space = store.version.levels, store.compaction.space
    return {
        "bytes": sum(s.size for s in store.version.segments()),
        "free": max(0, space.free() - space.goal),
        "segments": sum(len(level) for level in levels),
        "levels": [len(level) for level in levels],
        "memtable": store.memtable.used,
        "wal": store.wal.counter - store.version.wal,
        "reads": store.segments.reader.reads,
        "compaction_error": store.compaction.error,
    }
