"""uzlib as MicroPython had it up to 1.20, over deflate; plus compress().

wbits is the base-2 logarithm of the window, and its range names the format:
-15..-5 raw deflate (RFC 1951), 5..15 zlib (RFC 1950), 21..31 gzip (RFC 1952, window wbits - 16);
decompressing, 0 takes a zlib or gzip header at its word, and 40..47 (wbits - 32) either of both.
A smaller window costs less RAM, 2**wbits bytes: to read back, use one at least as large.
"""
import deflate
import io


def _format(wbits):
    if wbits < 0:
        return deflate.RAW, -wbits
    if wbits == 0:
        return deflate.AUTO, 0
    if wbits < 16:
        return deflate.ZLIB, wbits
    if wbits < 32:
        return deflate.GZIP, wbits - 16
    return deflate.AUTO, wbits - 32


def compress(data, wbits=10):
    """data: bytes-like. Returns bytes. ValueError: wbits out of range."""
    kind, bits = _format(wbits or 10)
    if kind == deflate.AUTO:
        raise ValueError("wbits")
    if not data:
        return _nothing(kind, bits)
    return _deflate(data, kind, bits)


def _nothing(kind, bits):
    """The stream of no bytes at all, for which DeflateIO would write none: header, an empty block, checksum."""
    if kind == deflate.RAW:
        return b"\3\0"
    if kind == deflate.ZLIB:
        return _deflate(b"0", kind, bits)[:2] + b"\3\0\0\0\0\1"
    return _deflate(b"0", kind, bits)[:10] + b"\3\0" + bytes(8)


def _deflate(data, kind, bits):
    out = io.BytesIO()
    with deflate.DeflateIO(out, kind, bits) as stream:
        stream.write(data)
    return out.getvalue()


def decompress(data, wbits=0, bufsize=0):
    """data: bytes-like, one whole stream. Returns bytes. ValueError: not such a stream, damaged or cut off.

    bufsize: when not 0, the most bytes to return, allocated at once."""
    kind, bits = _format(wbits)
    try:
        return deflate.DeflateIO(io.BytesIO(data), kind, bits).read(bufsize or -1)
    except (OSError, EOFError):
        raise ValueError("not a stream of this format, or damaged")


class DecompIO:
    """Readable stream over stream, a readable of compressed bytes. Reading raises OSError or EOFError on damage."""

    def __new__(cls, stream, wbits=0):
        kind, bits = _format(wbits)
        return deflate.DeflateIO(stream, kind, bits)
