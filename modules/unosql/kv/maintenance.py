"""What is seldom asked of a Store."""

from ..errors import CorruptionError
from .archive import Archive, ArchiveReader
from .memory import free_caches, within_memtable_memory
from .rekey import rewriting
from .version import bytes_of


def compacting(store):
    """Generator: merge everything into the deepest level and forget what is dead. Yields at each block; nothing else may write meanwhile."""
    while store.observer.forget_expired():
        yield
    store.flush()
    merges = store.compaction.everything()
    yield from within_memtable_memory(store, merges) if store.policy.bursts else merges


def rekeying(store, password, iterations):
    """Generator: rewrite everything under a new password (None: plain), block by block. A cut leaves the old or the new one."""
    store.ready()
    if store.batch:
        raise ValueError("rekeying within a transaction")  # it would install what is staged
    free_caches(store)
    store.flush()
    return rewriting(store, password, iterations)


def trim(store):
    """Free RAM: write the memtable out and drop cached blocks."""
    store.flush()
    free_caches(store)


def verify(store, ticks=False):
    """Read every block; yield a CorruptionError for each segment that is damaged. ticks: and `...` at each entry."""
    store.ready()
    for segment in list(store.version.segments()):
        try:
            for _ in segment.checking():
                if ticks:
                    yield ...
        except CorruptionError as error:
            yield error


def export(store, filename, meta):
    """Return an archive.Archive to add() entries to, sealed under the store's key."""
    store.flush_buffered()  # what a cut may take back, a later increment would not have
    return Archive(filename, store.manifest.header, store.manifest.envelope, meta, store.segments.buffers)


def import_(store, filename, password=None):
    """Return an archive.ArchiveReader: meta, checking(), entries(), close()."""
    store.ready()
    free_caches(store)  # what goes on meanwhile is a large batch
    return ArchiveReader(filename, store.manifest.header, store.manifest.envelope, password, store.segments.buffers)


def stats(store):
    """Return a dict of sizes and counts."""
    store.ready()
    space, levels = store.segments.space, list(map(len, store.version.levels))
    return {
        "bytes": bytes_of(store.version.segments()),
        "free": max(0, space.free() - space.goal),
        "segments": sum(levels),
        "levels": levels,
        "memtable": store.memtable.used,
        "wal": store.wal.counter - store.version.wal,
        "reads": store.segments.reader.reads,
        "compaction_error": store.compaction.error,
    }
