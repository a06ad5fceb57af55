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
# Erase blocks, with those of a flush, that inserts use only in place of what was removed: its flash comes back by whole blocks.
_MARGIN = 2
# Bytes of samples taken for each byte flushed: a sweep over all segments while an eighth of them is written (reclaim.py).
_PACE = 8


class Space:
    """Keeps account for one store. Measuring is left until it is needed: littlefs walks all of the medium for it.

    left: bytes that segments may take before free() must be asked again; 0 or less: little is left.
    futile: nothing could be reclaimed, and nothing was removed since.
    full_at: Hooks.live when the medium was found full, or None: it was not, or much is free again.
    unsampled: bytes of segments whose sampling is due. sampled: number of the segment sampled last.
    """

    def __init__(self, store, memtable):
        self._store = store
        self._storage = store.storage
        self._flushed = memtable + 512
        self._flush = -(-self._flushed // self._storage.erase)
        self._most = _LARGE * (2 if store.small else 1)
        self._blocks = self._merge = None  # of a full segment; of one step of a merge
        self._free = None
        self.left = 0
        self.futile = False
        self.full_at = None
        self.unsampled = self.sampled = 0

    @property
    def segment(self):
        """Bytes of a full segment in the deeper levels."""
        if self._blocks is None:
            self.free()
        return self._blocks * self._storage.erase

    @property
    def reserve(self):
        """Bytes that inserts leave free."""
        if self._merge is None:
            self.free()
        return (self._flush + self._merge) * self._storage.erase

    @property
    def goal(self):
        """Bytes free from which inserts may flush the memtable, but for those that follow on removals."""
        return self.reserve + self._margin * self._storage.erase

    def needed(self, flushes, replaces):
        """Bytes that must be free for an insert. flushes: it flushes the memtable. replaces: it follows on a removal."""
        if not flushes:
            return self.reserve
        return self.reserve + self._flushed if replaces else self.goal

    @property
    def is_short(self):
        """Whether the medium is as good as full, or was and little is free since."""
        return self.full_at is not None or self.left <= 0 and self.free() < self.goal

    def free(self):
        """Bytes free on the medium, the reserve included."""
        if self._free is None:
            self._free = self._storage.free()
            self._measure()
            self.left = self._free - self.goal
            if self.left > self.reserve:
                self.left //= 2
                self.full_at = None
        return self._free

    def _measure(self):
        """Suit segments to what this database has and may have of the medium. A merge rewrites two at a time in part."""
        stored = largest = 0
        for segment in self._store.manifest.segments():
            stored += segment.size
            largest = max(largest, segment.size)
        erase = self._storage.erase
        blocks = (self._free + stored) // erase
        self._blocks = max(1, min(_LEAST, blocks // _TINY), min(self._most, blocks // _PART))
        self._margin = min(self._flush + _MARGIN, blocks // _TINY)
        self._merge = 2 * max(self._flush, self._blocks, -(-largest // erase))

    def flushed(self, size):
        """A segment of so many bytes came from the memtable."""
        self.unsampled += _PACE * size

    def wrote(self, size):
        """A segment of so many bytes was written."""
        self._free = None
        self.left -= size + self._storage.erase

    def removed(self):
        """Segments were removed."""
        self._free = None
