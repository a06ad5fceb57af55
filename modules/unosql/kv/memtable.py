"""The memtable: the newest writes, sorted, in one arena of bytes.

An arena instead of a dict of objects bounds the RAM and does not fragment the heap.
An entry is v(len(key)) v(len(value) + 1) key value; a length of 0 marks a deletion.
"""

from ..codec import pack_uint
from .compression import native

# Bytes at the most: an entry must fit a block, whose length has two bytes.
_MOST = 65408
# What get() answers for a key that is not there; None is a deletion.
ABSENT = False


def encode_entry(key, value):
    """Return the bytes of one operation, as the arena and the WAL hold it. value None deletes."""
    if value is None:
        return pack_uint(len(key)) + b"\0" + key
    return pack_uint(len(key)) + pack_uint(len(value) + 1) + key + value


def decode_entry(buf, i):
    """Return (key, value, index after the entry at buf[i:])."""
    return native.decode(buf, i)


class Memtable:
    """Sorted operations in a fixed arena. capacity: bytes of entries that fit when it is empty. is_buffered: it has some that the WAL has not."""

    def __init__(self, capacity):
        self.capacity = capacity = min(capacity, _MOST)
        self.arena = memoryview(bytearray(capacity))
        self._places = bytearray(2 * (capacity >> 5))  # offsets of the live entries, 2 bytes each, in key order
        self._count = 0
        self.used = 0
        self.is_buffered = False

    def __len__(self):
        return self._count

    @property
    def room(self):
        """Bytes of entries that still fit."""
        return self.capacity - self.used

    def clear(self):
        """Forget everything."""
        self._count = self.used = 0
        self.is_buffered = False

    def put(self, entry):
        """Add an encoded entry that fits; it replaces an older one of its key."""
        start = self.used
        self.arena[start : start + len(entry)] = entry
        self.used = start + len(entry)
        if 2 * self._count == len(self._places):
            self._places.extend(bytes(64))
        self._count = native.place(self.arena, self._places, self._count, start)

    def _place(self, i):
        return self._places[2 * i] << 8 | self._places[2 * i + 1]

    def get(self, key):
        """Return the value, None for a deletion, ABSENT when the key is not here."""
        return native.lookup(self.arena, self._places, self._count, key)

    def fed(self):
        """All of it as a source of a Merging."""
        yield b"", self.arena, self._places, self._count

    def scan(self, lo=b"", hi=None, reverse=False):
        """Yield (key, value or None) for lo <= key < hi. Not to be used across a put()."""
        start = self._find(lo)
        stop = self._count if hi is None else self._find(hi)
        order = range(stop - 1, start - 1, -1) if reverse else range(start, stop)
        for i in order:
            key, value, _ = native.decode(self.arena, self._place(i))
            yield key, value

    def _find(self, key):
        return native.search(self.arena, self._places, self._count, key)
