"""The large buffers of one store, used again and again: in a heap that nothing moves in, later ones find no gap."""

from .. import heap
from .compression import room, workspace

# What sealing adds to a block, and a little more.
_SEAL = 64
# On a small heap this many block buffers are never released: enough for a lookup, and with the lent arena for a merge.
_KEPT = 1


class Buffers:
    """block: bytes of a block before compression. half: of one in level 0, where several are merged at a time.

    index: of a block of the tree above them; small blocks come with small heaps, where three large ones are too many.
    work: what compress() and unpack() work in. input: what a sealed block is read into.
    """

    def __init__(self, block=1024):
        self.block = block
        self.half = block // 2
        self.index = block if block > 512 else self.half
        self.work = workspace(block)
        self._longest = block  # that was met: a large record makes a block of its own
        self.input = bytearray(block + _SEAL)  # growing bit by bit it would break up the heap
        self._kept = 0 if block > 512 else _KEPT
        self._idle = [bytearray(block) for _ in range(self._kept)]
        self._lent = []

    def keep_more(self):
        """Where blocks are kept, keep what a flush writes in as well: for lookups meanwhile."""
        if self._kept == _KEPT:
            self._idle += [bytearray(self.half), bytearray(self.half)]
            self._idle.sort(key=len)
            self._kept += 2

    def take(self, size):
        """Return a bytearray of at least size bytes, the caller's until give()."""
        for i, buf in enumerate(self._idle):
            if len(buf) >= size:
                buf = self._idle.pop(i)
                if len(buf) >= size:
                    return buf
                self.give(buf)  # in CPython a generator has ended in between, and given one back
                break
        heap.tidy()
        return bytearray(size)

    def workspace(self, size):
        """Return what a block of so many bytes is compressed in; where it grows it stays, for the next large record."""
        if size > room(self.work):
            self.work = workspace(size)
        self._longest = max(self._longest, size)
        return self.work

    def replace(self, buf, longer):
        """Take a buffer back for a longer one, which a large record has made; return that, which takes its place.

        Were both kept, each read of such a record would leave one more.
        """
        self._longest = max(self._longest, len(longer))
        if not isinstance(buf, bytearray):
            self.give(buf)
        return longer

    def give(self, buf):
        """Take a buffer back. One as long as the largest record has made any stays where there may be no gap for the next."""
        stays = len(buf) <= self.block or self._kept and len(buf) >= self._longest
        if stays and (isinstance(buf, bytearray) or self._is_lent(buf)):
            self._idle.append(buf)
            self._idle.sort(key=len)  # the shortest that suffices is taken
            self._longest = max(self._longest, len(buf))

    def _is_lent(self, buf):
        """Whether a memoryview is of this time's; in CPython a generator may end, and give one back, after reclaim()."""
        for lent in self._lent:
            if lent is buf:
                return True
        return False

    def lend(self, arena):
        """Make buffers of a memoryview, until reclaim()."""
        self.reclaim()  # should that have failed the last time
        # a merge has a block each of its output, of what lies below and of what is cached, and of deeper levels a fourth, kept
        sizes = [self.block] * 3 if self._longest == self.block else [self._longest] * 4
        i = 0
        while i + self.half <= len(arena):
            size = sizes.pop(0) if sizes and i + sizes[0] <= len(arena) else self.half
            self._lent.append(arena[i : i + size])
            i += size
        self._idle += self._lent
        self._idle.sort(key=len)

    def reclaim(self):
        """Nobody may use a lent buffer any more."""
        self._lent = []
        self._idle = [buf for buf in self._idle if isinstance(buf, bytearray)]
        self.drop()

    def drop(self):
        """Let go of what nobody uses, but for what is kept or lent; return whether there was anything."""
        idle, self._idle = self._idle, []
        spare = -self._kept
        for buf in idle:
            spare += isinstance(buf, bytearray)
        for buf in idle:
            if spare > 0 and isinstance(buf, bytearray):
                spare -= 1  # the smallest go
            else:
                self._idle.append(buf)
        return len(self._idle) < len(idle)
