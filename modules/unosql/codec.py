"""Integers and compressed blocks: the byte-level pieces every layer shares.

Integers are SQLite4 varints (https://sqlite.org/src4/doc/trunk/www/varint.wiki): 1 to 9 bytes,
and the bytes sort as the numbers do, so that they serve in keys as well.
"""

import io

try:
    import uzlib
except ImportError:  # stock MicroPython without our frozen module: blocks stay plain
    uzlib = None

# Raw deflate with a window of 2**9 bytes: both ends hold the window in RAM.
_WBITS = -9
_PLAIN = 0
_DEFLATE = 1
# Deflate's RAM and time buy nothing below this many bytes.
_WORTHWHILE = 64


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


def compress(data):
    """Return data (bytes-like, below 64 KB), deflated (RFC 1951) when that is smaller, and what decompress() needs.

    That stands at the end, and the stream at the start is read as it lies: a copy would cost RAM.
    """
    if uzlib and len(data) >= _WORTHWHILE:
        packed = uzlib.compress(data, _WBITS)
        if len(packed) + 2 < len(data):
            return packed + len(data).to_bytes(2, "big") + bytes((_DEFLATE,))
    return bytes(data) + bytes((_PLAIN,))


def decompress(blob, buf=None):
    """Undo compress(). Into buf and return a memoryview of it, or return bytes where there is no buf or it is too small.

    ValueError when the flag or the stream is not ours.
    """
    flag = blob[-1]
    if flag == _PLAIN:
        return _place(memoryview(blob)[:-1], buf)
    if flag != _DEFLATE:
        raise ValueError("unknown block encoding %d" % flag)
    if uzlib is None:
        raise ValueError("compressed block, and this image has no uzlib")
    size = blob[-3] << 8 | blob[-2]
    stream = uzlib.DecompIO(io.BytesIO(blob), _WBITS)
    if buf is None or size > len(buf):
        data = stream.read(size)
        got = len(data)
    else:
        data = memoryview(buf)[:size]
        got = stream.readinto(data)
    if got != size:
        raise ValueError("block of %d bytes instead of %d" % (got, size))
    return data


def _place(data, buf):
    if buf is None or len(data) > len(buf):
        return bytes(data)
    buf[: len(data)] = data
    return memoryview(buf)[: len(data)]
