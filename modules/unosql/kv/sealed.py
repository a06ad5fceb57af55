"""Encrypted envelope by _unosql: the bytes and the errors of crypto.py, whose part it takes where it can.

Keys are in one bytearray that C makes and reads: no other object has them.
"""

from .compression import native

_BLOCK = 16


def derive(password, salt, iterations):
    """Return the Sealed envelope of a password (bytes)."""
    keys = bytearray(native.KEYS)
    native.derive(password, salt, iterations, keys)
    return Sealed(keys)


class Sealed:
    """seal() and unseal(), as crypto.Sealed. keys: filled by _unosql; forget() wipes them."""

    def __init__(self, keys):
        self.keys = keys
        self.check = bytes(keys[:8])

    def seal(self, data, aad):
        """Return data encrypted and authenticated together with aad, as bytes or a bytearray."""
        size = len(data)
        end = 2 * _BLOCK + size - size % _BLOCK
        sealed = bytearray(end + _BLOCK)
        view = memoryview(sealed)  # of records and small blocks, for whose copies a small heap may have no gaps
        view[_BLOCK : _BLOCK + size] = data
        view[:_BLOCK], _, view[end:] = self.seal_parts(view[_BLOCK:end], size, aad)
        return sealed

    def seal_parts(self, buf, size, aad):
        """Seal the first size bytes of buf (memoryview), in place, with 16 more; return the block in parts."""
        ends = memoryview(bytearray(2 * _BLOCK))
        native.seal(self.keys, buf, size, aad, ends)
        return ends[:_BLOCK], buf[: size + _BLOCK - size % _BLOCK], ends[_BLOCK:]

    def unseal(self, blob, aad, in_place=False):
        """Return the data of a sealed block. ValueError when it does not verify. in_place: overwrite it in blob."""
        return native.unseal(self.keys, blob if in_place else bytearray(blob), aad)

    def forget(self):
        """Wipe the keys; nothing can be sealed or unsealed any more."""
        for i in range(len(self.keys)):
            self.keys[i] = 0

    def capacity(self, limit):
        """The most bytes whose sealed form has at most limit bytes."""
        return (limit - 2 * _BLOCK) // _BLOCK * _BLOCK - 1
