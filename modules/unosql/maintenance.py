"""What is seldom asked of a store: functions that are its methods (store.Store.__getattr__)."""

from .errors import CorruptionError


def method(store, name):
    """Return a function here as the method of a store."""
    function = globals()[name]
    return lambda *args: function(store, *args)


def compact(store):
    """Merge everything into the deepest level and forget what is dead."""
    store.flush()
    everything = store.compactor().everything
    if store.small:
        store.in_arena(everything)
    else:
        everything()


def rekey(store, password, iterations):
    """Rewrite everything under a new password (None: plain). A cut leaves the old or the new one."""
    from .rekey import rekey

    store.ready()
    if store.staging:
        raise ValueError("rekeying within a transaction")  # it would publish what is staged
    store.relinquish()
    store.flush()
    rekey(store, password, iterations)


def trim(store):
    """Free RAM: write the memtable out and drop cached blocks."""
    store.flush()
    store.relinquish()


def verify(store):
    """Read every block; yield a CorruptionError for each segment that is damaged."""
    store.ready()
    for segment in list(store.manifest.segments()):
        try:
            segment.check()
        except CorruptionError as error:
            yield error


def export(store, filename, meta):
    """Return an archive.Archive to add() entries to, sealed under the store's key."""
    from .archive import Archive

    store.ready()
    return Archive(filename, store.slots.header, store.slots.envelope, meta, store.buffers)


def import_(store, filename, password=None):
    """Return an archive.Opened: meta, check(), entries(), close()."""
    store.ready()
    store.relinquish()  # what goes on meanwhile is a large batch

    from .archive import Opened

    return Opened(filename, store.slots.header, store.slots.envelope, password, store.buffers)


def stats(store):
    """Return a dict of sizes and counts."""
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
