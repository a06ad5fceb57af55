"""The memtable: the newest writes, sorted, in one arena of bytes.

An arena instead of a dict of objects bounds the RAM and does not fragment the heap.
An entry is v(len(key)) v(len(value) + 1) key value; a length of 0 marks a deletion.
"""

from .codec import pack_uint, unpack_uint

# What get() answers for a key that is not there; None is a deletion.
ABSENT = False


def encode_entry(key, value):
    """Return the bytes of one operation, as the arena and the WAL hold it. value None deletes."""
    if value is None:
        return pack_uint(len(key)) + b"\0" + key
    return pack_uint(len(key)) + pack_uint(len(value) + 1) + key + value


def decode_entry(buf, i):
    """Return (key, value, index after the entry at buf[i:])."""
    size, i = unpack_uint(buf, i)
    width, i = unpack_uint(buf, i)
    key = bytes(buf[i : i + size])
    i += size
    if not width:
        return key, None, i
    end = i + width - 1
    return key, bytes(buf[i:end]), end


class Memtable:
    """Sorted operations in a fixed arena of `capacity` bytes (at most 65,536)."""

    def __init__(self, capacity):
        self._arena = bytearray(capacity)
        self._view = memoryview(self._arena)
        self._places = []  # offsets of the live entries, in key order
        self.used = 0

    def __len__(self):
        return len(self._places)

    @property
    def room(self):
        """Bytes of entries that still fit."""
        return len(self._arena) - self.used

    @property
    def capacity(self):
        """Bytes of entries that fit when empty."""
        return len(self._arena)

    def clear(self):
        """Forget everything."""
        self._places = []
        self.used = 0

    def mark(self):
        """Return a state to go back to with reset()."""
        return self.used, list(self._places)

    def reset(self, mark):
        """Undo every put since mark()."""
        self.used, self._places = mark

    def put(self, entry):
        """Add an encoded entry that fits; it replaces an older one of its key."""
        start = self.used
        self._arena[start : start + len(entry)] = entry
        self.used = start + len(entry)
        i = self._find(self._key(start))
        if i < len(self._places) and self._key(self._places[i]) == self._key(start):
            self._places[i] = start
        else:
            self._places.insert(i, start)

    def get(self, key):
        """Return the value, None for a deletion, ABSENT when the key is not here."""
        i = self._find(key)
        if i < len(self._places):
            found, value, _ = decode_entry(self._view, self._places[i])
            if found == key:
                return value
        return ABSENT

    def scan(self, lo=b"", hi=None, reverse=False):
        """Yield (key, value or None) for lo <= key < hi. Not to be used across a put()."""
        start = self._find(lo)
        stop = len(self._places) if hi is None else self._find(hi)
        order = range(stop - 1, start - 1, -1) if reverse else range(start, stop)
        for i in order:
            key, value, _ = decode_entry(self._view, self._places[i])
            yield key, value

    def _key(self, place):
        size, i = unpack_uint(self._arena, place)
        i = unpack_uint(self._arena, i)[1]
        return bytes(self._view[i : i + size])

    def _find(self, key):
        lo, hi = 0, len(self._places)
        while lo < hi:
            mid = (lo + hi) // 2
            if self._key(self._places[mid]) < key:
                lo = mid + 1
            else:
                hi = mid
        return lo
