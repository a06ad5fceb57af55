"""CPython's stand-in for the frozen uzlib module, over zlib; wbits as there."""
import io
import zlib


def compress(data, wbits=-10):
    c = zlib.compressobj(wbits=max(wbits, -15) if wbits < 0 else wbits)
    return c.compress(data) + c.flush()


def decompress(data, wbits=-15, bufsize=0):
    return zlib.decompress(data, wbits)


def DecompIO(stream, wbits=0):
    """Readable stream over a stream of compressed bytes."""
    try:
        return io.BytesIO(zlib.decompressobj(wbits).decompress(stream.read()))
    except zlib.error as error:
        raise OSError(error) from None
