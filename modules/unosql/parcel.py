"""Where a message is put together, a header and the lines behind it, in one piece of memory that is used again and again; and taken apart.

With a key it is sealed, for carriers that are not to be trusted: docs/FORMAT.md has the bytes. A message from another time is refused
by what is in it: nonce, session, number. Its direction and its device are part of the seal.
"""

from .kv.header import derive

# Bytes for a header; a longer one takes new memory.
_HEAD = 384
# Of a seal: what it starts with, and bytes before and behind what is in it, at the most.
_MARK = b"\1"
_BEFORE = 17
_BEHIND = 32
_TAG = 16


class Parcel:
    """room: bytes for lines; a longer one takes new memory. key: the device's, 32 bytes, which the sink has too, or None. pack: see Session.

    around: bytes that a seal takes of a message, at the most.
    """

    def __init__(self, room, key, device, pack):
        if key is not None and not (isinstance(key, (bytes, bytearray)) and len(key) == 32):
            raise ValueError("the key that seals messages is bytes, 32 bytes long")
        self._seal = key and derive(bytes(key), b"unosql sync", 1)
        self.around = _BEFORE + _BEHIND if key else 0
        self._device = device.encode()
        self._pack = pack
        self._buf = memoryview(bytearray(_HEAD + room + _BEHIND))
        self.begin()

    def begin(self):
        self._end = _HEAD
        self._long = None  # the line that did not fit, with what separates it
        self.n = 0  # lines

    def add(self, line):
        """Add a line, if there is room, and return whether there was. The first one always has some."""
        end = self._end + 1 + len(line)
        if self._long or end + _BEHIND > len(self._buf):
            if self.n:
                return False
            self._long = b"\n" + line
        else:
            self._buf[self._end] = 10
            self._buf[self._end + 1 : end] = line
            self._end = end
        self.n += 1
        return True

    def finish(self, header):
        """Return the message, a memoryview that holds until the next begin()."""
        buf, start, end = self._buf, _HEAD - len(header), self._end
        if start < _BEFORE or self._long:
            lines = self._long or buf[_HEAD:end]
            start, end = _BEFORE, _BEFORE + len(header) + len(lines)
            buf = memoryview(bytearray(end + _BEHIND))
            buf[end - len(lines) : end] = lines
        buf[start : start + len(header)] = header
        if self._pack:
            packed = self._pack(buf[start:end])
            if start + len(packed) < end:
                end = start + len(packed)
                buf[start:end] = packed
                buf[start], buf[start + 1] = 0x78, 1  # as of the largest window, whatever it is: the mark of such a message
        if self._seal:
            iv, text, tag = self._seal.seal_parts(buf[start:], end - start, b"u1u" + self._device)
            end = start + len(text) + _TAG
            start -= _BEFORE
            buf[start : start + _BEFORE], buf[end - _TAG : end] = _MARK + iv, tag
        return buf[start:end]

    def opened(self, data):
        """Return what is in a message that came. ValueError: it is not sealed, or by another."""
        if not self._seal:
            return data
        if bytes(data[:1]) != _MARK:
            raise ValueError("not sealed")
        return self._seal.unseal(memoryview(data)[1:], b"u1d" + self._device)
