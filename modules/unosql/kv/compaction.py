"""Compaction: merges segments downwards, a bounded step at a time, durable as it goes.

1. `_pick` chooses a level and segments of it, once level 0 has many or a deeper level is too large: of a deeper level the
   adjacent ones that `_cheapest` finds. `_below` are those of the next level that they overlap. When no level is due,
   `reclaim.victims` chooses what is to be written anew for the dead in it.
2. `_merge`, or `_rewritten`, is a job, a generator: both lead to `_merged`, which has entries poured into an Output (merge.py).
   Each write advances it by some blocks (step, run).
3. `_advance` installs each segment when the Output has finished it. The inputs get a floor, the last key that moved on, so
   that a reset costs one unfinished segment at the most.

LevelDB has the same levels (doc/impl.md, "Compactions"). Its jobs run in a thread, and are committed at their end.
"""

from .. import heap
from .memory import in_memtable_memory
from .merge import PASSED, STARTS, STOP, Merging, advance, scan_run
from .reclaim import Newer, is_staging, loosest, sample_next, victims
from .version import Version, bytes_of

# Erase blocks in level 0 that it may have whatever is in the others. Only of large memtables it takes more.
_LEVEL0 = 8
# Bytes in level 1; each deeper level holds this many times more.
_LEVEL1 = 32768
_FANOUT = 8
# A segment with this part of its full size is large enough: it is left alone, and may end where another kind of key starts.
_LARGE_ENOUGH = 4
# Where that is one erase block, as in level 1, a segment may end with this part of it where the first byte of keys changes: entries of
# an index, few bytes as they are, would else be in one segment with the records behind them, and each merge would rewrite these.
_KINDS = 3
# The part of a segment that its index blocks take, about, and the bytes of its meta block and of erase blocks' headers.
_INDEX = 16
_TAIL = 448
# The part that headers and a short meta block take: where entries are large, there is little else.
_ENDS = 48
_NEVER = 1 << 30


class Output:
    """Divides a sorted stream of entries into segments of about `limit` bytes, and of no more erase blocks than these take."""

    def __init__(self, store, limit, by_kind=True):
        self._store = store
        self._limit = limit - limit // _INDEX - _TAIL
        self._most = limit - limit // _ENDS  # what is larger than that takes an erase block more
        self._least = least(store, limit) if by_kind else limit
        self._kinds = _KINDS if store.storage.erase == self._least < limit else 1
        self._writer = None

    @property
    def is_large_enough(self):
        """Whether the unfinished segment, if there is one, may end here."""
        return not self._writer or self._writer.offset >= self._least

    def pour(self, merging, stop=None):
        """Write entries of a Merging. Return False after a block or where much was left out, True when the segment is to be finished
        before the next, None when no key is below stop.

        It is when it is full, or the next key starts a new kind: segments that end between kinds keep appended records apart from
        older ones.
        """
        merge = merging.merge
        while True:
            what = merging.run(self._writer, self._limit, stop)
            if what == STOP:
                return None
            if what == PASSED:
                return False
            if not self._writer:
                self.number, self._writer = self._store.segments.create()
            elif what == STARTS and self._is_due(merge):
                return True
            if self._writer.answer(merge, what):  # the next entry begins a block, and its size is known
                return self._writer.offset + merge.need - merge.used >= self._most

    def _is_due(self, merge):
        size, cut = self._writer.offset, len(merge.cut)
        return size + merge.used >= self._limit or cut < 3 and size * (self._kinds if cut < 2 else 1) >= self._least

    def finish(self):
        """Return the number of the finished segment, or None when nothing was added."""
        if not self._writer:
            return None
        self._writer.finish()
        self._writer = None
        return self.number

    def abort(self):
        """Drop the unfinished segment."""
        if self._writer:
            self._store.segments.give_up(self.number, self._writer.abort)


class Compaction:
    """Chooses and runs the jobs of one store. error: what stopped the last job, or None."""

    def __init__(self, store):
        self._store = store
        self._space = store.segments.space
        self.error = None
        self._job = None
        self._two_at_a_time = False  # a merge has run out of memory
        self._short = False  # of flash: reclaim what little there is

    def step(self, blocks, burst=False):
        """Write up to `blocks` output blocks of the job at hand, starting one when due; or a burst() in the memtable's memory.

        A failure here must not fail the write that it rides on, which is durable already: the job
        is dropped, its finished segments stay, and a later step tries again.
        """
        self.error = None
        if burst:
            self.quietly(in_memtable_memory, self._store, self.burst, blocks)
        else:
            self.quietly(self.run, blocks)

    def quietly(self, call, *args):
        """Call what follows on a write that is durable already: a failure must not say otherwise."""
        try:
            call(*args)
        except Exception as error:
            self.error = error

    def run(self, blocks):
        """As step(), but raise what goes wrong. Return whether there is more to do."""
        if self._job is None:
            self._job = self._start()
        try:
            while blocks and (self._job is not None or self._is_sampling()):
                blocks -= 1
                result = self._job and advance(self._job)
                self._published = result is not False
                if result is None:
                    self._job = self._start()
        except Exception as error:
            self._job = None
            if isinstance(error, MemoryError):
                self._two_at_a_time = True
            raise
        return self._job is not None or self._is_sampling()

    def burst(self, blocks):
        """Write so many blocks, and others until level 0 is short and all is published; keep nothing in RAM then."""
        more = self._published = True
        while more and (blocks > 0 or not self._published or len(self._store.version.levels[0]) >= self._store.policy.trigger):
            more = self.run(1)
            blocks -= 1
        self.stop()

    def stop(self):
        """Drop the job at hand and its unfinished segment; return whether there was one."""
        job, self._job = self._job, None
        if job is not None:
            job.close()
        return job is not None

    def everything(self):
        """Generator: merge all levels into the deepest one and forget what is dead there. Yields as _merge() does."""
        self.stop()
        store = self._store
        if self._space.lacks(1):
            while len(store.version.levels[0]) > 2:
                yield from self._merge(0, store.version.levels[0][-2:])
        levels = store.version.levels
        depth = max([i for i in range(len(levels)) if levels[i]] + [0])
        for level in range(max(depth, 1) + 1):
            levels = store.version.levels
            if level < len(levels) and levels[level]:
                yield from self._merge(level, list(levels[level]), True)
        version = store.version
        store.install(Version(version.wal, placed(sum(version.levels, []))))  # one level has segments now, if any

    def squeeze(self, goal):
        """Merge and rewrite until so many bytes are free, or until that frees nothing more."""
        self._short = True
        try:
            while self._space.free() < goal and self._frees(self._pick()):
                pass
        finally:
            self._short = False

    def _frees(self, picked):
        """Run one merge, or else rewrite the loosest segments; return whether to go on."""
        free, loose = self._space.free(), None
        if not picked:
            loose = loosest(self._store)
            if not loose:
                return False
        for _ in self._rewritten(*loose, True) if loose else self._merge(*picked):
            pass
        return picked or self._space.free() > free

    def _start(self):
        picked = self._pick()
        if picked:
            heap.tidy()
            return self._merge(*picked)
        return self._reclaiming() if self._is_sampling() else None

    def _is_sampling(self):
        """Whether samples are due. Within a batch little is known to be dead, and calls are deep as it is."""
        return self._space.unsampled > 0 and not is_staging(self._store)

    def _reclaiming(self):
        """Sample a segment; return the job that rewrites what is dead, if much is. Without memory for it that can wait."""
        try:
            sample_next(self._store)
            picked = victims(self._store, self._full())
        except MemoryError:
            self._space.unsampled = 0
            return None
        if picked:
            self._space.unsampled += bytes_of(picked[1])  # what is gone there may have been all that kept tombstones alive
            return self._rewritten(*picked, False)

    def _pick(self):
        version = self._store.version
        levels = version.levels
        trigger = 2 if self._short else self._store.policy.trigger
        if len(levels[0]) >= trigger or len(levels[0]) > 1 and self._is_level_0_large(version):
            return 0, levels[0][-2 if self._two_at_a_time or heap.scarce() or self._space.lacks(2) else -trigger :]
        for level in range(1, len(levels)):
            if version.size(level) > _capacity(level):
                return level, self._cheapest(level)
        return None

    def _is_level_0_large(self, version):
        """Whether it is a third of all: nobody knows how much of it is dead."""
        size = version.size(0)
        return size > _LEVEL0 * self._store.storage.erase and 3 * size > bytes_of(version.segments())

    def _cheapest(self, level):
        """The adjacent segments whose merge rewrites least of the next level for their size."""
        segments = self._store.version.levels[level]
        best, least = None, None
        for start in range(len(segments)):
            window, size = self._window(segments, start, self._limit(level + 1))
            cost = bytes_of(self._below(level, window)) / size
            if window[0].floor is not None:
                return window
            if least is None or cost < least:
                best, least = window, cost
        return best

    def _window(self, segments, start, limit):
        window, size = [], 0
        for segment in segments[start:]:
            if window and size + segment.size > limit:
                break
            window.append(segment)
            size += segment.size
        return window, size

    def _below(self, level, inputs):
        levels = self._store.version.levels
        if level + 1 >= len(levels):
            return []
        lo = min(s.low for s in inputs)
        hi = max(s.max for s in inputs) + b"\0"
        return [s for s in levels[level + 1] if s.overlaps(lo, hi)]

    def _full(self):
        """Bytes of a full segment in the deeper levels."""
        if self._space.segment is None:
            self._space.free()
        return self._space.segment

    def _limit(self, level):
        limit = self._full()
        return limit if level > 1 else min(limit, self._store.storage.erase * self._store.policy.trigger // 2)

    def _merge(self, level, inputs, whole=False):
        """Generator: merge inputs of a level into the next one. Yields False for each block written, True for each segment.

        whole: rewrite segments even when nothing touches them, to forget what is dead in them.
        """
        target = level + 1
        below = self._below(level, inputs)
        limit = self._limit(target)
        keep = _NEVER if whole else least(self._store, limit)
        if level and not below and min(s.size for s in inputs) >= keep:
            self._store.install(self._store.version.moved(level, inputs))
            return
        out = Output(self._store, limit, not self._space.is_tight)  # what ends between kinds takes more than the reserve has
        yield from self._rewrite(target, inputs, below, out, keep, None)

    def _rewritten(self, level, segments, tightly):
        """Generator: write adjacent segments of a level anew, without what is dead in them. Yields as _merge() does.

        tightly: segments may have entries of several kinds.
        """
        newer = Newer(self._store, level)
        out = Output(self._store, self._limit(level), not tightly)
        try:
            yield from self._rewrite(level, [], segments, out, _NEVER, newer.holds)
        finally:
            newer.close()

    def _rewrite(self, target, inputs, below, out, keep, is_replaced):
        try:
            yield from self._merged(target, inputs, below, out, keep, is_replaced)
        except BaseException:
            out.abort()
            raise

    def _merged(self, target, inputs, below, out, keep, is_replaced):
        sources = self._newer(target, inputs) + [scan_run(())]
        merging = Merging(sources, self._store, target, is_replaced)
        merge = merging.merge
        inputs = inputs + below
        try:
            for i in range(-1, len(below)):
                if i >= 0:
                    segment = below[i]
                    if segment.size >= keep and out.is_large_enough and (merge.key is None or merge.key > segment.max):  # it stays as it is
                        inputs = self._advance(target, [s for s in inputs if s.number != segment.number], out.finish(), False)
                    else:
                        sources[-1] = segment.scan(whole=True)
                        merging.feed(len(sources) - 1)
                due = False
                while due is not None:
                    due = out.pour(merging, below[i + 1].low if i + 1 < len(below) else None)
                    if due:
                        inputs = self._advance(target, inputs, out.finish(), False)
                    if due is not None:
                        yield due
        finally:
            merging.close()
        self._advance(target, inputs, out.finish(), True)

    def _newer(self, target, inputs):
        if target == 1:
            return [s.scan(whole=True) for s in inputs]
        return [scan_run(inputs, b"", None, False, False, True)]

    def _advance(self, target, inputs, number, done):
        """Install the version with the output segment, whose keys the inputs lose; return those that are left."""
        if number is None and not done:
            return inputs
        store = self._store
        output = number and store.segments.written(number)
        version, left, gone = store.version.merged(target, inputs, output, done)
        store.install(version, gone)
        return left


def placed(segments):
    """Return levels that hold sorted segments, all there is, where their size belongs."""
    level = 1
    while bytes_of(segments) > _capacity(level):
        level += 1
    return [[] for _ in range(level)] + [segments]


def least(store, limit):
    """Bytes from which a segment is left alone: a smaller one would waste what it takes of erase blocks."""
    return max(limit // _LARGE_ENOUGH, store.storage.erase * 3 // 4)


def _capacity(level):
    return _LEVEL1 * _FANOUT ** (level - 1)
