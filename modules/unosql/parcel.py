"""Where a message is put together: a header and the lines behind it, in one piece of memory that is used again and again."""

from .sealing import BEFORE, BEHIND

# Bytes for a header; a longer one takes new memory.
_HEAD = 384


class Parcel:
    """room: bytes for lines; a longer one takes new memory. seal: a sealing.Seal, or None. pack: see Session."""

    def __init__(self, room, seal, pack):
        self._seal = seal
        self._pack = pack
        self._buf = memoryview(bytearray(_HEAD + room + BEHIND))
        self.begin()

    def begin(self):
        self._end = _HEAD
        self._long = None  # the line that did not fit, the only one

    def add(self, line):
        end = self._end + 1 + len(line)
        if end + BEHIND > len(self._buf):
            self._long = line
        else:
            self._buf[self._end] = 10
            self._buf[self._end + 1 : end] = line
            self._end = end

    def finish(self, header):
        """Return the message, a memoryview that holds until the next begin()."""
        buf, start, end = self._buf, _HEAD - len(header), self._end
        if start < BEFORE or self._long:
            lines = b"\n" + self._long if self._long else buf[_HEAD:end]
            start, end = BEFORE, BEFORE + len(header) + len(lines)
            buf = memoryview(bytearray(end + BEHIND))
            buf[end - len(lines) : end] = lines
        buf[start : start + len(header)] = header
        if self._pack:
            end = self._packed(buf, start, end)
        return self._seal.sealed(buf, start, end) if self._seal else buf[start:end]

    def _packed(self, buf, start, end):
        """Put the message deflated in its place, if that is shorter; return its end."""
        packed = self._pack(buf[start:end])
        if start + len(packed) < end:
            end = start + len(packed)
            buf[start:end] = packed
            buf[start], buf[start + 1] = 0x78, 1  # as of the largest window, whatever it is: the mark of such a message
        return end
