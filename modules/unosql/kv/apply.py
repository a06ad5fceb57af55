"""The door that all operations come in by: encoded once, admitted if there is room, and sent on their way."""

from .batch import write_large
from .reclaim import admit, drop_dead
from .writing import expanded, write


def apply(store, ops):
    """See Store.apply()."""
    store.ready()
    entries, logged = [], []
    for op in ops:  # encoded once: a record may be large
        i = len(entries)
        entries += expanded(store, *op)
        logged.append(entries[i])
    size = 0
    for entry in entries:
        if len(entry) > store.memtable.capacity:
            raise ValueError("%d bytes are too large for the memtable of %d" % (len(entry), store.memtable.capacity))
        size += len(entry)
    removes = store.segments.space.left <= 0 and admit(store, ops, size)
    if store.batch:
        store.batch.add(entries, ops)
    elif size > store.memtable.capacity:
        write_large(store, entries, ops)
    else:
        write(store, logged[0] if len(logged) == 1 else b"".join(logged), entries, ops)
    if removes:
        store.compaction.quietly(drop_dead, store)  # what it freed is to be had at once
