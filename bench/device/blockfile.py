"""A flash in a file: raw flash for the unix port that takes no heap."""
import os

ERASE = 4096


class BlockFile:
    """Block device with MicroPython's extended interface. The file's length is the flash's."""

    def __init__(self, path):
        self._blocks = os.stat(path)[6] // ERASE
        self._file = open(path, "r+b")

    def readblocks(self, block, buf, offset=0):
        self._file.seek(block * ERASE + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        self._file.seek(block * ERASE + offset)
        self._file.write(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return ERASE
        if op == 6:
            self._file.seek(arg * ERASE)
            blank = b"\xff" * 256
            for _ in range(ERASE // 256):
                self._file.write(blank)
            return 0
