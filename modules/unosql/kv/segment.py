"""Segments: immutable sorted files, each a B+tree.

Blocks of about a kilobyte hold sorted entries and are compressed and sealed one by one (writer.py).
The sealed meta block at the end names the root. docs/FORMAT.md has the bytes.
"""

from ..errors import CorruptionError
from .compression import native

# Trailer: salt (8) size of the meta block (2) "Q". The last byte is never 0xFF: raw flash tells by it where a file ends.
SALT = 8
TRAILER = b"Q"
# Bytes that are read of the end of a file: the trailer, and nearly always the meta block as well.
_END = 96
# Data blocks that a scan knows at a time: a segment has a hundred, and merges scan many segments.
_MOST = 4
# What reading entries raises where they are none. Only who can seal can make such a block, and without a key anybody can.
_DAMAGE = (ValueError, IndexError, OverflowError)


def block_aad(prefix, offset):
    """The associated data that binds a block to its file and offset."""
    return prefix + offset.to_bytes(4, "big")


def file_aad(number):
    """The start of block_aad() in segment `number`; the salt follows."""
    return b"s" + number.to_bytes(4, "big")


class Segment:
    """One open segment: what its meta block says, and lookups in it.

    floor: keys up to and including this one are dead here (compaction moved them on), or None. dead: the share of dead
    entries as the last sample showed it, 0 to 255 (reclaim.py); None: no sample was taken.
    There are dozens of these in RAM: what lookups seldom need stays packed, as the meta block has it.
    """

    dead = floor = None  # in the class: most segments are never sampled, and never merged in part

    def __init__(self, reader, number, prefix=None, floor=None, packed=None):
        self._reader = reader
        if floor is not None:
            self.floor = floor
        if packed:
            self.packed = packed
        else:
            self._load(prefix or file_aad(number))

    def above(self, floor):
        """The same file, of which all keys up to a floor are dead."""
        other = Segment(self._reader, None, None, floor, self.packed)
        if self.dead is not None:
            other.dead = self.dead
        return other

    def _load(self, prefix):
        reader, packed = self._reader, _END
        self.packed = bytes((len(prefix),)) + prefix
        number = self.number
        try:
            size = reader.source.size(number)
            while isinstance(packed, int):
                end = min(size, packed)
                packed = native.meta(reader.envelope.keys, reader.raw(number, size - end, end), prefix, size)
        except OSError as error:
            self._damaged(error)
        except _DAMAGE as error:
            self._damaged(error, size - end)
        self.packed = packed

    @property
    def number(self):
        """The file's number; in an archive, which is one file, any."""
        return int.from_bytes(self.packed[2:6], "big")

    @property
    def tag(self):
        """What the blocks of this file, and no other, are sealed with: kind, number, salt."""
        return self.packed[1 : 1 + self.packed[0]]

    @property
    def size(self):
        """Bytes of the file."""
        i = 1 + self.packed[0]
        return int.from_bytes(self.packed[i : i + 4], "big")

    @property
    def count(self):
        """How many entries there are, dead ones included."""
        return native.root(self.packed)[3]

    @property
    def max(self):
        """The highest key."""
        return self._part(1)

    def _part(self, n):
        """Return a part of the meta block: 0 the lowest key, 1 the highest, 2 the Bloom filter, 3 the root's entries if they are nowhere else."""
        return native.part(self.packed, n)

    @property
    def low(self):
        """A key at or below every live key."""
        return max(self._part(0), b"" if self.floor is None else self.floor + b"\0")

    def overlaps(self, lo, hi):
        """Whether a live key may lie in lo <= key < hi (hi None: no upper bound)."""
        return native.overlaps(self.packed, self.floor, lo, hi)

    def may_hold(self, key):
        """Whether a live key may be here. Nothing is read."""
        return native.get(self.packed, self.floor, key, None)

    def get(self, key):
        """Return the value, None for a deletion, ABSENT when the key is not here."""
        try:
            return native.get(self.packed, self.floor, key, self._block)
        except _DAMAGE as error:
            self._damaged(error)

    def _block(self, offset, size, buf=None):
        return self._reader.block(self.number, self.packed, offset, size, buf)

    def scan(self, lo=b"", hi=None, reverse=False, shared_block=False, whole=False):
        """Return a generator of (key, value or None) for lo <= key < hi, live keys only; see merge.py.

        shared_block: have no block but the one cached, which is read again after somebody else's.
        whole: forwards only: yield blocks in place of the entries in them, for a Merging; good until the next one is asked for.
        """
        if self.floor is not None:
            lo = max(lo, self.floor + b"\0")
        if reverse:
            return self._backwards(lo, hi, shared_block)
        return self._forwards(lo, hi, shared_block, whole)

    def _buffer(self):
        """Return a buffer for a data block. One that grows for a large record serves the next one, too."""
        buffers = self._reader.buffers
        return self._reader.take(buffers.half if self._part(2) else buffers.block)

    def _forwards(self, lo, hi, shared_block, whole):
        buffers, buf = self._reader.buffers, None if shared_block else self._buffer()
        try:
            start = lo
            while start is not None:
                leaves, start = self._leaves(start, hi, False)
                for leaf in leaves:
                    block = self._block(*leaf, buf)
                    if buf is not None and len(block) > len(buf):
                        buf = buffers.replace(buf, block)
                    if whole:
                        yield lo, block, None, 0
                        continue
                    found = native.seek(block, lo)
                    while found:
                        key, value, i = found
                        if hi is not None and key >= hi:
                            return
                        yield key, value
                        if shared_block:
                            block = self._block(*leaf)
                        found = i < len(block) and native.entry(block, i, key)
        except _DAMAGE as error:
            self._damaged(error)
        finally:
            if buf is not None:
                buffers.give(buf)

    def _backwards(self, lo, hi, shared_block):
        buffers, buf = self._reader.buffers, None if shared_block else self._buffer()
        try:
            more = b""
            while more is not None:
                leaves, more = self._leaves(lo, hi, True)
                for leaf in leaves:
                    if buf is None:
                        yield from self._one_by_one(leaf, lo, hi)
                        continue
                    block = self._block(*leaf, buf)
                    if len(block) > len(buf):
                        buf = buffers.replace(buf, block)
                    yield from reversed(list(_entries(block, lo, hi)))
                hi = more
        except _DAMAGE as error:
            self._damaged(error)
        finally:
            if buf is not None:
                buffers.give(buf)

    def _one_by_one(self, leaf, lo, hi):
        """Yield the entries of a data block backwards, each of the block read again."""
        entry = True
        while entry:
            entry = None
            for entry in _entries(self._block(*leaf), lo, hi):
                pass
            if entry:
                yield entry
                hi = entry[0]

    def _leaves(self, lo, hi, reverse):
        """The data blocks that may hold keys of lo <= key < hi: return some (offset, size), and where to go on.

        To go on, give what is returned as lo, or backwards as hi; it is None after the last ones.
        """
        root, size, depth, _, top = native.root(self.packed)
        found, more = [(root, size)], None
        while depth and found:
            depth -= 1
            # deeper down is nearer: what an upper level has comes later
            found, nearer = native.children(top or self._block(*found[0]), lo, hi, reverse, 1 if depth else _MOST)
            more, top = more if nearer is None else nearer, None
        return found, more

    def leaf(self, n):
        """Return the keys (lo, hi) between which one data block's entries lie, for scan(). n: any number picks the block."""
        offset, size, depth, _, top = native.root(self.packed)
        lo, hi = b"", None
        try:
            while depth:
                depth -= 1
                lo, hi, place = _child(top or self._block(offset, size), n, lo, hi)
                top = None
                offset, size, _ = native.unpack_uint(place or b"", 0, 2)
                n >>= 8
        except _DAMAGE as error:
            self._damaged(error, offset)
        return lo, hi

    def checking(self):
        """Generator: read every block; CorruptionError at the first that is damaged or out of order. Yields None at each entry."""
        last = None
        count = 0
        floor, self.floor = self.floor, None
        try:
            for key, _ in self.scan():
                if last is not None and key <= last:
                    self._damaged("keys out of order")
                last = key
                count += 1
                yield
        finally:
            self.floor = floor
        if count != self.count or last != self.max:
            self._damaged("entries missing")

    def _damaged(self, why, offset=None):
        raise CorruptionError(self._reader.source.describe(self.number), offset, why)


def _entries(block, lo=b"", hi=None):
    """Yield (key, value or None) of a block for lo <= key < hi."""
    found = native.seek(block, lo)
    while found:
        key, value, i = found
        if hi is not None and key >= hi:
            return
        yield key, value
        found = i < len(block) and native.entry(block, i, key)


def _child(block, n, lo, hi):
    """A child of an index block, n modulo their number: return the separators around it, and its place."""
    count = sum(1 for _ in _entries(block))
    if not count:
        raise ValueError("damaged entries")
    n %= count
    for i, (key, value) in enumerate(_entries(block)):
        if i == n:
            lo, place = max(lo, key), value
        elif i > n:
            return lo, key, place
    return lo, hi, place
