"""Images of flash: what lies in a file that was read out of a chip. docs/FORMAT.md, "Raw flash", has the bytes.

An image is mapped copy-on-write: what the engine writes into it never reaches the file.
"""
import hashlib
import mmap
import struct
from typing import NamedTuple

from . import engine  # noqa: F401
from unosql.storage.flash import Flash

ERASE = 4096  # bytes of an erase block, on all boards
HEAD = 32
_HEADER = struct.Struct("<2sBBIIII4sI4s")
_BLANK = b"\xff" * 4


def load(path):
    """The file's bytes, changeable in memory only. Raises OSError, ValueError when it is empty."""
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


class Block(NamedTuple):
    """An erase block that unosql took. at: its offset. kind: "s", "w" or "m". birth: counter of the file's first block."""

    at: int
    kind: str
    index: int
    database: int
    number: int
    counter: int
    birth: int
    size: int
    live: bool


def parse(header, at=0):
    """The Block of 32 bytes at the start of an erase block, or None when they are none."""
    if header[:2] != b"U1" or hashlib.sha256(header[:20]).digest()[:4] != header[20:24]:
        return None
    _, kind, index, database, number, counter, birth, _, size, kill = _HEADER.unpack(header)
    return Block(at, chr(kind), index, database, number, counter, birth, size, kill == _BLANK)


def blocks(data):
    """Generator of the Blocks in an image."""
    for at in range(0, len(data) - HEAD + 1, ERASE):
        if data[at : at + 2] == b"U1":
            block = parse(data[at : at + HEAD], at)
            if block:
                yield block


def database_id(name):
    """The number that stands for a database's name in its blocks."""
    return struct.unpack("<I", hashlib.sha256(name.encode()).digest()[:4])[0]


class Device:
    """MicroPython's extended block device over an image."""

    def __init__(self, data):
        self._data = data

    def readblocks(self, block, buf, offset=0):
        start = block * ERASE + offset
        buf[:] = self._data[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        start = block * ERASE + offset
        self._data[start : start + len(buf)] = bytes(buf)

    def ioctl(self, op, argument):
        if op == 4:
            return len(self._data) // ERASE
        if op == 5:
            return ERASE
        if op == 6:
            self.writeblocks(argument, b"\xff" * ERASE)
            return 0
        return None


class Numbered(Flash):
    """A Flash by the number of its database, for an image that is not kept: what it writes tells the number as the name."""

    def __init__(self, device, database):
        super().__init__(device, "%08x" % database)
        self._blocks._database = database
