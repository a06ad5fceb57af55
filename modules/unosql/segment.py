"""Segments: immutable sorted files, bulk-loaded as B+trees.

Blocks of about a kilobyte hold sorted entries and are compressed and sealed one by one. When a
block is written, its separator and place go into a block of the tree's next level, which is
written as soon as it is full: the writer holds one open block a level, whatever the file's size.
The sealed meta block at the end names the root. docs/FORMAT.md has the bytes.
"""

import hashlib
import os

from .codec import compress, decompress, pack_uint, unpack_uint
from .errors import CorruptionError
from .memtable import ABSENT

# Trailer: salt (8) size of the meta block (2) "Q". The last byte is never 0xFF: raw flash tells by it where a file ends.
_SALT = 8
_TRAILER = b"Q"
_TRAILER_SIZE = _SALT + 3
_BLOOM_PROBES = 4


def block_aad(prefix, offset):
    """The associated data that binds a block to its file and offset."""
    return prefix + offset.to_bytes(4, "big")


def file_aad(number):
    """The start of block_aad() in segment `number`; the salt follows."""
    return b"s" + number.to_bytes(4, "big")


class _Block:
    """Entries on their way into a block: v(shared) v(rest) v(len(value) + 1) rest value."""

    def __init__(self, size):
        self._buf = bytearray(size)  # used again for each block: growing one would break up the heap
        self.clear()

    def clear(self):
        self.used = 0
        self.first = None
        self.last = b""

    def data(self):
        return memoryview(self._buf)[: self.used]

    def add(self, key, value):
        if self.first is None:
            self.first = key
        shared = common_prefix(self.last, key)
        self.last = key
        self._append(pack_uint(shared) + pack_uint(len(key) - shared))
        self._append(pack_uint(0 if value is None else len(value) + 1))
        self._append(key[shared:])
        self._append(value or b"")

    def _append(self, data):
        end = self.used + len(data)
        if end > len(self._buf):
            self._buf.extend(bytes(end - len(self._buf)))
        self._buf[self.used : end] = data
        self.used = end


def common_prefix(a, b):
    """The number of leading bytes that a and b share."""
    n = min(len(a), len(b))
    i = 0
    while i < n and a[i] == b[i]:
        i += 1
    return i


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
    return key, block[i : i + width - 1], i + width - 1


class Writer:
    """Writes one segment. add() in ascending key order, then finish(), or abort().

    sink: append(bytes), close(), abort(). prefix: start of block_aad(), to which a random salt is added: blocks
    of a file that never was completed fit no other, even one of the same number. start: offset of the sink's
    first byte in its file. block: size in bytes that a block is closed at, before compression.
    bloom: keep a Bloom filter for this many keys (0: none).
    """

    def __init__(self, sink, envelope, prefix, start=0, block=1024, bloom=0):
        self._sink = sink
        self._envelope = envelope
        self._salt = os.urandom(_SALT)
        self._prefix = prefix + self._salt
        self._block = block
        self._tree = [_Block(block)]
        self._tree[0].first = b""  # the lowest separator may be as low as can be
        self._bloom = bytearray(bloom + (bloom >> 2)) if bloom else b""  # 10 bits a key
        self.offset = start
        self.entries = 0
        self.min = None
        self.max = None

    def add(self, key, value):
        """Append an entry; key must be above every earlier one. value None is a deletion."""
        leaf = self._tree[0]
        if leaf.used and leaf.used + len(key) + len(value or b"") + 3 > self._block:
            self._close_block(0)
            # any separator above the last block's keys will do: take the shortest
            leaf.first = key[: common_prefix(self.max, key) + 1]
        if self.min is None:
            self.min = key
        leaf.add(key, value)
        self.max = key
        self.entries += 1
        if self._bloom:
            for bit in bloom_bits(key, self._bloom):
                self._bloom[bit >> 3] |= 1 << (bit & 7)

    def finish(self):
        """Write the rest of the tree and the meta block, make the file durable; return its tag."""
        level = 0
        while level + 1 < len(self._tree):
            self._close_block(level)
            level += 1
        offset, size = self._write(self._tree[level].data())
        meta = pack_uint(offset) + pack_uint(size) + pack_uint(level) + pack_uint(self.entries)
        for part in (self.min, self.max, self._bloom):
            meta += pack_uint(len(part)) + part
        blob = self._envelope.seal(meta, block_aad(self._prefix, self.offset))
        self._append(blob + self._salt + len(blob).to_bytes(2, "big") + _TRAILER)
        self._sink.close()
        return tag_of(blob)

    def abort(self):
        """Give the file up."""
        self._sink.abort()

    def _close_block(self, level):
        block = self._tree[level]
        offset, size = self._write(block.data())
        if level + 1 == len(self._tree):
            self._tree.append(_Block(64))
        parent = self._tree[level + 1]
        if parent.used > self._block:
            self._close_block(level + 1)
        parent.add(block.first, pack_uint(offset) + pack_uint(size))
        block.clear()

    def _write(self, buf):
        offset = self.offset
        blob = self._envelope.seal(compress(buf), block_aad(self._prefix, offset))
        self._append(blob)
        return offset, len(blob)

    def _append(self, data):
        self._sink.append(data)
        self.offset += len(data)


def _part(meta, i):
    size, i = unpack_uint(meta, i)
    return bytes(meta[i : i + size]), i + size


def tag_of(blob):
    """Eight bytes that identify a sealed meta block."""
    return hashlib.sha256(blob).digest()[:8]


def bloom_bits(key, bloom):
    """Yield the filter's bit numbers for key (Bloom 1970; probes are slices of SHA-256)."""
    digest = hashlib.sha256(key).digest()
    for i in range(0, 2 * _BLOOM_PROBES, 2):
        yield (digest[i] << 8 | digest[i + 1]) % (len(bloom) * 8)


class Reader:
    """Reads blocks of files through the envelope and keeps the last few decoded.

    source: readinto(number, offset, buf), size(number), describe(number).
    cache: how many decoded blocks to keep.
    """

    def __init__(self, source, envelope, cache=2):
        self.source = source
        self.envelope = envelope
        self.limit = cache
        self._cache = []  # (number, offset, block), most recently used last
        self.reads = 0

    def block(self, number, prefix, offset, size):
        """Return a decoded block. CorruptionError when it does not verify."""
        for i, (n, at, data) in enumerate(self._cache):
            if n == number and at == offset:
                if i + 1 < len(self._cache):
                    self._cache.append(self._cache.pop(i))
                return data
        blob = self.raw(number, offset, size)
        data = self._decode(number, prefix, offset, blob)
        self._remember(number, offset, data)
        return data

    def _decode(self, number, prefix, offset, blob):
        try:
            return decompress(self.unseal(number, prefix, offset, blob))
        except (ValueError, OSError, IndexError, EOFError) as error:
            raise CorruptionError(self.source.describe(number), offset, error)

    def raw(self, number, offset, size):
        """Return size bytes of a file; CorruptionError when it is shorter or gone."""
        buf = bytearray(size)
        try:
            got = self.source.readinto(number, offset, buf)
        except OSError as error:
            raise CorruptionError(self.source.describe(number), offset, error)
        if got != size:
            raise CorruptionError(self.source.describe(number), offset, "file is cut off")
        self.reads += 1
        return buf

    def unseal(self, number, prefix, offset, blob):
        """Return the bytes inside a sealed blob of a file. CorruptionError when damaged."""
        try:
            return self.envelope.unseal(blob, block_aad(prefix, offset))
        except ValueError as error:
            raise CorruptionError(self.source.describe(number), offset, error)

    def forget(self, number=None):
        """Drop a file's blocks from the cache, all when number is None; return whether there were any."""
        kept = [e for e in self._cache if number is not None and e[0] != number]
        dropped = len(kept) < len(self._cache)
        self._cache = kept
        return dropped

    def _remember(self, number, offset, data):
        if self.limit:
            if len(self._cache) >= self.limit:
                self._cache.pop(0)
            self._cache.append((number, offset, data))


class Segment:
    """One open segment: what its meta block says, and lookups in it.

    floor: keys up to and including this one are dead here (compaction moved them on), or None.
    """

    def __init__(self, reader, number, prefix=None, floor=None):
        self._reader = reader
        self._prefix = prefix or file_aad(number)
        self.number = number
        self.floor = floor
        self._load_meta()

    def _load_meta(self):
        try:
            self.size = self._reader.source.size(self.number)
        except OSError as error:
            self._damaged(error)
        blob, offset = self._read_meta()
        meta = self._reader.unseal(self.number, self._prefix, offset, blob)
        self._root, i = unpack_uint(meta, 0)
        self._size, i = unpack_uint(meta, i)
        self._depth, i = unpack_uint(meta, i)
        self._entries, i = unpack_uint(meta, i)
        self.min, i = _part(meta, i)
        self.max, i = _part(meta, i)
        self._bloom, i = _part(meta, i)
        self.tag = tag_of(blob)

    def _read_meta(self):
        end = self.size - _TRAILER_SIZE
        trailer = self._reader.raw(self.number, end, _TRAILER_SIZE) if end > 0 else bytes(_TRAILER_SIZE)
        size = trailer[_SALT] << 8 | trailer[_SALT + 1]
        if trailer[_SALT + 2 :] != _TRAILER or size > end:
            self._damaged("no segment trailer", max(end, 0))
        self._prefix += bytes(trailer[:_SALT])
        return self._reader.raw(self.number, end - size, size), end - size

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
        for found, value in self.scan(key, key + b"\0"):
            return value
        return ABSENT

    def _may_hold(self, key):
        bloom = self._bloom
        if bloom:
            for bit in bloom_bits(key, bloom):
                if not bloom[bit >> 3] >> (bit & 7) & 1:
                    return False
        return True

    def scan(self, lo=b"", hi=None, reverse=False):
        """Yield (key, value or None) for lo <= key < hi, live keys only."""
        if self.floor is not None:
            lo = max(lo, self.floor + b"\0")
        for block in self._leaves(self._root, self._size, self._depth, lo, hi, reverse):
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
        """Yield the decoded data blocks that may hold keys of lo <= key < hi."""
        block = self._reader.block(self.number, self._prefix, offset, size)
        if not depth:
            yield block
            return
        for offset, size in _children(block, lo, hi, reverse):
            yield from self._leaves(offset, size, depth - 1, lo, hi, reverse)

    def check(self):
        """Read every block; CorruptionError at the first that is damaged or out of order."""
        last = None
        count = 0
        for block in self._leaves(self._root, self._size, self._depth, b"", None, False):
            key, i = b"", 0
            while i < len(block):
                key, _, i = read_entry(block, i, key)
                if last is not None and key <= last:
                    self._damaged("keys out of order")
                last = key
                count += 1
        if count != self._entries or last != self.max:
            self._damaged("entries missing")

    def _damaged(self, why, offset=None):
        raise CorruptionError(self._reader.source.describe(self.number), offset, why)


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
