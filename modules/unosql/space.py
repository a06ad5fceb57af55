"""The room on the medium: what inserts may take of it, and what is kept back so that removing always works.

The reserve holds what a removal on a full medium needs: one flush of the memtable, and one step of a merge, whose inputs
lie beside its output until that is published. Inserts never take it. The storage itself keeps room for the manifest and the
WAL.
"""

# A full segment of the deeper levels takes at most this part of the medium, but as many erase blocks as _LEAST.
_PART = 32
_LEAST = 2
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
    full_at: Hooks.live when the medium was found full, or None.
    unsampled: bytes of segments whose sampling is due. sampled: number of the segment sampled last.
    """

    def __init__(self, storage, memtable, small):
        self._storage = storage
        self._flush = -(-(memtable + 512) // storage.erase)
        self._most = _LARGE * (2 if small else 1)
        self._blocks = None
        self._free = None
        self.left = 0
        self.futile = False
        self.full_at = None
        self.unsampled = self.sampled = 0

    @property
    def segment(self):
        """Bytes of a full segment in the deeper levels."""
        return self._segment_blocks() * self._storage.erase

    def _segment_blocks(self):
        if self._blocks is None:
            self._blocks = max(_LEAST, min(self._most, self._storage.total() // self._storage.erase // _PART))
        return self._blocks

    @property
    def reserve(self):
        """Bytes that inserts leave free."""
        merge = max(2 * self._flush, 2 * self._segment_blocks())
        return (self._flush + merge) * self._storage.erase

    @property
    def goal(self):
        """Bytes free from which inserts may flush the memtable. Those that follow on removals may while the reserve is there."""
        return self.reserve + (self._flush + _MARGIN) * self._storage.erase

    def free(self):
        """Bytes free on the medium, the reserve included."""
        if self._free is None:
            self._free = self._storage.free()
            spare = self._free - self.goal
            self.left = spare // 2 if spare > self.reserve else spare
        return self._free

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
