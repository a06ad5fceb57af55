"""Writing a segment: sorted entries into sealed blocks, and a B+tree over them as it goes.

When a block is written, its separator and place go into a block of the tree's next level, which is
written as soon as it is full: the writer holds one open block a level, whatever the file's size.
"""

import os

from .. import heap
from ..codec import pack_uint
from .buffers import Buffers
from .compression import compress, native
from .merge import FITS, STARTS
from .segment import SALT, TRAILER, block_aad


# Bytes of a root's entries that stand in the meta block, which is in RAM: no lookup has to read them.
_TOP = 64
# Bytes of gaps, beyond which no more are noted; and of the key behind one. What is before is as short as it can be.
_GAPS, _BOUND = 64, 12


class _Block:
    """Entries on their way into a block: v(shared) v(rest) v(len(value) + 1) rest value."""

    def __init__(self, buf):
        self.buf = buf
        self.clear()

    def clear(self):
        self.used = self.count = 0
        self.first = None
        self.last = b""

    def data(self):
        return memoryview(self.buf)[: self.used]

    def add(self, key, value, limit, least=1):
        """Append an entry, unless so many are here at least and all would be more than limit bytes: return whether it was."""
        end = native.append(self.buf, self.used, self.last, key, value, limit)
        if end < 0:
            if self.count >= least and -end > limit:
                return False
            self.fit(-end)
            end = native.append(self.buf, self.used, self.last, key, value, -end)
        self.used = end
        self.count += 1
        self.last = key
        if self.first is None:
            self.first = key
        return True

    def fit(self, size):
        """Grow, once for a large entry; what was is left to the collector, or to whom it was lent by."""
        if size > len(self.buf):
            old, self.buf = self.buf, bytearray(size)
            self.buf[: self.used] = old[: self.used]


class Writer:
    """Writes one segment, of what one Merge has: run() and answer(), as Merging has them, then finish(), or abort().

    sink: append(bytes), close(), abort(). prefix: start of block_aad(), to which a random salt is added: blocks
    of a file that never was completed fit no other, even one of the same number. buffers: of the store, or None: its
    own. start: offset of the sink's first byte in its file. block: size in bytes that a block is closed at, before
    compression, or None: the usual one. bloom: keep a Bloom filter for this many keys (0: none).
    """

    def __init__(self, sink, envelope, prefix, buffers=None, start=0, block=None, bloom=0):
        self._sink = sink
        self._envelope = envelope
        self._salt = os.urandom(SALT)
        self._prefix = prefix + self._salt
        self._buffers = buffers = buffers or Buffers()
        self._block = block = block or buffers.block
        self._index = min(block, buffers.index)
        self._bloom = bytearray(bloom + (bloom >> 2)) if bloom else b""  # 10 bits a key
        self._tree = [_Block(buffers.take(block))]
        self._tree[0].first = b""  # the lowest separator may be as low as can be
        self.offset = start
        self._merge = self._begun = None  # where entries come from, and how many it had written before
        self._gaps = b""

    def run(self, merge, due, stop, mortal):
        """Append entries of a Merge until it wants something; return what. due: bytes of the segment from which on each may start another."""
        leaf = self._tree[0]
        what = merge.run(leaf.buf, leaf.used, self._block, due - self.offset, stop, mortal, self._bloom or None)
        leaf.used = merge.used
        return what

    def answer(self, merge, what):
        """Make what Merge.run() has returned possible, STARTS: in this segment, or FITS; return whether that has written a block."""
        leaf = self._tree[0]
        if self._begun is None:
            self._merge, self._begun, self.min = merge, merge.entries, merge.key
        elif what == STARTS and len(self._gaps) < _GAPS:  # of another kind, or another collection's
            self._gaps += _sized(merge.cut) + _sized(merge.key[:_BOUND])
        if what == STARTS:
            merge.decide(False)
        elif what == FITS:
            if leaf.used:
                self._close_block(0)
                leaf.first = merge.cut  # any separator above the last block's keys will do: take the shortest
                return True
            leaf.fit(merge.need)
        return False

    def finish(self):
        """Write the rest of the tree and the meta block, make the file durable."""
        level = 0
        while level + 1 < len(self._tree):
            if self._tree[level].used:
                self._close_block(level)
            level += 1
        root = self._tree[level].data()
        top = bytes(root) if level and len(root) <= _TOP else b""
        offset, size = (0, 0) if top else self._write(root)
        merge = self._merge
        meta = pack_uint(offset) + pack_uint(size) + pack_uint(level) + pack_uint(merge.entries - self._begun)
        for part in (self.min, merge.last, self._bloom, top, self._gaps):
            meta += _sized(part)
        blob = self._envelope.seal(meta, block_aad(self._prefix, self.offset))
        self._append(blob + self._salt + len(blob).to_bytes(2, "big") + TRAILER)
        self._release()
        self._sink.close()

    def abort(self):
        """Give the file up."""
        self._release()
        self._sink.abort()

    def _release(self):
        tree, self._tree = self._tree, ()
        for block in tree:
            self._buffers.give(block.buf)

    def _close_block(self, level):
        block = self._tree[level]
        offset, size = self._write(block.data())
        if level + 1 == len(self._tree):
            self._tree.append(_Block(self._buffers.take(self._index)))
        parent, place = self._tree[level + 1], pack_uint(offset) + pack_uint(size)
        if not parent.add(block.first, place, self._index, 2):  # with long keys too, each level has to be shorter
            self._close_block(level + 1)
            parent.add(block.first, place, self._index)
        block.clear()

    def _write(self, buf):
        offset = self.offset
        heap.tidy()
        buf, size = compress(buf, self._buffers.workspace(len(buf)))
        for part in self._envelope.seal_parts(buf, size, block_aad(self._prefix, offset)):
            self._append(part)
        return offset, self.offset - offset

    def _append(self, data):
        self._sink.append(data)
        self.offset += len(data)


def _sized(part):
    return pack_uint(len(part)) + part
