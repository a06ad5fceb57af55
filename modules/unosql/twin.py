"""What the C module `_unosql` of our images does, in Python: stock MicroPython and CPython take this module in its place.

The same results, and ValueError, IndexError or OverflowError for what is damaged. Sealing is in kv/crypto.py. Boards' images leave both out.
"""

import hashlib
import io

from .codec import pack_uint

try:
    import uzlib
except ImportError:  # stock MicroPython without our frozen module: blocks stay plain
    uzlib = None

# Deflating looks back 2**9 bytes.
_WBITS = -9
# Bits of a Bloom filter for each key.
_PROBES = 4
# What stands at the end of a block, behind the length of the data if deflated; and then its checksum.
_PLAIN, _DEFLATE = 0, 1
_SUM = 8
# Bytes of an erase block's header over which it has a checksum.
_SUMMED = 20
_NONE = (256, 0)
# First bytes of UTF-8 that not every second byte may follow (lowest, highest): overlong forms, surrogates, above U+10FFFF.
_SECOND = {
    0xC0: _NONE, 0xC1: _NONE, 0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F),
    0xF5: _NONE, 0xF6: _NONE, 0xF7: _NONE,
}
# uzlib allocates what it works in.
DEFLATE_WORK = INFLATE_WORK = 0


def allocated():
    """Bytes of the heap handed out since garbage was collected last: nobody knows, so it may be any number."""
    return 1 << 29


def unpack_uint(buf, i, count=1):
    """Decode so many integers at buf[i:] (see codec.py): return them and the index behind. IndexError when they are cut off."""
    if count > 1:
        first, i = unpack_uint(buf, i)
        return (first,) + unpack_uint(buf, i, count - 1)
    first = buf[i]
    if first <= 240:
        return first, i + 1
    if first <= 248:
        return 240 + ((first - 241) << 8) + buf[i + 1], i + 2
    if first == 249:
        return 2288 + (buf[i + 1] << 8) + buf[i + 2], i + 3
    end = i + first - 246
    buf[end - 1]  # a short slice would decode to a wrong number
    return int.from_bytes(bytes(buf[i + 1 : end]), "big"), end


def is_ascii(text):
    """Whether a str or bytes has ASCII only."""
    if hasattr(text, "isascii"):  # CPython, whose memoryview takes no str
        return text.isascii()
    return not text or max(memoryview(text)) < 128


def flaw(data, i):
    """Return (start, end) of the first bytes from data[i:] on that are not UTF-8 as RFC 3629 has it, None when there are none.

    They are those of one character, as far as it is there: they never go on beyond an ASCII byte.
    """
    while i < len(data):
        start, lead = i, data[i]
        i += 1
        if lead < 0x80:
            continue
        size = 0 if not 0xC0 <= lead < 0xF8 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        while i < min(start + size, len(data)) and data[i] & 0xC0 == 0x80:
            i += 1
        lo, hi = _SECOND.get(lead, (0x80, 0xBF))
        if i - start != size or not lo <= data[start + 1] <= hi:
            return start, i
    return None


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


def decompress(blob, buf):
    """Return what kv/compression.py has compressed: a memoryview of buf, or where that is None or too small a bytearray.

    ValueError when the flag or the stream is not ours.
    """
    size, flag = len(blob) - 1, blob[-1]
    if flag == _DEFLATE:
        size = blob[-3] << 8 | blob[-2]
    elif flag != _PLAIN:
        raise ValueError("unknown block encoding %d" % flag)
    data = memoryview(buf)[:size] if buf is not None and size <= len(buf) else bytearray(size)
    if flag == _PLAIN:
        data[:] = memoryview(blob)[:size]
        return data
    got = inflate(blob, data, None)
    if got != size:
        raise ValueError("block of %d bytes instead of %d" % (got, size))
    return data


def unseal(keys, blob, aad):
    """Return the data of a sealed block, a part of blob, which may be overwritten. keys: of the envelope; None: there is but a checksum."""
    if keys:
        return keys.unseal(blob, aad, True)
    data = memoryview(blob)[:-_SUM]
    if len(blob) < _SUM or checksum(data, aad) != bytes(blob[-_SUM:]):
        raise ValueError("checksum mismatch")
    return data


def unpack(keys, blob, prefix, offset, buf, work):
    """Return the entries of a segment's sealed block, which may be overwritten, as decompress() does; work is for C.

    prefix, offset: see segment.block_aad(). ValueError when it does not verify.
    """
    return decompress(unseal(keys, blob, prefix + offset.to_bytes(4, "big")), buf)


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


def child(block, key):
    """Return (offset, size) of the child of an index block that may hold key."""
    return children(block, key, None, False, 1)[0][0]


def root(packed):
    """Return offset, size and depth of a segment's root, and how many entries it has. packed: see part()."""
    return _numbers(packed)[:4]


def _numbers(packed):
    """The same, and the index of the first part."""
    return unpack_uint(packed, 5 + packed[0], 4)


def ends_below(packed, key):
    """Whether a segment's highest key is below key."""
    return part(packed, 1) < key


def overlaps(packed, floor, lo, hi):
    """Whether a live key of a segment may lie in lo <= key < hi (hi None: no upper bound). floor: keys up to it are dead, or None."""
    return lo <= part(packed, 1) and (hi is None or _low(packed, floor) < hi)


def _in_gap(packed, key):
    """Whether a key lies between two that the segment says to have none in between."""
    gaps, i = part(packed, 4), 0
    try:
        while True:
            before, i = _counted(gaps, i)
            behind, i = _counted(gaps, i)
            if before < key < behind:
                return True
    except IndexError:  # behind the last of them
        return False


def _counted(buf, i):
    size, i = unpack_uint(buf, i)
    if i + size > len(buf):
        raise IndexError("cut off")
    return buf[i : i + size], i + size


def _low(packed, floor):
    low = part(packed, 0)
    return low if floor is None else max(low, floor + b"\0")


def probe(packed, floor, key):
    """Where a live key is sought in a segment: offset, size and depth of its root, or, where the meta block has the root's entries, of
    the child. None: it is not there."""
    if key > part(packed, 1) or key < _low(packed, floor) or _in_gap(packed, key):
        return None
    bloom = part(packed, 2)
    for bit in _bits(key, bloom) if bloom else ():
        if not bloom[bit >> 3] >> (bit & 7) & 1:
            return None
    place, top = root(packed)[:3], part(packed, 3)
    return child(top, key) + (place[2] - 1,) if top and place[2] else place


def note(bloom, key):
    """Add a key to a Bloom filter."""
    for bit in _bits(key, bloom):
        bloom[bit >> 3] |= 1 << (bit & 7)


def _bits(key, bloom):
    """Yield the filter's bit numbers for key (Bloom 1970; probes are slices of SHA-256)."""
    digest = hashlib.sha256(key).digest()
    for i in range(0, 2 * _PROBES, 2):
        yield (digest[i] << 8 | digest[i + 1]) % (len(bloom) * 8)


def checksum(data, aad):
    """The first 8 bytes of SHA-256 over aad and data."""
    digest = hashlib.sha256(aad)
    digest.update(data)
    return digest.digest()[:_SUM]


def part(packed, n):
    """Return part n of a segment's meta block as Segment packs it: behind its tag, four bytes and four numbers.

    0: its lowest key, 1: its highest, 2: the Bloom filter. 3: the root's entries, or nothing. 4: v(size) key v(size) key ..., gaps
    without keys between two and two. A meta block of version 0.1.0 ends before part 3.
    """
    i = _numbers(packed)[4]
    size, i = unpack_uint(packed, i)
    for earlier in range(n):
        if earlier > 1 and i + size == len(packed):
            return b""
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


def place(arena, places, count, start):
    """Give the operation at start its place among the sorted ones; return their count. places: room for one more."""
    key = _key(arena, start)
    i = search(arena, places, count, key)
    if i == count or _key(arena, places[2 * i] << 8 | places[2 * i + 1]) != key:
        view, end = memoryview(places), 2 * count
        view[2 * i + 2 : end + 2] = view[2 * i : end]
        count += 1
    places[2 * i] = start >> 8
    places[2 * i + 1] = start & 255
    return count


def lookup(arena, places, count, key):
    """Return the value of a key, None for a deletion, False when it is not there."""
    i = search(arena, places, count, key)
    if i < count:
        found, value, _ = decode(arena, places[2 * i] << 8 | places[2 * i + 1], bytes)
        if found == key:
            return value
    return False


def decode(buf, i, copy):
    """Return (key, value or None, index after the operation at buf[i:]). copy: what makes the value of a part of buf."""
    size, i = unpack_uint(buf, i)
    width, i = unpack_uint(buf, i)
    start = i + size
    end = start + width - 1 if width else start
    if end > len(buf):
        raise ValueError("damaged entries")
    return bytes(buf[i:start]), copy(buf[start:end]) if width else None, end


def append(block, used, last, key, value, limit):
    """Append an entry to a block; return the bytes used. last: the key before.

    Where they would be more than limit, or than block has, return how many they would be, below 0, and change nothing.
    """
    common = shared(last, key)
    head = pack_uint(common) + pack_uint(len(key) - common) + pack_uint(0 if value is None else len(value) + 1)
    start = used + len(head) + len(key) - common
    end = start + len(value or b"")
    if end > min(limit, len(block)):
        return -end
    block[used:start] = head + key[common:]
    block[start:end] = value or b""
    return end


def shared(a, b):
    """The number of leading bytes that a and b share."""
    n = min(len(a), len(b))
    i = 0
    while i < n and a[i] == b[i]:
        i += 1
    return i


def tag(tags, wanted, block):
    """The first block from that one on whose tag, 4 bytes of tags, is wanted (a number); -1: there is none."""
    wanted = wanted.to_bytes(4, "little")
    at = 4 * block - 1
    while True:
        at = tags.find(wanted, at + 1)
        if at & 3 == 0 or at < 0:
            return at >> 2


def header(read, head, block, end):
    """The first block from that one on, and below end, whose header (storage/blocks.py) verifies; -1: there is none.

    read: readblocks of a block device. It fills head, a bytearray, which then has the header.
    """
    while block < end:
        read(block, head, 0)
        if head[0] == 0x55 and hashlib.sha256(head[:_SUMMED]).digest()[:4] == head[_SUMMED : _SUMMED + 4]:
            return block
        block += 1
    return -1


def _key(arena, place):
    size, i = unpack_uint(arena, place)
    width, i = unpack_uint(arena, i)
    if i + size + (width - 1 if width else 0) > len(arena):
        raise ValueError("damaged entries")
    return bytes(arena[i : i + size])
