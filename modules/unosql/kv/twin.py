"""What the C module `_unosql` of our images does, in Python: stock MicroPython and CPython take this module in its place.

The same results, and ValueError or IndexError for what is damaged. Sealing is in crypto.py. Boards' images leave both out.
"""

import io

from ..codec import unpack_uint

try:
    import uzlib
except ImportError:  # stock MicroPython without our frozen module: blocks stay plain
    uzlib = None

# Deflating looks back 2**9 bytes.
_WBITS = -9
# uzlib allocates what it works in.
DEFLATE_WORK = INFLATE_WORK = 0


def deflate(data, target, work):
    """Put the stream of data into target and return its size; 0 when it does not fit, or nothing here deflates."""
    packed = uzlib.compress(data, _WBITS) if uzlib else b""
    if len(packed) > len(target):
        return 0
    target[: len(packed)] = packed
    return len(packed)


def inflate(blob, data, work):
    """Fill data from a stream and return how many bytes there were."""
    if uzlib is None:
        raise ValueError("compressed block, and this image has no uzlib")
    return uzlib.DecompIO(io.BytesIO(blob), _WBITS).readinto(data) or 0


def entry(block, i, key, copy):
    """Return (key, value or None, index of the next entry) of the entry at block[i:]. key: of the entry before it.

    copy: what makes the value of a part of the block, which may be large.
    """
    shared, i = unpack_uint(block, i)
    rest, i = unpack_uint(block, i)
    width, i = unpack_uint(block, i)
    start = i + rest
    end = start + width - 1 if width else start
    if shared > len(key) or end > len(block):
        raise ValueError("damaged entries")
    return key[:shared] + block[i:start], copy(block[start:end]) if width else None, end


def find(block, key):
    """Return the value of key in a data block, None for a deletion, False when it is not there."""
    found, value, i = b"", False, 0
    while i < len(block) and found < key:
        found, value, i = entry(block, i, found, bytes)
    return value if found == key else False


def children(block, lo, hi, reverse, most):
    """The children of an index block that may hold keys of lo <= key < hi: see Segment._leaves()."""
    found, lows = [], []
    key, i, more = b"", 0, None
    while i < len(block):
        key, place, i = entry(block, i, key, bytes)
        if hi is not None and key >= hi:
            break
        if key <= lo:
            found.clear()
            lows.clear()
        elif len(found) == most:
            if not reverse:
                return found, key
            del found[0], lows[0]
            more = True
        offset, at = unpack_uint(place or b"", 0)
        found.append((offset, unpack_uint(place, at)[0]))
        lows.append(key)
    if reverse:
        found.reverse()
    return found, more and lows[0]


def part(packed, n):
    """Return part n of a segment's meta block as Segment packs it: behind its tag, four bytes and four numbers."""
    i = 5 + packed[0]
    for _ in range(4):
        i = unpack_uint(packed, i)[1]
    size, i = unpack_uint(packed, i)
    for _ in range(n):
        size, i = unpack_uint(packed, i + size)
    if i + size > len(packed):
        raise ValueError("damaged entries")
    return packed[i : i + size]


def search(arena, places, count, key):
    """The first of count places, 2 bytes each, whose entry in the memtable's arena has a key not below key."""
    lo, hi = 0, count
    while lo < hi:
        middle = (lo + hi) // 2
        if _key(arena, places[2 * middle] << 8 | places[2 * middle + 1]) < key:
            lo = middle + 1
        else:
            hi = middle
    return lo


def _key(arena, place):
    size, i = unpack_uint(arena, place)
    i = unpack_uint(arena, i)[1]
    return bytes(arena[i : i + size])
