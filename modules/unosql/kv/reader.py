"""Reading blocks of files through the envelope; the last few stay decoded."""

from .. import heap
from ..errors import CorruptionError
from .buffers import Buffers
from .compression import native
from .segment import block_aad


class Reader:
    """Reads blocks of files through the envelope and keeps the last few decoded.

    source: readinto(number, offset, buf), size(number), describe(number).
    cache: how many decoded blocks to keep, at least 1. buffers: a Buffers, of the store or its own.
    """

    def __init__(self, source, envelope, cache=2, buffers=None):
        self.source = source
        self.envelope = envelope
        self.limit = cache
        self.buffers = buffers or Buffers()
        self._cache = []  # (number, offset, block, its buffer), most recently used last
        self.reads = 0

    def block(self, number, prefix, offset, size, buf=None):
        """Return a decoded block (bytes-like). CorruptionError when it does not verify.

        buf: a bytearray to decode it into, if it fits. Without one the block is kept, and valid until the next call.
        """
        if buf is not None:
            return self._decode(number, prefix, offset, size, buf)
        for i, entry in enumerate(self._cache):
            if entry[0] == number and entry[1] == offset:
                if i + 1 < len(self._cache):
                    self._cache.append(self._cache.pop(i))
                return entry[2]
        return self._kept(number, prefix, offset, size)

    def _kept(self, number, prefix, offset, size):
        buf = self._room()
        try:
            data = self._decode(number, prefix, offset, size, buf)
        except BaseException:
            self.buffers.give(buf)
            raise
        if len(data) > len(buf):
            buf = self.buffers.replace(buf, data)
        self._cache.append((number, offset, data, buf))
        return data

    def _room(self):
        """Return a buffer for a block to keep: that of the block used longest ago, when there are enough."""
        if len(self._cache) >= self.limit:
            buf = self._cache.pop(0)[3]
            if len(buf) == self.buffers.block:
                return buf
            self.buffers.give(buf)
        return self.take(self.buffers.block)

    def take(self, size):
        """Return a buffer of the store; cached blocks make way where memory is short."""
        try:
            return self.buffers.take(size)
        except MemoryError:
            if not self.forget():
                raise
            return self.buffers.take(size)

    def _decode(self, number, prefix, offset, size, buf):
        heap.tidy()
        blob = self.raw(number, offset, size)
        try:
            return native.unpack(self.envelope.keys, blob, prefix, offset, buf, self.buffers.work)
        except (ValueError, OSError, IndexError, EOFError) as error:
            raise CorruptionError(self.source.describe(number), offset, error)

    def raw(self, number, offset, size):
        """Return size bytes of a file, valid until the next call; CorruptionError when it is shorter or gone."""
        buffers = self.buffers
        if size > len(buffers.input):
            buffers.input = bytearray(size)
        view = memoryview(buffers.input)[:size]
        try:
            got = self.source.readinto(number, offset, view)
        except OSError as error:
            raise CorruptionError(self.source.describe(number), offset, error)
        if got != size:
            raise CorruptionError(self.source.describe(number), offset, "file is cut off")
        self.reads += 1
        return view

    def unseal(self, number, prefix, offset, blob):
        """Return what a sealed blob of a file holds; that is overwritten. CorruptionError when damaged."""
        try:
            return self.envelope.unseal(blob, block_aad(prefix, offset), True)
        except ValueError as error:
            raise CorruptionError(self.source.describe(number), offset, error)

    def forget(self, number=None):
        """Drop a file's blocks from the cache, all when number is None; return whether there were any."""
        dropped = [entry for entry in self._cache if number is None or entry[0] == number]
        self._drop(dropped)
        return bool(dropped)

    def _drop(self, entries):
        for entry in entries:
            self._cache.remove(entry)
            self.buffers.give(entry[3])
