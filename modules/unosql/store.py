"""The store: ordered bytes keys to bytes values on flash, in atomic durable batches.

Ties memtable, WAL, segments, manifest and compaction together. docs/DESIGN.md explains them.
"""

from . import heap, maintenance, reclaim, staging
from .buffers import Buffers
from .compaction import Compaction
from .errors import ClosedError, UnosqlError
from .hooks import Hooks
from .manifest import LIMIT, Slots
from .memtable import ABSENT, Memtable, encode_entry
from .merge import merge
from .recovery import load
from .segment import Segment, file_aad
from .space import PACE, Space
from .writer import Writer

# Bytes of a block before compression.
_BLOCK = 1024
# Bytes of a memtable that goes with a small heap. Blocks have half the size there, and compaction takes no RAM from one
# write to the next: it works after flushes, in the memtable's memory.
_SMALL = 2048
# Output blocks that each write adds to the compaction at hand.
_STEP = 2
# With `batched`, or a small heap, a flush stands for this many writes.
_BATCHED = 32


class Store:
    """One ordered keyspace on a storage (files.Files, flash.Flash or a fake of theirs)."""

    def __init__(self, storage, hooks=None, memtable=4096, cache=2):
        if not hooks:
            hooks = Hooks()
        self.storage = storage
        self.hooks = hooks
        self.manifest = self.reader = self.compaction = self.compaction_error = None
        self.small = memtable <= _SMALL
        # what is large is made first, the largest before all, and stays: later there may be no gap for it
        self.memtable = Memtable(memtable)
        self.buffers = Buffers(_BLOCK // 2 if self.small else _BLOCK)
        self.cache = 1 if self.small else cache
        self.space = Space(self)
        self._closed = True
        self.batched = False  # True: writes are durable only when the memtable is flushed
        self.short = False  # of memory for a merge, once
        self.epoch = 0  # changes with every write, so that scans notice
        self._reset()

    def _reset(self):
        self.lost = False  # a transaction did not survive a reload: only rollback() helps
        self.staged = None  # the memtable of a transaction
        self.buffered = False  # the memtable has what nothing durable has, since `batched`
        self.base = None  # what before_flush() returned when the transaction began
        self.bulk = 0  # a bulk batch has begun: the number of its first file
        self.doomed = []  # files that the next manifest no longer names
        self.broken = False  # RAM may differ from flash: reload before use
        self.space.full_at = None  # the layer above counts anew

    # -- opening and closing

    def open(self, password=None, iterations=10000):
        """Open or create. password: bytes or None (plain). iterations: of PBKDF2, when created.

        Raises WrongKeyError, CorruptionError, StorageFullError.
        """
        self.slots = Slots()
        self._closed = False
        try:
            self._load(password, iterations)
        except BaseException:
            self._closed = True
            self.storage.close()
            raise

    def close(self):
        """Release the storage. Everything acknowledged is durable already."""
        if not self._closed:
            self._closed = True
            try:
                self._stop()
            finally:
                self.storage.close()
                # the collector may take a stale word of the stack for a reference to this store
                self.memtable = self.buffers = self.manifest = self.reader = self.wal = self.compaction = self.log = None

    def _stop(self):
        """Drop the compaction at hand, return whether there was one."""
        idle = self.compaction is not None and self.compaction.stop()
        if self.small:
            self.compaction = None
        return idle

    def _load(self, password, iterations):
        lost = self.lost or self.staging
        self._reset()
        self.epoch += 1
        try:
            load(self, password, iterations)
        except BaseException:
            self.broken = True  # half of it is loaded: that is not an empty database
            raise
        finally:
            self.lost = lost

    def ready(self):
        """Make sure that RAM agrees with flash. ClosedError when closed; whatever open() raises."""
        self._ready()

    def _ready(self):
        if self._closed:
            raise ClosedError("the database is closed")
        if self.broken:
            self._stop()
            self._load(None, 0)  # the key is known
        if self.lost:
            raise UnosqlError("the transaction failed half-way: roll it back")

    # -- reading

    def get(self, key):
        """Return the value of key, or None."""
        self._ready()
        return self._spared(self.peek, key)

    def peek(self, key):
        """get() for what runs within a merge or a replay: it gives no RAM up, and opens nothing anew."""
        for table in self._tables(key):
            value = table.get(key)
            if value is not ABSENT:
                return value
        return None

    def _spared(self, call, *args):
        """Call, and when memory runs out, once more without the RAM that can be had back."""
        try:
            return call(*args)
        except MemoryError:
            if not self.relinquish():
                raise
            return call(*args)

    def relinquish(self):
        """Give up cached blocks and the unfinished segment of a compaction; return whether there were any."""
        idle = self._stop()
        return self.reader.forget() | self.buffers.drop() | idle

    def expect_peeks(self):
        """From now on peek() is for every flush and merge: have the RAM for that."""
        self.buffers.keep_more()

    def scan(self, lo, hi=None, reverse=False):
        """Yield (key, value) for lo <= key < hi (None: no bound) in order. Sees writes made while it runs."""
        spared = False
        thrifty = heap.scarce()
        while True:
            self._ready()
            epoch = self.epoch
            key = sources = merged = None  # what the try before this kept goes first
            try:
                sources, bounds = self._sources(lo, hi, reverse, thrifty)
                merged = merge(sources, reverse, bounds)
                for entry in merged:
                    if entry[1] is not None:
                        yield entry
                    key = entry[0]
                    if epoch != self.epoch:
                        break
                else:
                    return
            except MemoryError:
                if merged:
                    merged.close()  # its buffers go as well
                if not self.relinquish() and thrifty or spared:
                    raise
                thrifty = True
            finally:
                if merged:
                    merged.close()
            spared = key is None  # no progress: once more, not for ever
            if key is not None:  # start again behind the last key
                lo, hi = (lo, key) if reverse else (key + b"\0", hi)

    def _tables(self, key):
        """Everything that may hold the key, newest first."""
        if self.staged is not None:
            yield self.staged
        yield self.memtable
        yield from self.manifest.holders(key)

    def _sources(self, lo, hi, reverse, thrifty):
        """Return the generators to merge, and for each the key before which it has nothing, or None."""
        tables = [self.memtable] if self.staged is None else [self.staged, self.memtable]
        sources, bounds = self.sources(self.manifest.levels, lo, hi, reverse, thrifty)
        return [table.scan(lo, hi, reverse) for table in tables] + sources, [None] * len(tables) + bounds

    def sources(self, levels, lo, hi, reverse, thrifty):
        """Return what merge() takes of levels (level 0 first): a generator a run of segments, newest first, and their bounds."""
        runs = [[s] for s in levels[0]] + levels[1:]
        runs = [[s for s in run if s.overlaps(lo, hi)] for run in runs]
        runs = [run for run in runs if run]
        if reverse:
            runs = [run[::-1] for run in runs]
        bounds = [run[0].max if reverse else run[0].low for run in runs]
        return [_run(run, lo, hi, reverse, thrifty) for run in runs], bounds

    # -- writing

    def apply(self, ops):
        """Write ops, a list of (key, value or None to delete), as one atomic batch.

        Durable when it returns, except in a transaction or bulk mode. ValueError when one
        operation is larger than the memtable, StorageFullError when flash is full: nothing has changed then.
        """
        self._ready()
        entries, logged = [], []
        for op in ops:  # encoded once: a record may be large
            i = len(entries)
            entries += self.expanded(*op)
            logged.append(entries[i])
        for entry in entries:
            if len(entry) > self.memtable.capacity:
                raise ValueError("%d bytes are too large for the memtable of %d" % (len(entry), self.memtable.capacity))
        removes = self.space.left <= 0 and reclaim.admit(self, ops, sum(len(entry) for entry in entries))
        self._apply(ops, logged, entries)
        if removes:
            self._quietly(lambda: reclaim.drop_dead(self))  # what it freed is to be had at once

    def _quietly(self, call):
        """Call what follows on a write that is durable already: a failure must not say otherwise."""
        try:
            call()
        except Exception as error:
            self.compaction_error = error

    def _apply(self, ops, logged, entries):
        if self.staging:
            staging.join(self, entries, ops)
        elif sum(len(entry) for entry in entries) > self.memtable.capacity:
            staging.apply_large(self, entries, ops)
        else:
            self.write(logged[0] if len(logged) == 1 else b"".join(logged), entries, ops)

    def expanded(self, key, value):
        """Yield the encoded operation, and the one that it implies."""
        yield encode_entry(key, value)
        extra = self.hooks.expand(key, value)
        if extra:
            yield encode_entry(*extra)

    def write(self, batch, entries, ops=()):
        """Write encoded operations. batch: what the WAL gets of them. ops: what the layer above is told of them."""
        size = sum(len(entry) for entry in entries)
        self._spared(heap.spare)  # what fails below leaves RAM and flash apart
        if self.batched:
            return self._buffer(entries, ops, size)
        logged = self.wal.takes(len(batch))
        if size > self.memtable.room or logged and not self.wal.fits(len(batch)):
            self.flush()
        if not self.wal.fits(len(batch)):
            self._relieve()
        self.broken = True
        if self.wal.fits(len(batch)):
            self.wal.append(batch)
            self.put(entries, ops)
        else:
            self.put(entries, ops)
            self.wal.skip()
            self._checkpoint()
            self._commit()  # the WAL can't make up for this one: both slots hold it
        self.broken = False
        if not self.small:
            self._step(_STEP)
        elif not len(self.memtable):
            self._step(_STEP * _BATCHED, True)

    def _buffer(self, entries, ops, size):
        if size > self.memtable.room or self.hooks.crowded():
            self.flush()
            if not self.small:
                self._step(_STEP * _BATCHED)
                self._settle()
        self.broken = self.buffered = True
        self.put(entries, ops)
        self.broken = False

    def put(self, entries, ops=()):
        """Add to the memtable what fits, and is in the WAL or a batch that will be published."""
        self.epoch += 1
        for entry in entries:
            self.memtable.put(entry)
        self.base = None
        self.replay(ops)

    def replay(self, ops):
        """Tell the layer above of operations."""
        for key, value in ops:
            self.hooks.replay(key, value)

    def flush(self):
        """Write the memtable out as a segment and start the WAL afresh."""
        self._ready()
        self._relieve()
        self._checkpoint()
        if self.small:
            self._step(_STEP * _BATCHED, True)
            self._settle()
        self._make_room(1)

    def _make_room(self, times):
        """Reclaim flash where it is short, until so many times what inserts want free is."""
        if self.space.is_short:
            self._quietly(lambda: reclaim.relieve(self, times * self.space.goal))
            self._settle()

    def _settle(self):
        """Make sure that RAM agrees with flash: compaction may have failed after it changed the medium."""
        if self.broken and self.base is not None:
            raise self.compaction_error  # what is to be committed is in the layer above already: no loading anew
        self._ready()

    def flush_batch(self):
        """Make what was written with `batched` durable."""
        self._ready()
        if self.buffered and not self.bulk:
            self.flush()

    def _relieve(self):
        """Wait until level 0 is short; when memory runs out twice that can't be had."""
        if len(self.manifest.levels[0]) >= LIMIT:
            self._spared(self._shorten)

    def _shorten(self):
        while len(self.manifest.levels[0]) >= LIMIT and self.compact_some(1):
            pass

    def _checkpoint(self):
        heap.tidy()
        self._spared(self.flush_memtable)  # when that fails nothing has changed: what is only buffered stays
        broken, self.broken = self.broken, True
        if self.buffered:
            self.wal.skip()
        self.manifest.wal = self.wal.counter
        self._commit()
        self.wal.reset()
        self.memtable.clear()
        self.buffered = False
        if self.base is None:
            self.hooks.flushed()
        self.broken = broken

    def flush_memtable(self):
        """Write the memtable into a segment of level 0, for a manifest to publish."""
        count, ops = self.hooks.flushing() if self.base is None else (len(self.base), (op for op in self.base))
        count += len(self.memtable)
        if not count:
            return
        number, writer = self.new_segment(count)
        try:
            for key, value in merge([ops, self.memtable.scan(copy=memoryview)]):
                writer.add(key, value)
            writer.finish()
        except BaseException:
            self.give_up(number, writer.abort)
            raise
        self.epoch += 1
        segment = self.written_segment(number)
        self.space.unsampled += PACE * segment.size
        self.manifest.levels[0].insert(0, segment)

    def commit_past_log(self):
        """Publish what the WAL has not: it can't make up for this manifest, so both slots hold it."""
        self.wal.skip()
        self.manifest.wal = self.wal.counter
        self._commit()
        self._commit()

    @property
    def is_short(self):
        """Whether so little flash is free that inserts leave it to what removes."""
        return self.space.is_short

    # -- batches of several calls (staging.py)

    @property
    def staging(self):
        """Whether a transaction or a bulk batch has begun."""
        return self.staged is not None or bool(self.bulk)

    def begin(self):
        """Start a transaction: apply() stages until commit(), and reads see what is staged."""
        self._ready()
        self._make_room(2)  # within the transaction what is dead is not known
        staging.begin(self)

    def commit(self):
        """Make the transaction's writes one durable batch. What raises has rolled it back."""
        staging.commit(self)

    def rollback(self):
        """Forget the transaction's writes, if there are any."""
        staging.rollback(self)

    # -- maintenance.py

    def compact(self):
        """Merge everything into the deepest level and forget what is dead."""
        maintenance.compact(self)

    def rekey(self, password, iterations):
        """Rewrite everything under a new password (None: plain). A cut leaves the old or the new one."""
        maintenance.rekey(self, password, iterations)

    def trim(self):
        """Free RAM: write the memtable out and drop cached blocks."""
        maintenance.trim(self)

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

    # -- what compaction uses

    def new_segment(self, entries=0):
        """Return (number, writer) of a new segment. entries: for level 0, how many it will hold."""
        number = self.manifest.next_file
        self.manifest.next_file += 1
        buffers = self.buffers
        sink = self.storage.create(number)
        block = buffers.half if entries else buffers.block
        try:
            return number, Writer(sink, self.reader.envelope, file_aad(number), buffers, 0, block, entries)
        except BaseException:
            self.give_up(number, sink.abort)
            raise

    def give_up(self, number, remove):
        """Remove a file that came to nothing; should that fail, the next commit does it."""
        try:
            remove()
        except BaseException:
            self.doomed.append(number)
            raise

    def open_segment(self, number, floor=None):
        """Return the Segment of a finished file."""
        heap.tidy()
        return Segment(self.reader, number, None, floor)

    def written_segment(self, number):
        """The same of a file that no manifest names yet: when it can't be opened it is removed."""
        try:
            segment = self.open_segment(number)
        except BaseException:
            self.give_up(number, lambda: self.storage.remove(number))
            raise
        self.space.wrote(segment.size)
        return segment

    def compactor(self):
        """The compaction, made when there is something to do."""
        if not self.compaction:
            self.compaction = Compaction(self)
        return self.compaction

    def _step(self, *how):
        """Compaction.step(). What has been written is durable: that there is no memory for this must not say otherwise."""
        try:
            compaction = self.compactor()
        except MemoryError as error:
            self.compaction_error = error
        else:
            compaction.step(*how)

    def compact_some(self, blocks):
        """Write so many blocks in compaction; return whether there is more to do. Raises what goes wrong."""
        return self.compactor().run(blocks)

    def in_arena(self, call, *args):
        """Call what reads much while the memtable is empty: it gets buffers from its memory."""
        if self.compaction:
            self.compaction.stop()
        try:
            self.buffers.lend(self.memtable.arena)
            call(*args)
        finally:
            broken, self.broken = self.broken, True  # should this fail, some may still be in use
            try:
                self._stop()
                self.reader.forget()
            finally:
                self.buffers.reclaim()
            self.broken = broken

    def is_dead(self, key, value):
        """Whether compaction may drop an entry. Not while what makes it so is only buffered."""
        return not self.buffered and self.hooks.is_dead(key, value)

    def is_dead_range(self, lo, hi):
        """Whether that holds for all entries with lo <= key <= hi, whatever their values."""
        return not self.buffered and self.hooks.is_dead_range(lo, hi)

    def is_garbage(self, level, key, value):
        """Whether an entry of a level may be dropped: it is dead, or a deletion of what no deeper level has."""
        if value is None and not any(s.overlaps(key, key + b"\0") for s in self.manifest.holders_below(level, key)):
            return True
        return self.is_dead(key, value)

    def publish(self, gone=()):
        """Make the manifest durable, unless in bulk mode, then remove the files it no longer names (invariant 5)."""
        self.broken = True
        self.doomed += [segment.number for segment in gone]
        self._commit()
        self.broken = False

    def _commit(self):
        self.epoch += 1
        if not self.bulk:
            self.slots.write(self.manifest.encode())
        doomed, self.doomed = self.doomed, []
        if self.bulk:  # only the files that came since it began may go: no durable manifest names them (invariant 5)
            self.doomed = [number for number in doomed if number < self.bulk]
            doomed = [number for number in doomed if number >= self.bulk]
        self._remove(doomed)

    def invalidate(self):
        """RAM may differ from flash: load again before the next use."""
        self.broken = True

    def _remove(self, numbers):
        for number in numbers:
            self.reader.forget(number)
            self.storage.remove(number)
        if numbers:
            self.space.wrote(0)



def _run(level, *how):
    """Scan a level's segments one after the other: only one is open at a time."""
    for segment in level:
        yield from segment.scan(*how)
