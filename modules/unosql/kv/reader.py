"""Reading blocks of files through the envelope; the last few stay decoded."""

from .. import heap
from ..errors import CorruptionError
from .buffers import Buffers
from .compression import native


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

    def block(self, number, packed, offset, size, buf=None):
        """Return a decoded block (bytes-like). CorruptionError when it does not verify.

        packed: the Segment's. buf: a bytearray to decode it into, if it fits. Without one the block is kept, and valid until the next call.
        """
        if buf is not None:
            return self._decode(number, packed, offset, size, buf)
        cache, buffers = self._cache, self.buffers
        for i, entry in enumerate(cache):
            if entry[0] == number and entry[1] == offset:
                cache.append(cache.pop(i))
                return entry[2]
        if len(cache) >= self.limit:  # that used longest ago makes way
            buf = cache.pop(0)[3]
            if len(buf) != buffers.block:
                buf = buffers.give(buf)
        buf = buf or self.take(buffers.block)
        try:
            data = self._decode(number, packed, offset, size, buf)
        except BaseException:
            buffers.give(buf)
            raise
        if len(data) > len(buf):
            buf = buffers.replace(buf, data)
        cache.append((number, offset, data, buf))
        return data

    def take(self, size):
        """Return a buffer of the store; cached blocks make way where memory is short."""
        try:
            return self.buffers.take(size)
        except MemoryError:
            if not self.forget():
                raise
            return self.buffers.take(size)

    def _decode(self, number, packed, offset, size, buf):
        heap.tidy()
        blob = self.raw(number, offset, size)
        try:
            return native.unpack(self.envelope.keys, blob, packed, offset, buf, self.buffers.work)
        except (ValueError, OSError, IndexError, EOFError) as error:
            raise CorruptionError(self.source.describe(number), offset, error)

    def raw(self, number, offset, size):
        """Return size bytes of a file, valid until the next call; CorruptionError when it is shorter or gone."""
        buffers = self.buffers
        skip = offset & 3  # raw flash is read by words
        end = skip + size
        if end + 3 > len(buffers.input):
            buffers.input = bytearray(end + 3)
        view = memoryview(buffers.input)
        try:
            if self.source.readinto(number, offset - skip, view[: (end + 3) & ~3]) < end:
                raise OSError("file is cut off")
        except OSError as error:
            raise CorruptionError(self.source.describe(number), offset, error)
        self.reads += 1
        return view[skip:end]

    def forget(self, number=None):
        """Drop a file's blocks from the cache, all when number is None; return whether there were any."""
        dropped = [entry for entry in self._cache if number is None or entry[0] == number]
        for entry in dropped:
            self._cache.remove(entry)
            self.buffers.give(entry[3])
        return bool(dropped)
