"""Sealed messages of store and forward, for carriers that are not to be trusted: docs/FORMAT.md has the bytes.

A message from another time is refused by what is in it: nonce, session, number. Its direction and its device are part of the seal.
"""

from .kv.header import derive

_MARK = 1
_BLOCK = 16
# Bytes that a sealed message has more, at the most.
MORE = 1 + 3 * _BLOCK


class Seal:
    """key: the device's, 32 bytes, which the sink has too."""

    def __init__(self, key, device):
        if not isinstance(key, (bytes, bytearray)) or len(key) != 32:
            raise ValueError("the key that seals messages is bytes, 32 bytes long")
        self._envelope = derive(bytes(key), b"unosql sync", 1)
        self._device = device.encode()

    def sealed(self, parts):
        """Return one message of parts, a line feed between them: joined and sealed in one piece of memory."""
        size = sum([len(part) + 1 for part in parts]) - 1
        buf = memoryview(bytearray(size + MORE + 1))
        i = 1 + _BLOCK
        for part in parts:
            buf[i : i + len(part)] = part
            buf[i + len(part)] = 10
            i += len(part) + 1
        iv, text, tag = self._envelope.seal_parts(buf[1 + _BLOCK :], size, b"u1u" + self._device)
        end = 1 + _BLOCK + len(text)
        buf[0], buf[1 : 1 + _BLOCK], buf[end : end + _BLOCK] = _MARK, iv, tag
        return buf[: end + _BLOCK]

    def opened(self, data):
        """Return what is in a message. ValueError: it is not sealed, or by another."""
        if not len(data) or data[0] != _MARK:
            raise ValueError("not sealed")
        return self._envelope.unseal(memoryview(data)[1:], b"u1d" + self._device)
