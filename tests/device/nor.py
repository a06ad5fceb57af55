"""The raw flash under test: the board's partition where it has one, else a NOR flash kept in a file.

Like the chip, programming only clears bits; a program that would have to set one is an error.
"""
from runner import Skip, board

ERASE = 4096
BLOCKS = 512
_BLANK = b"\xff" * 256


def device(directory, name):
    if not board:
        return FileFlash(directory + "/" + name + ".img")
    try:
        from unosql_board import partition
    except ImportError:
        raise Skip("needs an image with a partition for unosql")
    return Partition(partition(), name)


class Partition:
    """One database's share of the board's partition; what earlier tests left of that name is removed."""

    def __init__(self, bdev, name):
        self._name = name
        self.readblocks, self.writeblocks, self.ioctl = bdev.readblocks, bdev.writeblocks, bdev.ioctl
        self.done()

    def copy(self, directory):
        raise Skip("needs a flash that can be copied")

    def pieces(self):
        """Everything on the partition but blank blocks."""
        size = self.ioctl(5, 0)
        for block in range(self.ioctl(4, 0)):
            piece = bytearray(size)
            self.readblocks(block, piece, 0)
            if piece != b"\xff" * size:
                yield bytes(piece)

    def done(self):
        from unosql.storage.flash import Flash

        storage = Flash(self, self._name)
        storage.open()
        storage.destroy()


class FileFlash:
    """A NOR flash in a file, sparse: a block that was never programmed takes no room."""

    def __init__(self, path, used=None):
        self._path = path
        self._used = used or bytearray(BLOCKS)
        if not used:
            open(path, "wb").close()
        self._file = open(path, "r+b")

    def readblocks(self, block, buf, offset=0):
        if not self._used[block]:
            buf[:] = b"\xff" * len(buf)
            return
        self._file.seek(block * ERASE + offset)
        assert self._file.readinto(buf) == len(buf)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            self._erase(block)
        if not self._used[block]:
            self._materialise(block)
        for i in range(0, len(buf), 256):
            self._program(block * ERASE + (offset or 0) + i, bytes(buf[i : i + 256]))

    def _program(self, at, new):
        self._file.seek(at)
        old = int.from_bytes(self._file.read(len(new)), "big")
        wanted = int.from_bytes(new, "big")
        assert old & wanted == wanted, "NOR flash: a program at %d sets bits that only an erase sets" % at
        self._file.seek(at)
        self._file.write(new)

    def _erase(self, block):
        self._used[block] = 0

    def _materialise(self, block):
        self._file.seek(block * ERASE)
        for _ in range(ERASE // len(_BLANK)):
            self._file.write(_BLANK)
        self._used[block] = 1

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return ERASE
        if op == 6:
            self._erase(arg)
        return 0

    def copy(self, directory):
        """What a cut of the power would leave now, as a device of its own."""
        self._file.flush()
        copied = directory + "/" + self._path.rsplit("/", 1)[-1]
        with open(self._path, "rb") as old, open(copied, "wb") as new:
            while True:
                data = old.read(ERASE)
                if not data:
                    break
                new.write(data)
        return FileFlash(copied, bytearray(self._used))

    def pieces(self):
        """Nothing beyond the image, which is a file like others."""
        self._file.flush()
        return ()

    def done(self):
        self._file.close()
