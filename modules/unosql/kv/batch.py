"""A batch that is more than one call: a transaction, staged in RAM, or a batch of any size.

What outgrows its part of RAM spills: it goes through the store's memtable into segments of a draft version, which the
end of the batch installs. Whatever a batch changes is in this object, so that rolling back is to drop it.
"""

from .. import heap
from .memory import free_caches, in_memtable_memory
from .memtable import Memtable, encode_entry
from .reclaim import full
from .writing import flush, install_again, make_room, put, with_memtable, write

# With so many times what inserts want free, a batch may merge as it goes.
_AMPLE = 4


class Batch:
    """memtable: what is staged; None once that has spilled. draft: the Version it has spilled into, or None.

    catalogue: the entries of the layer above when it began; None once those of the batch are in the store's memtable.
    written: entries that it took. failed: it ended half-way, and can only be rolled back.
    """

    def __init__(self, store, catalogue=None, memtable=None):
        self._store = store
        self.catalogue = catalogue
        self.memtable = memtable
        self.draft = None
        self._first = 0  # number of the draft's first file
        self._gone = []  # numbers of the files that the draft no longer names and a durable version does
        self.failed = False
        self.written = 0

    @property
    def is_open(self):
        """Whether it takes writes: it has not failed, and its commit has not begun."""
        return self.memtable is not None or self.draft is not None

    def fail(self):
        """The store was loaded anew meanwhile."""
        self.memtable = self.draft = self.catalogue = None
        self.failed = True

    def add(self, entries, ops):
        """Add operations; when that fails half-way the batch has failed."""
        store = self._store
        store.epoch += 1
        self.written += len(entries)
        staged = ()
        if self.memtable is not None and _size(entries) > self.memtable.room:
            staged = (encode_entry(key, value) for key, value in self.memtable.scan())  # one by one: there may be many
            self.spill()  # what raises has changed nothing
            self.memtable = None
        try:
            if self.memtable is None:
                self._put(staged)
                self._put(entries)
            else:
                for entry in entries:
                    self.memtable.put(entry)
            store.replay(ops)
            if self.draft and store.observer.crowded():
                self._flush()
        except BaseException:
            self.failed = True
            raise

    def spill(self):
        """From now on the store's memtable takes the entries, and a draft version the segments."""
        flush(self._store)
        self._first = self._store.segments.next_number
        self.draft = self._store.version

    def _put(self, entries):
        store = self._store
        try:
            for entry in entries:
                if len(entry) > store.memtable.room:
                    self._flush()
                put(store, (entry,))
        except BaseException:
            store.suspect()  # part of it is there: the batch can only be rolled back
            raise

    def _flush(self):
        store = self._store
        if store.segments.space.is_tight:
            raise full(store)
        heap.collect()
        self.advance(_twice(store, with_memtable, store))
        store.memtable.clear()
        if self.catalogue is None:
            store.observer.flushed()  # should the batch be given up, the layer above loads anew
        if len(self.draft.levels[0]) >= store.policy.limit // 2:
            self._merge()

    def _merge(self):
        store, space = self._store, self._store.segments.space
        limit = store.policy.limit
        most = limit // 2 if space.free() > _AMPLE * space.goal else limit - 1  # what is merged here comes free at the end only
        if len(self.draft.levels[0]) < most:
            return
        if store.policy.bursts:
            return _twice(store, _burst, store)
        while store.compaction.run(8) and len(self.draft.levels[0]) >= most:
            pass

    def advance(self, version, gone=()):
        """Take the next draft. Of the files it no longer names, those of earlier drafts are removed (invariant 5)."""
        store = self._store
        self.draft = version
        store.epoch += 1
        for number in [segment.number for segment in gone] + store.segments.take_obsolete(self._first):
            if number < self._first:
                self._gone.append(number)
            else:
                store.segments.remove([number])

    def commit(self):
        """Make it durable. What raises leaves the store suspect, or has undone the batch."""
        store = self._store
        if self.draft:
            return self._publish()
        entries = self._staged()
        self.memtable = None
        try:
            if _size(entries) > store.memtable.capacity:
                self.spill()
                self.write_large(entries)
            elif entries:
                write(store, b"".join(entries), entries)
        except BaseException:
            if store.is_suspect or self.catalogue is None:
                store.suspect()
            else:
                self.undo()  # nothing was written
            raise

    def _staged(self):
        """Return the encoded entries, and those of the catalogue if there are any."""
        entries = []
        for key, value in self.memtable.scan():
            if len(entries) % 4 == 0:
                heap.tidy()  # lest garbage between them leaves no gap for the list to grow, nor for the record of the log
            entries.append(encode_entry(key, value))
        if entries:
            entries += [encode_entry(key, value) for key, value in self._store.observer.before_flush()]
        return entries

    def write_large(self, entries, ops=()):
        """Write entries, larger than the store's memtable, into the draft, and install that."""
        self._put(entries)
        self._store.replay(ops)
        self._publish()

    def _publish(self):
        """Install the draft. The WAL can't make up for this version, so both slots of the manifest get it."""
        store = self._store
        try:
            self._flush()
            version, self.draft = self.draft, None
            store.wal.skip()
            version = version.at(store.wal.counter)
            store.segments.obsolete += self._gone
            store.install(version)
            install_again(store)
        except BaseException:
            store.suspect()
            raise
        store.observer.flushed()

    def rollback(self):
        """Undo it where that is enough; else the next call loads all anew, and removes what has spilled."""
        if self.memtable is None or self._store.is_suspect:
            self._store.suspect()
        else:
            self.undo()

    def undo(self):
        """Take the layer above back to where the batch began, without reading all again: what is only buffered must stay."""
        store = self._store
        store.epoch += 1
        try:
            store.observer.reload()
            store.replay(self.catalogue)
        except BaseException:
            store.suspect()  # if the layer above knows but half, compaction takes what it does not know for dead
            raise


def begin(store):
    """Return the Batch of a transaction."""
    # within the transaction what is dead is not known; each flush of a small memtable takes an erase block
    make_room(store, 3 if store.policy.bursts else 2)
    catalogue = store.observer.before_flush()
    try:
        table = Memtable(store.memtable.capacity // 2)
    except MemoryError:  # where there is no such gap, less: it spills sooner
        free_caches(store)
        table = Memtable(store.memtable.capacity // 8)
    return Batch(store, catalogue, table)


def write_large(store, entries, ops):
    """Make entries, larger than the memtable, one durable batch."""
    batch = Batch(store)
    batch.spill()  # what raises has changed nothing
    store.batch = batch
    try:
        batch.write_large(entries, ops)
    except BaseException:
        store.rollback()
        raise
    store.batch = None


def _size(entries):
    return sum(len(entry) for entry in entries)


def _burst(store):
    in_memtable_memory(store, store.compaction.burst, 32)  # as many as level 1 needs to stay small, as its segments take RAM


def _twice(store, call, *args):
    """Call, and when memory runs out once more: without the RAM that can be had back, and fewer segments at a time."""
    try:
        return call(*args)
    except MemoryError:
        free_caches(store)
        return call(*args)
