"""The erase blocks of a flash that several databases share: what is in each, taking, freeing, reading, programming.

Every block in use starts with 32 bytes, little-endian, the last two fields blank (all ones) until they are programmed:
    0 magic "U1"     2 kind: "s" segment, "w" WAL, "m" manifest     3 index of the block in its file
    4 database: SHA-256 of its name, 4 bytes     8 number of the file     12 counter of blocks taken
    16 counter of the file's first block     20 SHA-256 of all before, 4 bytes
    24 size of the file (first block, when it is complete)     28 kill word: anything but blank means free
A block is erased when it comes into use, whatever is in it: power lost while erasing leaves any bits at all, but no
header that verifies, or an old one. A block of a file whose first block is gone or a different one is free.
"""

import hashlib
import struct

from .. import heap, shared
from ..errors import StorageFullError
from ..native import native

HEAD = 32
LAYOUT = "<2sBBIIII"
_SIZE = 24
_KILL = 28
_BLANK = b"\xff\xff\xff\xff"
_PAGE = 256
# A tag says what a block holds: number << 6 | index of a segment's block, or:
_FREE = 0
_OTHER = 0xFFFFFFFF
_DOOMED = 0xFFFFFFFE
INDEX_BITS = 6
MAX_BLOCKS = 1 << INDEX_BITS
MAX_NUMBER = (_OTHER >> INDEX_BITS) - 1
# Blocks that a kind leaves free, so that a full flash can still log deletions and switch manifests.
_RESERVE = {"s": 4, "w": 2, "m": 0}


class Blocks:
    """bdev: block device with readblocks and writeblocks at an offset and ioctl 4, 5, 6. name: of the database.

    Offsets and lengths that reach the device are multiples of 4, as are addresses in RAM (ESP8266): read(block, buf, offset) is
    its own. RAM: 4 bytes a block.
    """

    def __init__(self, bdev, name):
        self._bdev = bdev
        self.read = bdev.readblocks
        self.name = name
        self._database = struct.unpack("<I", hashlib.sha256(name.encode()).digest()[:4])[0]
        self.erase = bdev.ioctl(5, 0)
        self.payload = self.erase - HEAD
        self._count = bdev.ioctl(4, 0)
        self.total = self._count * self.erase
        self._tags = bytearray(4 * self._count)
        self.head = bytearray(HEAD)
        self._page = memoryview(bytearray(_PAGE))

    def label(self, what):
        """A name for messages."""
        return "flash:%s/%s" % (self.name, what)

    # what is where

    def scan(self, found):
        """Read all headers. found(ord(kind), counter, block) is called for the blocks of logs. Returns whether any is ours."""
        heap.tidy(4)
        births = bytearray(4 * self._count)
        self._tags[:] = births  # rather than a new one: loading anew is what follows when memory has run out
        self._counter, self._next, self._free, ours = self._look(births, found)
        for block in self._tagged(_DOOMED):
            self._drop(block)
        return ours

    def _look(self, births=None, found=None):
        """See native.scan()."""
        return native.scan(self.read, self.head, self._tags, births, self._database, found)

    def _tagged(self, tag):
        block = native.tag(self._tags, tag, 0)
        while block >= 0:
            yield block
            block = native.tag(self._tags, tag, block + 1)

    def _drop(self, block):
        """Free what torn erasing or torn removal has left; if the flash can only be read, for as long as it is open."""
        try:
            self.kill(block)
        except OSError:
            self._set(block, _FREE)

    def is_taken(self, block):
        """Whether a block is in use, by whatever database."""
        return native.header(self.read, self.head, block)

    def _tag(self, block):
        return struct.unpack_from("<I", self._tags, 4 * block)[0]

    def _set(self, block, tag):
        self._free += (tag == _FREE) - (self._tag(block) == _FREE)
        struct.pack_into("<I", self._tags, 4 * block, tag)

    def find(self, number, index):
        """The block that holds this part of the file, or -1."""
        return native.tag(self._tags, number << INDEX_BITS | index, 0)

    def numbers(self):
        """Generator of the numbers of all files."""
        for block in self._tagged(None):
            yield self._tag(block) >> INDEX_BITS

    def size(self, block):
        """Bytes of the file whose first block this is; -1 when it was never completed."""
        self.read(block, self._page[:4], _SIZE)
        size = struct.unpack_from("<I", self._page, 0)[0]
        return -1 if size == _OTHER else size

    # taking and freeing

    def take(self, kind, number=0, index=0, birth=0):
        """Make a free block a new block of a file; return it and its counter.

        birth: counter of the file's first block, 0: this is it. Raises StorageFullError, OSError.
        """
        if shared.taking.is_inside():  # this interrupts the taking of a block by another database, and ends before that goes on
            return self._take(kind, number, index, birth)
        with shared.taking:
            return self._take(kind, number, index, birth)

    def _take(self, kind, number, index, birth):
        claims = len(shared.claimed)
        try:
            block = self._claim(_RESERVE[kind])
            counter = self._counter + 1
            failed = self._change(self._bdev.ioctl, 6, block)
            if failed:
                raise OSError(-failed, "erasing block %d" % block)
            header = struct.pack(
                LAYOUT, b"U1", ord(kind), index, self._database, number, counter, birth or counter
            )
            self._counter, self._next = counter, block + 1
            self._set(block, number << INDEX_BITS | index if kind == "s" else _OTHER)
            self.program(block, 0, header + hashlib.sha256(header).digest()[:4])  # it may be there though this raises
        finally:
            del shared.claimed[claims:]
        return block, counter

    def _claim(self, reserve):
        """A free block that no other database takes before it has our header: it is in `claimed`."""
        while True:
            block = self._vacant(reserve)
            shared.claimed.append(block)
            if not self.is_taken(block):
                return block
            self._set(block, _OTHER)  # taken between the search and the claim

    def _vacant(self, reserve):
        """A free block; so many others stay free."""
        block = self._next_free(reserve)
        if block is None:
            self.refresh()
            block = self._next_free(reserve)
        if block is None:
            raise StorageFullError("%s: no space left" % self.label(""))
        return block

    def _next_free(self, reserve):
        """The next free block in cyclic order, which wears all alike; None when there are too few."""
        while self._free > reserve:
            block = native.tag(self._tags, _FREE, self._next)
            if block < 0:
                block = native.tag(self._tags, _FREE, 0)
            if block not in shared.claimed and not self.is_taken(block):
                return block
            self._set(block, _OTHER)  # another database has taken it, or is about to

    def refresh(self):
        """Look again at what other databases use. Returns the bytes free for segments."""
        self._free = self._look()[2]
        return max(0, self._free - _RESERVE["s"]) * self.payload

    def kill(self, block):
        """Free a block, durably."""
        self.program(block, _KILL, bytes(4))
        self._set(block, _FREE)

    def complete(self, block, size):
        """Note the size of the file whose first block this is."""
        self.program(block, _SIZE, struct.pack("<I", size))
        self.sync()

    # bytes

    def program(self, block, offset, data):
        """Program data, the rest of the last 4 bytes blank. offset: a multiple of 4."""
        data = memoryview(data)
        for i in range(0, len(data), _PAGE):
            step = min(_PAGE, len(data) - i)
            end = (step + 3) & ~3
            self._page[end - 4 : end] = _BLANK
            self._page[:step] = data[i : i + step]
            self._change(self._bdev.writeblocks, block, self._page[:end], offset + i)

    def _change(self, call, *args):
        try:
            return call(*args)
        except OSError as error:
            raise OSError(error.errno, "%s can't be written: %s" % (self.label(""), error))

    def blank(self, block, offset):
        """Whether all from there to the end of the block is erased. offset: a multiple of 4."""
        while offset < self.erase:
            part = self._page[: min(_PAGE, self.erase - offset)]
            self.read(block, part, offset)
            if part != b"\xff" * len(part):
                return False
            offset += len(part)
        return True

    def sync(self):
        """Make everything programmed durable, where the device buffers."""
        self._bdev.ioctl(3, 0)
