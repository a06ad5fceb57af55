"""Integers as bytes: SQLite4 varints (https://sqlite.org/src4/doc/trunk/www/varint.wiki).

1 to 9 bytes, which sort as the numbers do, so that they serve in keys as well. And whether text needs a closer look.
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


def unpack_uint(buf, i):
    """Decode the integer at buf[i:]; return it and the index after it. IndexError when cut off."""
    first = buf[i]
    if first <= 240:
        return first, i + 1
    if first <= 248:
        return 240 + ((first - 241) << 8) + buf[i + 1], i + 2
    if first == 249:
        return 2288 + (buf[i + 1] << 8) + buf[i + 2], i + 3
    end = i + first - 246
    buf[end - 1]  # a short slice would decode to a wrong number
    return int.from_bytes(bytes(buf[i + 1 : end]), "big"), end


def is_ascii(text):
    """Whether a str or bytes has ASCII only."""
    if hasattr(text, "isascii"):  # CPython, whose memoryview takes no str
        return text.isascii()
    return not text or max(memoryview(text)) < 128
