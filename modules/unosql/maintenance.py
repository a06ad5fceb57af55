"""What is seldom asked of a store: what its methods of these names do."""

from . import rekey as rekeying
from .archive import Archive, Opened
from .errors import CorruptionError


def compact(store):
    store.flush()
    everything = store.compactor().everything
    if store.small:
        store.in_arena(everything)
    else:
        everything()


def rekey(store, password, iterations):
    store.ready()
    if store.staging:
        raise ValueError("rekeying within a transaction")  # it would publish what is staged
    store.relinquish()
    store.flush()
    rekeying.rekey(store, password, iterations)


def trim(store):
    store.flush()
    store.relinquish()


def verify(store):
    store.ready()
    for segment in list(store.manifest.segments()):
        try:
            segment.check()
        except CorruptionError as error:
            yield error


def export(store, filename, meta):
    store.ready()
    return Archive(filename, store.slots.header, store.slots.envelope, meta, store.buffers)


def import_(store, filename, password=None):
    store.ready()
    store.relinquish()  # what goes on meanwhile is a large batch
    return Opened(filename, store.slots.header, store.slots.envelope, password, store.buffers)


def stats(store):
    store.ready()
    levels = store.manifest.levels
    return {
        "bytes": sum(s.size for s in store.manifest.segments()),
        "free": max(0, store.space.free() - store.space.goal),
        "segments": sum(len(level) for level in levels),
        "levels": [len(level) for level in levels],
        "memtable": store.memtable.used,
        "wal": store.wal.counter - store.manifest.wal,
        "reads": store.reader.reads,
        "compaction_error": store.compaction_error,
    }
