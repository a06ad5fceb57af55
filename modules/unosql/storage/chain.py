"""A log on raw flash: records one after the other in a chain of erase blocks (storage `Flash`).

A record is framed as u16 length, u16 the same inverted, bytes, padded to 4. The bytes are programmed first and the
length last: a record that a cut tore is not there, and what it leaves makes `resume` go on in another block.
"""

import struct

from ..errors import StorageFullError
from .blocks import HEAD

_FRAME = 4
_BLANK = b"\xff\xff\xff\xff"


class Chain:
    """blocks: the Blocks. kind: "w" (WAL) or "m" (manifest). records: how many a WAL holds between resets.

    A place is block * bytes of a block + offset of the frame.
    """

    in_order = True

    def __init__(self, blocks, kind, records):
        self._blocks = blocks
        self._kind = kind
        self._records = records
        self._chain = []  # (counter, block), oldest first: a few
        self._end = 0  # where the next frame goes in the last block; 0: in a new block
        self._resumed = False  # and nobody has looked yet whether the rest of the block is blank
        self._word = bytearray(_FRAME)
        self.room = records
        self.limit = min(1024, blocks.payload - _FRAME)

    @property
    def name(self):
        return self._blocks.name.encode()

    def found(self, counter, block):
        """That block is part of the log."""
        self._chain.append((counter, block))
        self._chain.sort()

    def places(self):
        for _, block in reversed(self._chain):
            yield from reversed(list(self._frames(block)))

    def _frames(self, block):
        start = block * self._blocks.erase
        offset = HEAD
        while offset + _FRAME <= self._blocks.erase:
            length = self._length(block, offset)
            if length is None:
                return
            yield start + offset
            if length < 0:
                return  # damaged: where the next one starts is unknown
            offset += _padded(length)

    def _length(self, block, offset):
        """Bytes of the record framed there; None: there is none; -1: damaged."""
        self._blocks.read(block, self._word, offset)
        if self._word == _BLANK:
            return None
        length, inverted = struct.unpack("<HH", self._word)
        fits = offset + _FRAME + length <= self._blocks.erase
        return length if length ^ inverted == 0xFFFF and fits else -1

    def read(self, place):
        block, offset = divmod(place, self._blocks.erase)
        length = max(0, self._length(block, offset))
        frame = bytearray(_padded(length))
        self._blocks.read(block, frame, offset)
        return bytes(frame[_FRAME : _FRAME + length])

    def describe(self, place):
        return self._blocks.label("block %d offset %d" % divmod(place, self._blocks.erase))

    def resume(self, place, live):
        self.room = self._records - live
        if place is None:
            return
        block, offset = divmod(place, self._blocks.erase)
        self._resumed = block == self._chain[-1][1]
        self._end = offset + _padded(self._length(block, offset)) if self._resumed else 0

    def append(self, record):
        if not self.room:
            raise StorageFullError("%s: no room in the log" % self._blocks.label(self._kind))
        size = _padded(len(record))
        if size > self._blocks.payload:
            raise ValueError("a record of %d bytes does not fit an erase block" % len(record))
        if self._resumed and self._end and not self._blocks.blank(self._chain[-1][1], self._end):
            self._end = 0  # behind the newest record a torn one lies
        if not self._end or self._end + size > self._blocks.erase:
            block, counter = self._blocks.take(self._kind)
            self._chain.append((counter, block))
            self._end = HEAD
        block, start, self._resumed = self._chain[-1][1], self._end, False
        self._end = 0  # should anything fail, what is there is never programmed again
        self._blocks.program(block, start + _FRAME, record)
        self._blocks.program(block, start, struct.pack("<HH", len(record), len(record) ^ 0xFFFF))
        self._blocks.sync()
        self._end = start + size
        if self._kind == "w":
            self.room -= 1
        else:
            self._retire()  # of manifests only the newest is live

    def reset(self):
        self.room = self._records
        self._retire()

    def _retire(self):
        """Free all blocks but the last, which is not full yet."""
        while len(self._chain) > 1:
            self._blocks.kill(self._chain[0][1])
            self._chain.pop(0)

    def scrub(self):
        self.reset()
        while self._chain:
            self._blocks.kill(self._chain.pop()[1])
        self._end = 0


def _padded(length):
    return _FRAME + (length + 3 & ~3)
