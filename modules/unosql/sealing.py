"""Sealed messages of store and forward, for carriers that are not to be trusted: docs/FORMAT.md has the bytes.

A message from another time is refused by what is in it: nonce, session, number. Its direction and its device are part of the seal.
"""

from .kv.header import derive

_MARK = 1
_BLOCK = 16
# Bytes that a sealed message has more, before and behind what is in it, at the most.
BEFORE = 17
BEHIND = 32


class Seal:
    """key: the device's, 32 bytes, which the sink has too."""

    def __init__(self, key, device):
        if not isinstance(key, (bytes, bytearray)) or len(key) != 32:
            raise ValueError("the key that seals messages is bytes, 32 bytes long")
        self._envelope = derive(bytes(key), b"unosql sync", 1)
        self._device = device.encode()

    def sealed(self, buf, start, end):
        """Seal what is in buf, a memoryview, in place; return the message. BEFORE and BEHIND bytes around it are written to as well."""
        iv, text, tag = self._envelope.seal_parts(buf[start:], end - start, b"u1u" + self._device)
        end, first = start + len(text), start - BEFORE
        buf[first], buf[first + 1 : start], buf[end : end + _BLOCK] = _MARK, iv, tag
        return buf[first : end + _BLOCK]

    def opened(self, data):
        """Return what is in a message. ValueError: it is not sealed, or by another."""
        if not len(data) or data[0] != _MARK:
            raise ValueError("not sealed")
        return self._envelope.unseal(memoryview(data)[1:], b"u1d" + self._device)
