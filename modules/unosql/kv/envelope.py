"""Plain envelope: a checksum over a block and its place. crypto.py has the encrypted one."""

from ..native import native

_SUM = 8


class Plain:
    """seal() and unseal() of blocks in databases without a key.

    The checksum is the first 8 bytes of SHA-256: hardware or C speed on every port, where a
    CRC-32 is missing on the smallest. keys: for native.unpack().
    """

    keys = None

    def seal(self, data, aad):
        """Return data with its checksum. aad: bytes that say where the block belongs."""
        return bytes(data) + native.checksum(data, aad)

    def seal_parts(self, buf, size, aad):
        """Seal the first size bytes of buf, which may be overwritten, as may 16 more; return the block in parts."""
        data = buf[:size]
        return data, native.checksum(data, aad)

    def unseal(self, blob, aad, in_place=False):
        """Return the data of a sealed block, a part of blob. ValueError when it does not verify. in_place: see crypto."""
        return native.unseal(None, blob, aad)

    def capacity(self, limit):
        """The most bytes whose sealed form has at most limit bytes."""
        return limit - _SUM

    def forget(self):
        """Wipe the keys; nothing can be sealed or unsealed any more. Here are none."""

    def sealed_size(self, size):
        """The bytes that size bytes take when sealed."""
        return size + _SUM
