"""The store: ordered bytes keys to bytes values on flash, in atomic durable batches.

Its state says whether RAM and flash agree, as eState does in SQLite's pager.c:

                open()            durably(), suspect()
      CLOSED ------------> READY ---------------------> SUSPECT
         ^                   |  <---------------------     |
         |      close()      |    durably(), trust():      |
         +-------------------+    it went well, or the     |
         |                        storage says that        |
         |                        nothing was written      |
         |                        ready(): loaded anew     |
         |                  close()                        |
         +-------------------------------------------------+

CLOSED   No call works.
READY    `version` is the newest record of the manifest; the memtable holds what the WAL has beyond it, or, with buffered
         writes, what nothing durable has. The layer above knows all of both.
SUSPECT  A write may or may not be on flash, or RAM was changed and flash was not. The next call first loads all anew.

`batch` stands beside this: None, or the transaction at hand. While that is READY its writes are in the batch, or in its draft
version and the memtable; what loads anew makes it fail, so that only rollback() is left. docs/DESIGN.md tells more.
"""

from . import maintenance, writing
from .batch import Batch, begin
from .compaction import Compaction
from .errors import ClosedError, StorageFullError, UnosqlError
from .manifest import Manifest
from .memtable import ABSENT, Memtable, encode_entry
from .observer import Observer
from .policy import Policy
from .reclaim import admit, drop_dead
from .recovery import load
from .scan import scan
from .segments import Segments

CLOSED, READY, SUSPECT = range(3)


class Store:
    """One ordered keyspace on a storage (files.Files, flash.Flash or one like them).

    observer: the layer above. policy: what goes with the memtable's size. Neither changes.
    state, batch, memtable, epoch: see above; epoch changes with every write, so that scans notice.
    manifest (with the version), wal, segments: what is on flash. compaction: what changes it in the background.
    """

    def __init__(self, storage, observer=None, memtable=4096, cache=2):
        # what is large is made first, the largest before all, and stays: later there may be no gap for it
        self.memtable = Memtable(memtable)
        self.policy = Policy(memtable, cache)
        self.segments = Segments(storage, self.policy.block)
        self.observer = observer or Observer()
        self.compaction = Compaction(self)
        self.manifest = self.wal = self.batch = None
        self.state = CLOSED
        self.epoch = 0

    @property
    def storage(self):
        """What the files are on."""
        return self.segments.storage

    @property
    def version(self):
        """The Version that is read: the manifest's, or the draft of a batch."""
        return self.batch and self.batch.draft or self.manifest.version

    @property
    def is_suspect(self):
        """Whether RAM may differ from flash."""
        return self.state == SUSPECT

    # -- opening and closing

    def open(self, password=None, iterations=10000):
        """Open or create. password: bytes or None (plain). iterations: of PBKDF2, when created.

        Raises WrongKeyError, CorruptionError, StorageFullError.
        """
        self.manifest = Manifest()
        try:
            self._load(password, iterations)
        except BaseException:
            self.state = CLOSED
            self.storage.close()
            raise

    def close(self):
        """Release the storage. Everything acknowledged is durable already."""
        if self.state != CLOSED:
            self.state = CLOSED
            try:
                self.compaction.stop()
            finally:
                self.storage.close()
                # the collector may take a stale word of the stack for a reference to this store
                self.memtable = self.segments = self.manifest = self.wal = self.compaction = self.batch = None

    def _load(self, password=None, iterations=0):
        batch, self.batch = self.batch, None
        self.epoch += 1
        self.state = READY
        try:
            load(self, password, iterations)
        except BaseException:
            self.state = SUSPECT  # half of it is loaded: that is not an empty database
            raise
        finally:
            if batch:
                batch.fail()
                self.batch = batch

    def ready(self):
        """Make sure that RAM agrees with flash. ClosedError when closed; whatever open() raises."""
        if self.state == CLOSED:
            raise ClosedError("the database is closed")
        if self.state == SUSPECT:
            self.compaction.stop()
            self._load()  # the key is known
        if self.batch and self.batch.failed:
            raise UnosqlError("the transaction failed half-way: roll it back")

    # -- the one way to the medium

    def suspect(self):
        """RAM is changed before flash is: what raises now leaves it at that."""
        self.state = SUSPECT

    def trust(self):
        """RAM agrees with flash again."""
        self.state = READY

    def durably(self, write, then):
        """Call write(), which makes something durable, then then(), which says so in RAM.

        Between the two nobody knows what is on flash, but when write() raises StorageFullError: by the storage's contract it
        has written nothing.
        """
        before, self.state = self.state, SUSPECT
        try:
            write()
        except StorageFullError:
            self.state = before
            raise
        then()
        self.state = before

    def install(self, version, gone=(), then=None):
        """Make a version durable and current: that of a batch when the batch ends. gone: the Segments that it no longer names,
        whose files are removed after that (invariant 5). then: called last, while the store is still suspect.
        """
        if self.batch and self.batch.draft:
            return self.batch.advance(version, gone)
        segments = self.segments

        def write():
            try:
                self.manifest.write(version, segments.next_number)
            except StorageFullError:
                segments.discard(version, self.manifest.version)
                raise

        def adopt():
            self.manifest.version = version
            self.epoch += 1
            self.remove([segment.number for segment in gone] + segments.take_obsolete())
            if then:
                then()

        self.durably(write, adopt)

    def remove(self, numbers):
        """Remove files that no version names any more."""
        if numbers:
            self.segments.remove(numbers)
            self.compaction.space.wrote(0)

    # -- reading

    def get(self, key):
        """Return the value of key, or None."""
        self.ready()
        return self.retry(self.peek, key)

    def peek(self, key):
        """get() for what runs within a merge or a replay: it gives no RAM up, and loads nothing anew."""
        for table in self.memtables():
            value = table.get(key)
            if value is not ABSENT:
                return value
        for segment in self.version.holders(key):
            value = segment.get(key)
            if value is not ABSENT:
                return value
        return None

    def expect_peeks(self):
        """From now on peek() is for every flush and merge: have the RAM for that."""
        self.segments.buffers.keep_more()

    def scan(self, lo, hi=None, reverse=False):
        """Yield (key, value) for lo <= key < hi (None: no bound) in order. Sees writes made while it runs."""
        return scan(self, lo, hi, reverse)

    def memtables(self):
        """Return the memtables, newest first."""
        if self.batch and self.batch.memtable is not None:
            return [self.batch.memtable, self.memtable]
        return [self.memtable]

    # -- writing

    def apply(self, ops):
        """Write ops, a list of (key, value or None to delete), as one atomic batch.

        Durable when it returns, except in a transaction. ValueError when one operation is larger than the memtable,
        StorageFullError when flash is full: nothing has changed then.
        """
        self.ready()
        entries, logged = [], []
        for op in ops:  # encoded once: a record may be large
            i = len(entries)
            entries += self.expanded(*op)
            logged.append(entries[i])
        for entry in entries:
            if len(entry) > self.memtable.capacity:
                raise ValueError("%d bytes are too large for the memtable of %d" % (len(entry), self.memtable.capacity))
        size = sum(len(entry) for entry in entries)
        removes = self.compaction.space.left <= 0 and admit(self, ops, size)
        if self.batch:
            self.batch.add(entries, ops)
        elif size > self.memtable.capacity:
            self._write_large(entries, ops)
        else:
            writing.write(self, logged[0] if len(logged) == 1 else b"".join(logged), entries, ops)
        if removes:
            self.compaction.quietly(drop_dead, self)  # what it freed is to be had at once

    def _write_large(self, entries, ops):
        batch = Batch(self)
        batch.spill()  # what raises has changed nothing
        self.batch = batch
        try:
            batch.write_large(entries, ops)
        except BaseException:
            self.rollback()
            raise
        self.batch = None

    def expanded(self, key, value):
        """Yield the encoded operation, and the one that it implies."""
        yield encode_entry(key, value)
        extra = self.observer.expand(key, value)
        if extra:
            yield encode_entry(*extra)

    def replay(self, ops):
        """Tell the layer above of operations."""
        for key, value in ops:
            self.observer.replay(key, value)

    def flush(self):
        """Write the memtable out as a segment and start the WAL afresh."""
        writing.flush(self)

    def flush_batch(self):
        """Make what is only buffered durable."""
        writing.flush_buffered(self)

    @property
    def is_short(self):
        """Whether so little flash is free that inserts leave it to what removes."""
        return self.compaction.space.is_short

    # -- transactions

    def begin(self):
        """Start a transaction: apply() stages until commit(), and reads see what is staged."""
        self.ready()
        if self.batch:
            raise ValueError("transactions do not nest")
        writing.make_room(self, 2)  # within the transaction what is dead is not known
        self.batch = begin(self)

    def commit(self):
        """Make the transaction's writes one durable batch. What raises has rolled it back."""
        self.ready()
        if not self.batch:
            raise ValueError("no transaction")
        try:
            self.batch.commit()
        finally:
            self.batch = None

    def rollback(self):
        """Forget the transaction's writes, if there are any."""
        batch, self.batch = self.batch, None
        if batch and batch.memtable is not None and not self.is_suspect:
            return batch.undo()
        if batch:
            self.suspect()
        self.ready()

    # -- memory

    def retry(self, call, *args):
        """Call, and when memory runs out, once more without the RAM that can be had back."""
        try:
            return call(*args)
        except MemoryError:
            if not self.free_caches():
                raise
            return call(*args)

    def free_caches(self):
        """Give up cached blocks and the unfinished segment of a compaction; return whether there were any."""
        stopped = self.compaction.stop()
        return self.segments.free_caches() or stopped

    def in_memtable_memory(self, call, *args):
        """Call what reads much while the memtable is empty: it gets buffers from its memory."""
        self.compaction.stop()
        buffers = self.segments.buffers
        try:
            buffers.lend(self.memtable.arena)
            call(*args)
        finally:
            before, self.state = self.state, SUSPECT  # should this fail, some may still be in use
            try:
                self.compaction.stop()
                self.segments.reader.forget()
            finally:
                buffers.reclaim()
            self.state = before

    # -- maintenance.py

    def compact(self):
        """Merge everything into the deepest level and forget what is dead."""
        maintenance.compact(self)

    def rekey(self, password, iterations):
        """Rewrite everything under a new password (None: plain). A cut leaves the old or the new one."""
        maintenance.rekey(self, password, iterations)

    def trim(self):
        """Free RAM: write the memtable out and drop cached blocks."""
        self.flush()
        self.free_caches()

    def verify(self):
        """Read every block; yield a CorruptionError for each segment that is damaged."""
        return maintenance.verify(self)

    def export(self, filename, meta):
        """Return an archive.Archive to add() entries to, sealed under the store's key."""
        return maintenance.export(self, filename, meta)

    def import_(self, filename, password=None):
        """Return an archive.Opened: meta, check(), entries(), close()."""
        return maintenance.import_(self, filename, password)

    def stats(self):
        """Return a dict of sizes and counts."""
        return maintenance.stats(self)
