"""What the C module `_unosql` of our images does, in Python: stock MicroPython and CPython take this module in its place.

The same results, and ValueError, IndexError or OverflowError for what is damaged. Sealing is in kv/crypto.py. Boards' images leave both out.
"""

import gc
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
# Bytes at the end of a segment: salt, size of the meta block, a mark.
_TRAILER, _MARK = 11, 0x51
# Of a delta: bytes of a match at the least and the most, how far back it is at the most; the largest half of a token; bytes that are too many.
_SHORTEST, _LONGEST, _FARTHEST, _NIBBLE, _LONG = 3, 259, 255, 15, 2048
# Bytes of an erase block's header over which it has a checksum.
_SUMMED = 20
_KILL = 28
_MAGIC, _BLANK = b"U1", b"\xff\xff\xff\xff"
_SEGMENT, _LOGS = 0x73, (0x77, 0x6D)
# What is said of erase blocks: see storage/blocks.py.
_FREE, _OTHER, _DOOMED, _LEAST_SPECIAL = 0, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFC0
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


def heap():
    """Bytes of the heap, free or not; on MicroPython."""
    return gc.mem_free() + gc.mem_alloc()


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


def encode_delta(buf, start):
    """Return what is behind the first start bytes of buf (bytes) as its difference to them, or b"" when that is no shorter, or buf is long.

    kv/wal.py undoes it; docs/FORMAT.md has the layout.
    """
    if len(buf) > _LONG:
        return b""
    out = bytearray()
    literals = at = start
    while at < len(buf):
        length, distance = _longest_match(buf, at)
        if length < _SHORTEST:
            at += 1
            continue
        out += _literals(buf[literals:at], length - _SHORTEST)
        out.append(distance)
        out += _above(length - _SHORTEST)
        literals = at = at + length
    if literals < at:
        out += _literals(buf[literals:], 0)
    return bytes(out) if len(out) < len(buf) - start else b""


def _longest_match(buf, at):
    """Return the length of the longest match for what starts there, of equal ones the nearest, and its distance."""
    size, distance = _SHORTEST - 1, 0
    while at + size < min(len(buf), at + _LONGEST):
        place = buf.rfind(buf[at : at + size + 1], max(0, at - _FARTHEST), at + size)
        if place < 0:
            break
        while at + size < min(len(buf), at + _LONGEST) and buf[place + size] == buf[at + size]:
            size += 1
        distance = at - place
    return size, distance


def _literals(part, above):
    return bytes((min(len(part), _NIBBLE) << 4 | min(above, _NIBBLE),)) + _above(len(part)) + part


def _above(length):
    return pack_uint(length - _NIBBLE) if length >= _NIBBLE else b""


def unseal(keys, blob, aad):
    """Return the data of a sealed block, a part of blob, which may be overwritten. keys: of the envelope; None: there is but a checksum."""
    if keys:
        return keys.unseal(blob, aad, True)
    data = memoryview(blob)[:-_SUM]
    if len(blob) < _SUM or checksum(data, aad) != bytes(blob[-_SUM:]):
        raise ValueError("checksum mismatch")
    return data


def unpack(keys, blob, packed, offset, buf, work):
    """Return the entries of a segment's sealed block, which may be overwritten, as decompress() does; work is for C.

    packed: starts with the size of the segment's tag, and the tag. ValueError when the block does not verify.
    """
    return decompress(unseal(keys, blob, packed[1 : 1 + packed[0]] + offset.to_bytes(4, "big")), buf)


def meta(keys, end, prefix, size):
    """A Segment's packed meta block, of the end of its file (a memoryview); or how many of the last bytes that takes.

    keys, end: as for unpack(). prefix: see segment.file_aad(). size: of the file. ValueError when it does not verify.
    """
    needed = _TRAILER
    if len(end) >= _TRAILER and end[-1] == _MARK:
        needed += end[-3] << 8 | end[-2]
    if needed == _TRAILER or needed > size:
        raise ValueError("no segment trailer")
    if needed > len(end):
        return needed
    tag = prefix + bytes(end[-_TRAILER:-3])
    data = unseal(keys, end[-needed:-_TRAILER], tag + (size - needed).to_bytes(4, "big"))
    packed = bytes((len(tag),)) + tag + size.to_bytes(4, "big") + bytes(data)
    part(packed, 4)
    return packed


def entry(block, i, key):
    """Return (key, value or None, index of the next entry) of the entry at block[i:]. key: of the entry before it."""
    shared, i = unpack_uint(block, i)
    rest, i = unpack_uint(block, i)
    width, i = unpack_uint(block, i)
    start = i + rest
    end = start + width - 1 if width else start
    if shared > len(key) or end > len(block):
        raise ValueError("damaged entries")
    return key[:shared] + bytes(block[i:start]), bytes(block[start:end]) if width else None, end


def seek(block, lo):
    """Return the same of the first entry whose key is not below lo, or None."""
    key, i = b"", 0
    while i < len(block):
        key, value, i = entry(block, i, key)
        if key >= lo:
            return key, value, i
    return None


def find(block, key):
    """Return the value of key in a data block, None for a deletion, False when it is not there."""
    found = seek(block, key)
    return found[1] if found and found[0] == key else False


def children(block, lo, hi, reverse, most):
    """The children of an index block that may hold keys of lo <= key < hi: see Segment._leaves()."""
    found, lows = [], []
    key, i, more = b"", 0, None
    while i < len(block):
        key, place, i = entry(block, i, key)
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
    """Return offset, size and depth of a segment's root, how many entries it has, and the root's own if they are nowhere else.

    packed: see part().
    """
    return _numbers(packed)[:4] + (part(packed, 3),)


def _numbers(packed):
    """The same, and the index of the first part."""
    return unpack_uint(packed, 5 + packed[0], 4)


def bisect(segments, key):
    """How many of a list of Segments, sorted, have their highest key below key."""
    lo, hi = 0, len(segments)
    while lo < hi:
        middle = (lo + hi) // 2
        if part(segments[middle].packed, 1) < key:
            lo = middle + 1
        else:
            hi = middle
    return lo


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


def get(packed, floor, key, block):
    """Return the value of a key in a segment, None for a deletion, False when it is not there or not live.

    block(offset, size): reads a block; None: return True when the key may be there.
    """
    if key > part(packed, 1) or key < _low(packed, floor) or _in_gap(packed, key):
        return False
    bloom = part(packed, 2)
    for bit in _bits(key, bloom) if bloom else ():
        if not bloom[bit >> 3] >> (bit & 7) & 1:
            return False
    if block is None:
        return True
    offset, size, depth, _, top = root(packed)
    while depth:
        offset, size = child(top or block(offset, size), key)
        top = None
        depth -= 1
    return find(block(offset, size), key)


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
    without keys between two and two. A meta block of version 0.1.0 ends before part 3. ValueError when any is damaged.
    """
    parts, i = [], _numbers(packed)[4]
    for earlier in range(5):
        size = 0
        if earlier < 3 or i < len(packed):
            size, i = unpack_uint(packed, i)
        parts.append(packed[i : i + size])
        i += size
        if i > len(packed):
            raise ValueError("damaged entries")
    return parts[n]


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
        found, value, _ = decode(arena, places[2 * i] << 8 | places[2 * i + 1])
        if found == key:
            return value
    return False


def decode(buf, i):
    """Return (key, value or None, index after the operation at buf[i:])."""
    size, i = unpack_uint(buf, i)
    width, i = unpack_uint(buf, i)
    start = i + size
    end = start + width - 1 if width else start
    if end > len(buf):
        raise ValueError("damaged entries")
    return bytes(buf[i:start]), bytes(buf[start:end]) if width else None, end


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


# What Merge.run() returns. Up to _FITS it asks something about the next entry.
_DEAD, _TOMBSTONE, _REPLACED, _STARTS, _FITS, _PASSED, _STOP, _BROKEN = -1, -2, -3, -4, -5, -6, -7, -8
_MOST_PASSED = 64
_HUNGRY, _CLOSED = False, None  # a source without a next entry: for now, or for good


class Merge:
    """Entries of several sorted sources, the newest first, on their way into blocks: of equal keys that of the first source.

    questions: which of those about forgetting an entry are asked: 0: none; 1: whether it is dead, and whether a deletion has nothing
    to delete; 2: also whether something newer replaces it.

    key: of the next entry, None: there is none. last: written last. cut: the shortest key that separates them. number: see run(), of
    the collection that it asks about. used: bytes of the block. need: of the block that does not fit. entries: how many were written.
    left_out: how many were not.
    """

    def __init__(self, count, questions):
        self._sources = [None] * count
        self._heads = [_HUNGRY] * count
        self._questions = questions
        self._asked = _DEAD
        self._told = self.number = self.used = self.need = self.entries = self.left_out = 0
        self._best = None
        self.last = b""

    @property
    def key(self):
        return self._best and self._best[0]

    @property
    def cut(self):
        return self._best and self.key[: shared(self.last, self.key) + 1]

    def feed(self, i, low=None, data=None, places=None, count=0):
        """Give source i a block, or so many operations of an arena, with keys from low on; with i alone it has no more."""
        self._asked = _DEAD
        self._heads[i] = _CLOSED if low is None else _HUNGRY
        self._sources[i] = low is not None and (_entries(data, low) if places is None else _operations(data, places, count, low))

    def run(self, block, used, limit, due, stop, mortal, bloom):
        """Write entries into a block until something is wanted. Return the number of a source that is to be fed, or

        _DEAD: whether the next entry is dead depends on collection `number`, of which mortal (see kv/observer.py) knows nothing.
        _TOMBSTONE, _REPLACED: is it a deletion of nothing? Is there a newer entry of its key?
        _STARTS: its key shares less than two bytes with the last one, or `due` bytes are used: may it be written?
        _FITS: the block would have `need` bytes, more than limit, or than there are at all: close it, or make it larger.
        _PASSED: many entries were left out. _STOP: no key is below stop (None: any). _BROKEN - i: source i is damaged.

        What is asked decide() answers, but for _FITS, and _DEAD where mortal has the number now. bloom: a filter to add keys to, or None.
        """
        self.used = used
        while self.left_out - self._told < _MOST_PASSED:
            event = self._find_best()
            if event is None and (self._best is None or stop is not None and self._best[0] >= stop):
                event = _STOP
            if event is None:
                event = self._question(due, mortal) if self._asked > _FITS else 0
                if event > 0:
                    self.decide(True)
                    continue
                event = event or self._write(block, limit, bloom)
            if event is not None:
                return event
        self._told = self.left_out
        return _PASSED

    def decide(self, leave_out):
        """Answer what run() has asked: leave the next entry out, or go on with it."""
        if not leave_out:
            self._asked -= 1
        elif self._best:
            self.left_out += 1
            self._go_on()

    def _find_best(self):
        self._best = None
        for i, head in enumerate(self._heads):
            if head is _HUNGRY:
                try:
                    head = self._heads[i] = next(self._sources[i] or iter(()))
                except StopIteration:
                    return i
                except (ValueError, IndexError, OverflowError):
                    return _BROKEN - i
            if head is not _CLOSED and (self._best is None or head[0] < self._best[0]):
                self._best = head

    def _question(self, due, mortal):
        """Return the next question, 0: there is none, or 1: the entry is dead."""
        key, value = self._best
        while self._asked > _FITS:
            if self._asked == _DEAD and self._questions:
                dead = self._is_dead(mortal, key, value)
                if dead is not False:
                    return 1 if dead else _DEAD
            elif self._asked == _TOMBSTONE and self._questions and value is None or self._asked == _REPLACED and self._questions > 1:
                return self._asked
            elif self._asked == _STARTS and (self.used >= due or shared(self.last, key) < 2):
                return self._asked
            self._asked -= 1
        return 0

    def _is_dead(self, mortal, key, value):
        """Whether an entry is; None: nothing is known of its number."""
        kind = key[:1]
        if mortal is None or kind not in (b"H", b"I", b"R", b"S") or kind == b"S" and value is None:
            return False
        self.number, id, _ = unpack_uint(value, 0, 2) if kind == b"S" else unpack_uint(key, 1, 2)
        alive = mortal.get(self.number)
        if alive is None:
            return None
        if kind != b"I":
            return id < alive[0]
        return id not in alive[1:] or value is not None and unpack_uint(value, 0)[0] < alive[0]

    def _write(self, block, limit, bloom):
        key, value = self._best
        end = append(block, self.used, self.last if self.used else b"", key, value, limit if self.used else len(block))
        if end < 0:
            self.need = -end
            return _FITS
        self.used, self.last = end, key
        self.entries += 1
        self._go_on()
        if bloom:
            note(bloom, key)

    def _go_on(self):
        """The next entry is done with, and those of its key in older sources."""
        key, self._best, self._asked = self._best[0], None, _DEAD
        for i, head in enumerate(self._heads):
            if head and head[0] == key:
                self._heads[i] = _HUNGRY


def _entries(block, low):
    key, i = b"", 0
    while i < len(block):
        key, value, i = entry(block, i, key)
        if key >= low:
            yield key, value


def _operations(arena, places, count, low):
    for i in range(count):
        key, value, _ = decode(arena, places[2 * i] << 8 | places[2 * i + 1])
        if key >= low:
            yield key, value


def tag(tags, wanted, block):
    """The first block from that one on whose tag, 4 bytes of tags, is wanted (a number); -1: there is none.

    wanted: None: the tag of any segment's first block.
    """
    if wanted is None:
        while block < len(tags) // 4 and (tags[4 * block] & 63 or not _word(tags, block)):
            block += 1
        return block if block < len(tags) // 4 else -1
    wanted = wanted.to_bytes(4, "little")
    at = 4 * block - 1
    while True:
        at = tags.find(wanted, at + 1)
        if at & 3 == 0 or at < 0:
            return at >> 2


def header(read, head, block):
    """Whether a block has a header (storage/blocks.py) that verifies, and is not free.

    read: readblocks of a block device. It fills head, a bytearray of 32 bytes.
    """
    read(block, head, 0)
    return head[_KILL:] == _BLANK and _is_sound(head)


def _is_sound(head):
    return head[:2] == _MAGIC and hashlib.sha256(head[:_SUMMED]).digest()[:4] == head[_SUMMED : _SUMMED + 4]


def scan(read, head, tags, births, database, found):
    """Read the headers of all blocks that no segment of ours has, and say in tags, 4 bytes a block, what they hold.

    births: None, or as long as tags: then all is read for the first time, and it gets the counters of the files' first blocks.
    Blocks that are left of a file without its first one are marked as doomed. For the blocks of logs found(kind, counter, block) is called.
    Return the highest counter, the block behind the one that has it, how many blocks are free, and whether any is ours.
    """
    newest = behind = free = 0
    ours = False
    for block in range(len(tags) // 4 - 1, -1, -1):  # from the end: most counters are below one that was seen, and cost nothing
        held = _word(tags, block)
        if held in (_FREE, _OTHER):
            read(block, head, 0)
            counter = _word(head, 3)
            is_alive = head[_KILL:] == _BLANK
            held = _FREE
            if (is_alive or counter > newest) and _is_sound(head):
                if counter > newest:
                    newest, behind = counter, block + 1
                if is_alive:
                    held = _OTHER
                    if births and _word(head, 1) == database:
                        ours = True
                        if head[2] == _SEGMENT:
                            held = _of_segment(head, tags, births, block)
                        elif head[2] in _LOGS:
                            found(head[2], counter, block)
            _set_word(tags, block, held)
        free += held == _FREE
    if births:
        _doom(tags, births)
    return newest, behind, free, ours


def _of_segment(head, tags, births, block):
    """The tag of a block of this database."""
    index, number, birth = head[3], _word(head, 2), _word(head, 4)
    _set_word(births, block, birth)
    if index >= 64 or not 0 < number < _LEAST_SPECIAL >> 6:
        return _OTHER
    wanted = number << 6 | index
    other = -1 if index else tag(tags, wanted, block + 1)
    if other >= 0:  # torn erasing has revived a first block from an earlier use of the number
        if _word(births, other) > birth:
            return _DOOMED
        _set_word(tags, other, _DOOMED)
    return wanted


def _doom(tags, births):
    """Mark the blocks that torn erasing or torn removal has left without the first block of their file."""
    for block in range(len(tags) // 4):
        first = _word(tags, block) & ~63
        if first < _LEAST_SPECIAL and first != _word(tags, block):
            first = tag(tags, first, 0)
            if first < 0 or _word(births, first) != _word(births, block):
                _set_word(tags, block, _DOOMED)


def _word(buf, i):
    return int.from_bytes(bytes(buf[4 * i : 4 * i + 4]), "little")


def _set_word(buf, i, n):
    buf[4 * i : 4 * i + 4] = n.to_bytes(4, "little")


def _key(arena, place):
    size, i = unpack_uint(arena, place)
    width, i = unpack_uint(arena, i)
    if i + size + (width - 1 if width else 0) > len(arena):
        raise ValueError("damaged entries")
    return bytes(arena[i : i + size])
