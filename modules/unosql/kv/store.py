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

from ..errors import ClosedError, StorageFullError, UnosqlError
from . import maintenance, reclaim, writing
from .apply import apply
from .batch import begin
from .compaction import Compaction
from .manifest import Manifest
from .memory import retry
from .memtable import Memtable
from .policy import Policy
from .reading import peek, scan
from .recovery import load
from .segments import Segments
from .space import Space

CLOSED, READY, SUSPECT = 0, 1, 2


class Store:
    """One ordered keyspace on a storage (storage.Files, storage.Flash or one like them).

    observer: the layer above, with what an observer.Observer has. policy: what goes with the memtable's size. Neither changes.
    state, batch, memtable, epoch: see above; epoch changes with every write, so that scans notice.
    manifest (with the version), wal, segments: what is on flash. compaction: what changes it in the background.
    """

    def __init__(self, storage, observer, memtable=4096, cache=2):
        # Allocate large objects first, the largest before the others, and keep them: a used heap may have no gap for them.
        self.memtable = Memtable(memtable)
        self.policy = Policy(memtable, cache)
        self.segments = Segments(storage, self.policy.block, Space(self))
        self.observer = observer
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

    def open(self, password=None, iterations=10000, buffered=False):
        """Open or create. password: bytes or None (plain). iterations: of PBKDF2, when created. buffered: see Policy.

        Raises WrongKeyError, CorruptionError, StorageFullError.
        """
        self.policy.buffered = buffered
        self.manifest = Manifest()
        try:
            self._load(password, iterations)
        except BaseException:
            self.state = CLOSED
            self.storage.close()
            self.manifest.forget()
            raise

    def close(self):
        """Release the storage. Everything acknowledged is durable already."""
        if self.state != CLOSED:
            self.state = CLOSED
            try:
                self.compaction.stop()
            finally:
                self.storage.close()
                self.manifest.forget()
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
        """RAM is changed before flash is: what raises now leaves it at that. Return the state before."""
        before, self.state = self.state, SUSPECT
        return before

    def trust(self, before=READY):
        """RAM agrees with flash again, if it did."""
        self.state = before

    def durably(self, write, then):
        """Call write(), which makes something durable, then then(), which says so in RAM.

        Between the two nobody knows what is on flash, but when write() raises StorageFullError: by the storage's contract it
        has written nothing.
        """
        before = self.suspect()
        try:
            write()
        except StorageFullError:
            self.trust(before)
            raise
        then()
        self.trust(before)

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
                segments.discard(version, self.manifest.version or version)  # a new database has none
                raise

        def adopt():
            self.manifest.version = version
            self.epoch += 1
            segments.remove([segment.number for segment in gone] + segments.take_obsolete())
            if then:
                then()

        self.durably(write, adopt)

    # -- reading

    def get(self, key):
        """Return the value of key, or None."""
        self.ready()
        return retry(self, peek, self, key)

    def peek(self, key):
        """get() for what runs within a merge or a replay: it gives no RAM up, and loads nothing anew."""
        return peek(self, key)

    def expect_peeks(self):
        """From now on peek() is for every flush and merge: have the RAM for that."""
        self.segments.buffers.keep_more()

    def scan(self, lo, hi=None, reverse=False):
        """Yield (key, value) for lo <= key < hi (None: no bound) in order. Sees writes made while it runs."""
        return scan(self, lo, hi, reverse)

    # -- writing

    def apply(self, ops):
        """Write ops, a list of (key, value or None to delete), as one atomic batch.

        Durable when it returns, except in a transaction. ValueError when one operation is larger than the memtable,
        StorageFullError when flash is full: nothing has changed then.
        """
        apply(self, ops)
        if reclaim.is_much_gone(self):
            self.compaction.quietly(writing.sweep, self)

    def replay(self, ops):
        """Tell the layer above of operations."""
        for key, value in ops:
            self.observer.replay(key, value)

    def flush(self):
        """Write the memtable out as a segment and start the WAL afresh."""
        writing.flush(self)

    def flush_buffered(self):
        """Make what is only buffered durable."""
        writing.flush_buffered(self)

    @property
    def is_short(self):
        """Whether so little flash is free that inserts leave it to what removes."""
        return self.segments.space.lacks(1)

    # -- transactions

    def begin(self):
        """Start a transaction: apply() stages until commit(), and reads see what is staged."""
        self.ready()
        if self.batch:
            raise ValueError("transactions do not nest")
        self.batch = begin(self)

    def commit(self):
        """Make the transaction's writes one durable batch. What raises has rolled it back.

        Returns steps that may be left: they give back what the batch removed. Take them when is_dead_range() tells of what is durable now.
        """
        self.ready()
        if not self.batch:
            raise ValueError("no transaction")
        batch = self.batch
        try:
            batch.commit()
        finally:
            self.batch = None
        return writing.working(self, batch.written)

    def rollback(self, error=None):
        """Forget the transaction's writes, if there are any. error: what ended it; if it found no room, room is made."""
        batch, self.batch = self.batch, None
        if batch:
            batch.rollback()
        self.ready()
        if isinstance(error, StorageFullError):
            self.observer.forget_expired()
            writing.make_room(self, 1 << 12)  # all that can be had: what found none may be tried again

    # -- what is seldom asked: functions of maintenance.py, which tell more

    def compact(self):
        for _ in maintenance.compacting(self):
            pass

    def compacting(self):
        return maintenance.compacting(self)

    def rekeying(self, password, iterations):
        return maintenance.rekeying(self, password, iterations)

    def trim(self):
        maintenance.trim(self)

    def verify(self, ticks=False):
        return maintenance.verify(self, ticks)

    def export(self, filename, meta):
        return maintenance.export(self, filename, meta)

    def import_(self, filename, password=None):
        return maintenance.import_(self, filename, password)

    def stats(self):
        return maintenance.stats(self)
