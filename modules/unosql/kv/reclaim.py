"""Reclaiming flash from what is dead: records below a low-water mark, entries that newer ones replace, what belonged to
a collection or an index that is gone.

Where all keys of a segment are dead by themselves, the manifest forgets the segment unread. What else is dead is
estimated: for each byte flushed some bytes of segments are sampled, a data block each, and all of them when many entries
have gone at once. When by these samples a third of all is dead, the segment with the largest dead share is rewritten in
the ordinary steps of a compaction, as cost-benefit cleaning does in log-structured file systems (Rosenblum and Ousterhout
1992, section 3). Ordinary compaction can't do it: data that only grows at its end is not merged again.
"""

from ..errors import StorageFullError
from .memory import in_memtable_memory
from .merge import PASSED, STARTS, STOP, Merging, advance, merge
from .reading import sources_of
from .version import bytes_of

# A dead share of a segment, of 255, from which rewriting it is worthwhile.
_WORTH = 64
# Erase blocks that are rewritten together at the most where flash is short: the more, the smaller a dead share frees one.
_MOST = 64
# Erase blocks of dead data that are left alone.
_ALLOWED = 4
# Much is one entry of so many, and so many at the least.
_SHARE = 8
_FEW = 16


class Newer:
    """Tells which keys have a newer entry than those of a level. Ask in ascending order of keys."""

    def __init__(self, store, level):
        self._store = store
        self._level = level
        self._version = self._entries = self._head = None

    def holds(self, key):
        if self._version is not self._store.version:
            self.close()
            self._version = self._store.version
            sources, bounds = sources_of(self._version.levels[: self._level], key, None, False, True)
            self._entries = merge(sources, False, bounds)
            self._head = advance(self._entries)
        while self._head is not None and self._head[0] < key:
            self._head = advance(self._entries)
        return self._head is not None and self._head[0] == key

    def close(self):
        if self._entries:
            self._entries.close()
        self._entries = None


def drop_dead(store):
    """Let the manifest forget the segments that hold nothing live by their first and last key; return whether there were any."""
    gone = [s for s in store.version.segments() if is_dead_range(store, s.low, s.max)]
    if gone:
        store.compaction.stop()  # it may be reading them
        store.install(store.version.without(gone), gone)
    return bool(gone)


def is_much_gone(store, written=0):
    """Whether much was removed since that was so last, or a batch has written as much, of which hardly anything may be flushed: for
    writing.sweep(). written: entries of that batch.
    """
    if is_staging(store):
        return False
    space, live = store.segments.space, store.observer.live
    gone = written + space.lived - live  # what a batch inserted is not gone
    space.lived = max(space.lived, live)
    if gone < _FEW or _SHARE * gone < store.version.count:
        return False
    space.lived = live
    return True


def is_dead_range(store, lo, hi):
    """Whether compaction may drop all entries with lo <= key <= hi, whatever their values. Not while what makes it so is only buffered."""
    return not store.memtable.is_buffered and store.observer.is_dead_range(lo, hi)


def sample(store, level, segment):
    """Estimate the dead share of a segment by one of its data blocks."""
    store.segments.space.sampled = segment.number
    lo, hi = segment.leaf((store.segments.next_number + segment.number) * 0x9E3779B1 >> 7)
    newer = Newer(store, level)
    merging = Merging([segment.scan(lo, hi, whole=True)], store, level, newer.holds)
    live, what = 0, PASSED
    try:
        while what != STOP:
            what = merging.run(None, 0, hi)
            if what == STARTS:  # it would be written
                live += 1
                merging.merge.decide(True)
    finally:
        merging.close()
        newer.close()
    seen = merging.merge.left_out
    share = 255 * (seen - live) // seen if seen else 255  # all of the block is below the floor
    segment.dead = share if segment.dead is None else (segment.dead + share) // 2


def sample_next(store):
    """Sample the next segment in the order of file numbers, if that is due."""
    space = store.segments.space
    if space.unsampled <= 0:
        return
    level, segment = _next(store.version.levels, space.sampled)
    if segment is None:
        space.unsampled = 0
        return
    space.unsampled = min(space.unsampled - segment.size, bytes_of(store.version.segments()))
    if is_dead_range(store, segment.low, segment.max):
        drop_dead(store)
    else:
        sample(store, level, segment)


def _next(levels, number):
    """Return (level, segment) of the one below level 0 with the smallest number above number, or of all."""
    best = 0, None
    for i in range(1, len(levels)):
        for s in levels[i]:
            if best[1] is None or (s.number <= number, s.number) < (best[1].number <= number, best[1].number):
                best = i, s
    return best


def victims(store, limit):
    """Return (level, adjacent segments) whose rewriting frees most for what it writes, or None when too little is dead.

    limit: bytes that their live part may have.
    """
    levels = store.version.levels
    total = dead = 0
    best = None
    for level in range(1, len(levels)):
        for i, s in enumerate(levels[level]):
            total += s.size
            dead += _dead(s)
            if s.dead and (best is None or s.dead > best[0]):
                best = s.dead, level, i
    if best is None or best[0] < _WORTH or dead <= max(_ALLOWED * store.storage.erase, min(total // 3, store.segments.space.left)):
        return None
    return best[1], _window(levels[best[1]], best[2], limit)


def _dead(segment):
    return segment.size * (segment.dead or 0) // 255


def _window(level, i, limit):
    """The segment at i and those after it that are worthwhile as well: their live parts make one segment."""
    window, size = [], 0
    for s in level[i:]:
        size += s.size - _dead(s)
        if window and (size > limit or (s.dead or 0) < _WORTH):
            break
        window.append(s)
    return window


def loosest(store):
    """Where flash is short: return (level, adjacent segments) that take most blocks more than what is live in them, or None."""
    erase = store.storage.erase
    best = None
    levels = store.version.levels
    for level in range(1, len(levels)):
        for i in range(len(levels[level])):
            taken = live = 0
            for n, s in enumerate(levels[level][i : i + _MOST]):
                taken += -(-s.size // erase)
                live += s.size - _dead(s)
                gain = taken - -(-live * 8 // (erase * 7))  # some of each block is lost
                if gain > 0 and (best is None or gain > best[0]):
                    best = gain, (level, levels[level][i : i + n + 1])
                if taken >= _MOST:
                    break
    return best and best[1]


def admit(store, ops, size):
    """Keep the reserve for what removes: return whether ops do, or else make sure that there is room for them.

    size: bytes of their entries. Raises StorageFullError.
    """
    space, live = store.segments.space, store.observer.live
    space.free()  # nothing may be known of it yet
    if not store.observer.grows(ops):
        space.futile = None
        if space.full_at is None and space.left <= 0:
            space.full_at = live
        return not is_staging(store)
    if not is_staging(store) and (space.full_at is None or live >= space.full_at):
        size += space.margin  # it follows on no removal
    relieve(store, _needed(store, size))
    store.ready()  # what failed in there may have changed the medium
    if space.free() < _needed(store, size):  # the memtable may have been flushed
        space.full_at = live
        raise full(store)


def full(store):
    """The StorageFullError that says what to do."""
    return StorageFullError(
        "%s: no space left; delete records, acknowledge a queue or lower a cap, then insert again" % store.storage.describe(None)
    )


def is_staging(store):
    """Whether a batch takes writes, so that what is dead is not known."""
    return store.batch is not None and store.batch.is_open


def _needed(store, size):
    """Bytes that must be free for an insert of so many bytes."""
    batch = store.batch
    if batch and batch.memtable:
        size += batch.memtable.used
    # a removal that follows flushes the memtable, and must find the reserve behind it
    return store.segments.space.reserve + store.memtable.used + size


def relieve(store, goal):
    """Return whether so many bytes are free, if need be after reclaiming what can be had.

    Only what was flushed tells what is dead, and on a small heap reclaiming needs the memtable's memory.
    """
    space = store.segments.space
    if space.free() < goal and not space.is_futile and not is_staging(store):
        if len(store.memtable):
            store.flush()  # relieves as well
        if space.free() < goal and not space.is_futile:
            in_memtable_memory(store, _reclaim, store, goal) if store.policy.bursts else _reclaim(store, goal)
        space.futile = None if space.free() >= goal else (store.observer.live, space.left, len(store.version.levels[0]))
    return space.free() >= goal


def _reclaim(store, goal):
    compaction, space = store.compaction, store.segments.space
    compaction.stop()
    try:
        drop_dead(store)
        if space.free() < goal:
            for level, segments in enumerate(store.version.levels[1:]):
                for s in list(segments):
                    sample(store, level + 1, s)
            compaction.squeeze(goal)
    except StorageFullError:
        pass  # what was reclaimed before stays so
