"""Storage on raw flash: any block device with MicroPython's extended interface. files.py has the contract.

Files and logs are chains of erase blocks (blocks.py, chain.py). Nothing moves: a file's bytes are programmed once,
and removing it programs 4 bytes in each of its blocks.
"""

from ..errors import StorageFullError
from .blocks import HEAD, MAX_BLOCKS, MAX_NUMBER, Blocks
from .chain import Chain

_ENOENT, _EIO = 2, 5
_PAGE = 256  # programmed at once on most chips


class Flash:
    """Storage in a share of a flash, which grows and shrinks with the database. All methods may raise OSError.

    bdev: block device with readblocks(block, buf, offset), writeblocks(block, buf, offset) and ioctl; its blocks are
    erase blocks of a multiple of 256 bytes. What else is on it is overwritten. name: tells the databases on it apart.
    records: how many the WAL holds, which bounds its RAM at recovery.
    """

    shared = True  # by databases that do not see each other's blocks

    def __init__(self, bdev, name, records=64):
        self._name = name
        self._records = records
        self._blocks = Blocks(bdev, name)
        self.erase = self._blocks.erase
        if self.erase % _PAGE:
            raise ValueError("erase blocks of %d bytes: not a multiple of %d" % (self.erase, _PAGE))
        self.exists = False

    def open(self):
        self._logs = {ord(kind): Chain(self._blocks, kind, self._records) for kind in "wm"}
        self.exists = self._blocks.scan(lambda kind, *where: self._logs[kind].found(*where))

    def log(self, kind):
        return self._logs[kind[0]]

    def create(self, n):
        if n > MAX_NUMBER:
            raise ValueError("file number %d is above %d" % (n, MAX_NUMBER))
        self.remove(n)
        return _Writer(self, self._blocks, n)

    def size(self, n):
        size = self._blocks.size(self._find(n, 0))
        if size < 0:
            raise OSError(_ENOENT, self.describe(n))
        return size

    def _find(self, n, index):
        block = self._blocks.find(n, index)
        if block < 0:
            raise OSError(_EIO if index else _ENOENT, "%s: block %d is gone" % (self.describe(n), index))
        return block

    def readinto(self, n, offset, buf):
        i, end = 0, len(buf)
        while i < end:
            index, at = divmod(offset + i, self._blocks.payload)
            step = min(end - i, self._blocks.payload - at)
            self._blocks.read(self._find(n, index), buf[i : i + step], HEAD + at)
            i += step
        return i

    def remove(self, n):
        """Free the file's blocks, the first one last: what a cut leaves still shows as file n."""
        for index in range(MAX_BLOCKS - 1, -1, -1):
            block = self._blocks.find(n, index)
            if block >= 0:
                self._blocks.kill(block)

    def numbers(self):
        return self._blocks.numbers()

    def free(self):
        """Bytes free for files. Reads all headers."""
        return self._blocks.refresh()

    def total(self):
        """Bytes of the whole flash."""
        return self._blocks.total

    def describe(self, n=None):
        return self._blocks.label("" if n is None else "s%07x" % n)

    def destroy(self):
        """Remove the manifest, then the rest. What a cut leaves does not open, and is removed by doing it again."""
        self.log(b"m").scrub()
        for n in self.numbers():
            self.remove(n)
        self.log(b"w").scrub()
        self.exists = False

    def close(self):
        pass


class _Writer:
    """A new file, complete and durable when close() returns; what fails frees its blocks."""

    def __init__(self, flash, blocks, n):
        self._flash = flash
        self._blocks = blocks
        self._n = n
        self._page = memoryview(bytearray(_PAGE))
        self._size = self._index = self._birth = 0

    def append(self, buf):
        buf = memoryview(buf)
        i = 0
        while i < len(buf):
            at = HEAD + self._size % self._blocks.payload
            if at == HEAD:
                self._try(self._grow)
            start = at % _PAGE
            step = min(_PAGE - start, len(buf) - i)
            self._page[start : start + step] = buf[i : i + step]
            self._size += step
            i += step
            if start + step == _PAGE:
                self._try(self._flush, at + step)

    def close(self):
        if not self._size:
            self._try(self._grow)
        end = HEAD + self._size % self._blocks.payload
        if self._start < end:
            self._try(self._flush, end)
        self._try(self._blocks.complete, self._first, self._size)

    def abort(self):
        self._flash.remove(self._n)

    def _try(self, call, *args):
        try:
            call(*args)
        except (OSError, StorageFullError, ValueError):
            self.abort()
            raise

    def _grow(self):
        if self._index == MAX_BLOCKS:
            raise ValueError("a file of more than %d bytes" % self._size)
        self._block, counter = self._blocks.take("s", self._n, self._index, self._birth)
        if not self._index:
            self._first, self._birth = self._block, counter
        self._index += 1
        self._start = HEAD  # what of the block is not programmed yet

    def _flush(self, end):
        first = self._start % _PAGE
        self._blocks.program(self._block, self._start, self._page[first : first + end - self._start])
        self._start = end
