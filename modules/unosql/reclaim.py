"""Reclaiming flash from what is dead: records below a low-water mark, entries that newer ones replace, what belonged to
a collection or an index that is gone.

Where all keys of a segment are dead by themselves, the manifest forgets the segment unread. What else is dead is
estimated: for each byte flushed some bytes of segments are sampled, a data block each. When by these samples a third of
all is dead, the segment with the largest dead share is rewritten in the ordinary steps of a compaction, as cost-benefit
cleaning does in log-structured file systems (Rosenblum and Ousterhout 1992, section 3). Ordinary compaction can't do it:
data that only grows at its end is not merged again.
"""

from .errors import StorageFullError
from .merge import advance, merge

# A dead share of a segment, of 255, from which rewriting it is worthwhile.
_WORTH = 64
# Segments that are rewritten together at the most where flash is short.
_MOST = 8
# Erase blocks of dead data that are left alone.
_ALLOWED = 4


class Newer:
    """Tells which keys have a newer entry than those of a level. Ask in ascending order of keys."""

    def __init__(self, store, level):
        self._store = store
        self._level = level
        self._version = self._entries = self._head = None

    def holds(self, key):
        if self._version != self._store.manifest.next_file:  # segments came or went
            self.close()
            self._version = self._store.manifest.next_file
            levels = self._store.manifest.levels[: self._level]
            sources, bounds = self._store.sources(levels, key, None, False, True)
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
    levels = store.manifest.levels
    gone = [s for level in levels for s in level if store.is_dead_range(s.low, s.max)]
    if gone:
        if store.compaction:
            store.compaction.stop()  # it may be reading them
        store.invalidate()  # until it is published
        for level in levels:
            level[:] = [s for s in level if s not in gone]
        store.publish(gone)
    return bool(gone)


def sample(store, level, segment):
    """Estimate the dead share of a segment by one of its data blocks."""
    store.space.sampled = segment.number
    lo, hi = segment.leaf(store.manifest.next_file * 0x9E3779B1 >> 7)
    newer = Newer(store, level)
    seen = dead = 0
    try:
        for key, value in segment.scan(lo, hi):
            seen += 1
            dead += store.is_garbage(level, key, value) or newer.holds(key)
    finally:
        newer.close()
    if seen:
        share = 255 * dead // seen
        segment.dead = share if segment.dead is None else (segment.dead + share) // 2


def sample_next(store):
    """Sample the next segment in the order of file numbers, if that is due."""
    space = store.space
    if space.unsampled <= 0:
        return
    level, segment = _next(store.manifest.levels, space.sampled)
    if segment is None:
        space.unsampled = 0
        return
    space.unsampled = min(space.unsampled - segment.size, sum(s.size for s in store.manifest.segments()))
    if store.is_dead_range(segment.low, segment.max):
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
    levels = store.manifest.levels
    total = dead = 0
    best = None
    for level in range(1, len(levels)):
        for i, s in enumerate(levels[level]):
            total += s.size
            dead += _dead(s)
            if s.dead and (best is None or s.dead > best[0]):
                best = s.dead, level, i
    if best is None or best[0] < _WORTH or dead <= max(_ALLOWED * store.storage.erase, min(total // 3, store.space.left)):
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
    levels = store.manifest.levels
    for level in range(1, len(levels)):
        for i in range(len(levels[level])):
            taken = live = 0
            for n, s in enumerate(levels[level][i : i + _MOST]):
                taken += -(-s.size // erase)
                live += s.size - _dead(s)
                gain = taken - -(-live * 8 // (erase * 7))  # some of each block is lost
                if gain > 0 and (best is None or gain > best[0]):
                    best = gain, level, i, n + 1
    return best and (best[1], levels[best[1]][best[2] : best[2] + best[3]])


def admit(store, ops, size):
    """Keep the reserve for what removes: return whether ops do, or else make sure that there is room for them.

    size: bytes of their entries. Raises StorageFullError.
    """
    space, live = store.space, store.hooks.live
    if not store.hooks.grows(ops):
        space.futile = False
        if space.full_at is None:
            space.full_at = live
        return not store.staging
    replaces = store.staging or space.full_at is not None and live < space.full_at
    relieved = relieve(store, _needed(store, size, replaces))
    store.ready()  # what failed in there may have changed the medium
    if not relieved:
        space.full_at = live
        raise StorageFullError(
            "%s: no space left; delete records, acknowledge a queue or lower a cap, then insert again" % store.storage.describe(None)
        )


def _needed(store, size, replaces):
    """Bytes that must be free for an insert of so many bytes. replaces: it follows on a removal."""
    space = store.space
    space.free()
    if not store.bulk and size + (store.staged.used if store.staged else 0) <= store.memtable.room:
        return space.reserve
    return space.reserve + space.flush if replaces else space.goal


def relieve(store, goal):
    """Return whether so many bytes are free, if need be after reclaiming what can be had.

    Only what was flushed tells what is dead, and on a small heap reclaiming needs the memtable's memory.
    """
    space = store.space
    if space.free() < goal and not space.futile and not store.staging:
        if len(store.memtable):
            store.flush()  # relieves as well
        if space.free() < goal and not space.futile:
            store.in_arena(_reclaim, store, goal) if store.small else _reclaim(store, goal)
        space.futile = space.free() < min(goal, space.goal)
    return space.free() >= goal


def _reclaim(store, goal):
    space, compaction = store.space, store.compactor()
    compaction.stop()
    try:
        drop_dead(store)
        if space.free() < goal:
            for level, segments in enumerate(store.manifest.levels[1:]):
                for s in list(segments):
                    sample(store, level + 1, s)
            compaction.squeeze(goal)
    except StorageFullError:
        pass  # what was reclaimed before stays so
