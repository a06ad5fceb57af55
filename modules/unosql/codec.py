"""Integers as bytes: SQLite4 varints (https://sqlite.org/src4/doc/trunk/www/varint.wiki).

1 to 9 bytes, which sort as the numbers do, so that they serve in keys as well. native.unpack_uint() reads them.
"""


def pack_uint(n):
    """Encode 0 <= n < 2**64."""
    if n <= 240:
        return bytes((n,))
    if n <= 2287:
        n -= 240
        return bytes((241 + (n >> 8), n & 255))
    if n <= 67823:
        n -= 2288
        return bytes((249, n >> 8, n & 255))
    size = 3
    while n >> (8 * size):
        size += 1
    return bytes((247 + size,)) + n.to_bytes(size, "big")
