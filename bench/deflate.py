"""How well blocks are compressed. On a PC that gives the same bytes as on a board, and so the same costs of the flash."""
import zlib


class Deflate:
    """Stands in for uzlib.compress while the context lasts.

    packed, fixed: bytes it made so far, and bytes zlib would have made with fixed Huffman codes and the same window.
    """

    def __init__(self):
        self.packed = self.fixed = 0

    def __enter__(self):
        import uzlib

        self._uzlib, self._own = uzlib, uzlib.compress
        uzlib.compress = self.compress
        return self

    def compress(self, data, wbits):
        """data: bytes-like below 64 KB. wbits: negative, as the engine uses it."""
        packed = self._own(data, wbits)
        self.packed += len(packed)
        zip = zlib.compressobj(9, zlib.DEFLATED, wbits, 9, zlib.Z_FIXED)
        self.fixed += len(zip.compress(data) + zip.flush())
        return packed

    def __exit__(self, *error):
        self._uzlib.compress = self._own
