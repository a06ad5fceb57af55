"""Segments: immutable sorted files, each a B+tree.

Blocks of about a kilobyte hold sorted entries and are compressed and sealed one by one (writer.py).
The sealed meta block at the end names the root. docs/FORMAT.md has the bytes.
"""

import hashlib

from .codec import unpack_uint
from .errors import CorruptionError
from .memtable import ABSENT

# Decoded size of a block, and of one in level 0: those are merged several at a time.
BLOCK = 1024
BLOCK0 = 512
# Trailer: salt (8) size of the meta block (2) "Q". The last byte is never 0xFF: raw flash tells by it where a file ends.
SALT = 8
TRAILER = b"Q"
_TRAILER_SIZE = SALT + 3
_BLOOM_PROBES = 4


def block_aad(prefix, offset):
    """The associated data that binds a block to its file and offset."""
    return prefix + offset.to_bytes(4, "big")


def file_aad(number):
    """The start of block_aad() in segment `number`; the salt follows."""
    return b"s" + number.to_bytes(4, "big")


def read_entry(block, i, key):
    """Return (key, value or None, index of the next entry) of the entry at block[i:].

    key: of the entry before it. One flat call, not a generator: every source of a merge holds its state in RAM.
    """
    shared, i = unpack_uint(block, i)
    rest, i = unpack_uint(block, i)
    width, i = unpack_uint(block, i)
    key = key[:shared] + block[i : i + rest]
    i += rest
    if not width:
        return key, None, i
    return key, bytes(block[i : i + width - 1]), i + width - 1


def bloom_bits(key, bloom):
    """Yield the filter's bit numbers for key (Bloom 1970; probes are slices of SHA-256)."""
    digest = hashlib.sha256(key).digest()
    for i in range(0, 2 * _BLOOM_PROBES, 2):
        yield (digest[i] << 8 | digest[i + 1]) % (len(bloom) * 8)


class Segment:
    """One open segment: what its meta block says, and lookups in it.

    floor: keys up to and including this one are dead here (compaction moved them on), or None.
    tag: what the blocks of this file, and no other, are sealed with: kind, number, salt.
    """

    def __init__(self, reader, number, prefix=None, floor=None):
        self._reader = reader
        self.tag = prefix or file_aad(number)
        self.number = number
        self.floor = floor
        self._load_meta()

    def _load_meta(self):
        try:
            self.size = self._reader.source.size(self.number)
        except OSError as error:
            self._damaged(error)
        size = self._load_trailer()
        offset = self.size - _TRAILER_SIZE - size
        blob = self._reader.raw(self.number, offset, size)
        meta = self._reader.unseal(self.number, self.tag, offset, blob)
        self._root, i = unpack_uint(meta, 0)
        self._root_size, i = unpack_uint(meta, i)
        self._depth, i = unpack_uint(meta, i)
        self._entries, i = unpack_uint(meta, i)
        self.min, i = _part(meta, i)
        self.max, i = _part(meta, i)
        self._bloom, i = _part(meta, i)

    def _load_trailer(self):
        """Complete the tag, return the size of the meta block."""
        end = self.size - _TRAILER_SIZE
        trailer = self._reader.raw(self.number, end, _TRAILER_SIZE) if end > 0 else bytes(_TRAILER_SIZE)
        size = trailer[SALT] << 8 | trailer[SALT + 1]
        if bytes(trailer[SALT + 2 :]) != TRAILER or size > end:
            self._damaged("no segment trailer", max(end, 0))
        self.tag += bytes(trailer[:SALT])
        return size

    @property
    def low(self):
        """A key at or below every live key."""
        return self.min if self.floor is None else max(self.min, self.floor + b"\0")

    def overlaps(self, lo, hi):
        """Whether a live key may lie in lo <= key < hi (hi None: no upper bound)."""
        return lo <= self.max and (hi is None or self.low < hi)

    def get(self, key):
        """Return the value, None for a deletion, ABSENT when the key is not here."""
        if not self.low <= key <= self.max or not self._may_hold(key):
            return ABSENT
        block = self._block(self._root, self._root_size)
        for _ in range(self._depth):
            block = self._block(*_children(block, key, key + b"\0", False)[0])
        found, i = b"", 0
        while i < len(block) and found < key:
            found, value, i = read_entry(block, i, found)
        return value if found == key else ABSENT

    def _may_hold(self, key):
        bloom = self._bloom
        if bloom:
            for bit in bloom_bits(key, bloom):
                if not bloom[bit >> 3] >> (bit & 7) & 1:
                    return False
        return True

    def _block(self, offset, size, buf=None):
        return self._reader.block(self.number, self.tag, offset, size, buf)

    def scan(self, lo=b"", hi=None, reverse=False):
        """Yield (key, value or None) for lo <= key < hi, live keys only."""
        if self.floor is not None:
            lo = max(lo, self.floor + b"\0")
        buf = bytearray(BLOCK0 if self._bloom else BLOCK)  # one for all blocks: see heap.py
        for offset, size in self._leaves(self._root, self._root_size, self._depth, lo, hi, reverse):
            block = self._block(offset, size, buf)
            if reverse:
                yield from reversed(_between(block, lo, hi))
                continue
            key, i = b"", 0
            while i < len(block):
                key, value, i = read_entry(block, i, key)
                if hi is not None and key >= hi:
                    return
                if key >= lo:
                    yield key, value

    def _leaves(self, offset, size, depth, lo, hi, reverse):
        """Yield (offset, size) of the data blocks that may hold keys of lo <= key < hi."""
        if not depth:
            yield offset, size
            return
        for offset, size in _children(self._block(offset, size), lo, hi, reverse):
            yield from self._leaves(offset, size, depth - 1, lo, hi, reverse)

    def check(self):
        """Read every block; CorruptionError at the first that is damaged or out of order."""
        last = None
        count = 0
        floor, self.floor = self.floor, None
        try:
            for key, _ in self.scan():
                if last is not None and key <= last:
                    self._damaged("keys out of order")
                last = key
                count += 1
        finally:
            self.floor = floor
        if count != self._entries or last != self.max:
            self._damaged("entries missing")

    def _damaged(self, why, offset=None):
        raise CorruptionError(self._reader.source.describe(self.number), offset, why)


def _part(meta, i):
    size, i = unpack_uint(meta, i)
    return bytes(meta[i : i + size]), i + size


def _between(block, lo, hi):
    found = []
    key, i = b"", 0
    while i < len(block):
        key, value, i = read_entry(block, i, key)
        if lo <= key and (hi is None or key < hi):
            found.append((key, value))
    return found


def _children(block, lo, hi, reverse):
    """Return [(offset, size)] of an index block's children that may hold keys of lo <= key < hi."""
    found = []
    key, i = b"", 0
    while i < len(block):
        key, place, i = read_entry(block, i, key)
        if hi is not None and key >= hi:
            break
        if key <= lo:
            found.clear()
        offset, at = unpack_uint(place, 0)
        found.append((offset, unpack_uint(place, at)[0]))
    if reverse:
        found.reverse()
    return found
