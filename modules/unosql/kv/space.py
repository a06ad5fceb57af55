"""The room on the medium: what inserts may take of it, and what is kept back so that removing always works.

The reserve holds what a removal on a full medium needs: one flush of the memtable, and one step of a merge, whose inputs
lie beside its output until that is published. Inserts never take it. The storage itself keeps room for the manifest and the
WAL.
"""

# A full segment of the deeper levels takes at most this part of what there is for the database, but so many erase blocks.
_PART = 32
_LEAST = 2
# Of a tiny medium a part of so many is all that may be kept back for each of these.
_TINY = 12
# Erase blocks of such a segment on a large medium. Each segment takes RAM as long as it lives: on a small heap they are
# twice as large, which programs some 6 % more.
_LARGE = 8
# Erase blocks that inserts use only in place of what was removed: its flash comes back by whole blocks.
_MARGIN = 2
# Erase blocks that no segments are in, whatever the medium.
_LOGS = 6
# Erase blocks written behind a try to reclaim in vain from which another is worthwhile: what was there may be dead by now.
_RETRY = 4
# Bytes of samples taken for each byte flushed: a sweep over all segments while an eighth of them is written (reclaim.py).
PACE = 8


class Space:
    """Keeps account for one store. Measuring is left until it is needed: littlefs walks all of the medium for it.

    After free():
    segment: bytes of a full segment in the deeper levels. reserve: bytes that inserts leave free, with what the memtable holds.
    margin: bytes that they leave besides, but for those that follow on removals. goal: both, and a flush.

    left: bytes that segments may take before free() must be asked again; 0 or less: little is left.
    futile: Observer.live, left and the level-0 segments when reclaiming had not freed what was wanted, or None.
    full_at: Observer.live when the medium was found full, or None: it was not, or much is free again.
    lived: the largest Observer.live since much was removed.
    unsampled: bytes of segments whose sampling is due. sampled: number of the segment sampled last.
    """

    segment = full_at = futile = _free = None  # in the class, as all that most stores never change: RAM
    left = unsampled = sampled = margin = goal = lived = 0

    def __init__(self, store):
        self._store = store

    @property
    def is_tight(self):
        """Whether less than the reserve is free: what is left is for the merges that free something."""
        return self.left <= 0 and self.free() < self.reserve

    @property
    def is_futile(self):
        """Whether nothing can be reclaimed: nothing could be, and hardly anything was removed or written since."""
        if self.futile is None:
            return False
        live, left, runs = self.futile
        store = self._store
        return store.observer.live >= live and self.left > left - _RETRY * store.storage.erase and len(store.version.levels[0]) <= runs

    def lacks(self, times):
        """Whether so many times what inserts want is not free, or the medium was full and little is free since. 1: it is as good as full."""
        return self.full_at is not None or self.left <= (times - 1) * self.goal and self.free() < times * self.goal

    def free(self):
        """Bytes free on the medium, the reserve included."""
        if self._free is None:
            free = self._store.storage.free()
            self._measure(free)
            self._free = free
            self.left = free - self.goal
            if self.left > self.reserve:
                self.left //= 2
                self.full_at = None
        return self._free

    def _measure(self, free):
        """Suit segments to what this database has and may have of the medium. A merge rewrites two at a time in part."""
        stored = largest = 0
        for segment in self._store.version.segments():
            stored += segment.size
            largest = max(largest, segment.size)
        erase, large = self._store.storage.erase, _LARGE * (2 if self._store.policy.bursts else 1)
        blocks, full = (free + stored) // erase, 0
        for part in (self._store.storage.total() // erase - _LOGS, blocks):
            others, full = full, max(1, min(_LEAST, part // _TINY), min(large, part // _PART))
        self.segment = full * erase
        flush = -(-self.flush // erase)
        # others: a full segment of a database that has most of the medium, whose reserve it is as well
        self.reserve = (flush + 2 * max(flush, others, -(-largest // erase))) * erase
        self.margin = min(_MARGIN, blocks // _TINY) * erase
        self.goal = self.reserve + self.margin + flush * erase

    @property
    def flush(self):
        """Bytes that a flush takes at the most."""
        return self._store.memtable.capacity + 512

    def wrote(self, size):
        """A segment of so many bytes was written, or with 0 a file came or went: what is free must be asked again."""
        self._free = None
        if size:
            self.left -= size + self._store.storage.erase

    def forget(self):
        """All is loaded anew, what a batch wrote is removed, and the layer above counts anew."""
        self._free = self.full_at = self.futile = None
