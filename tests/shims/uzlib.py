"""CPython's stand-in for the frozen uzlib module, over zlib; wbits as there."""
import zlib


def compress(data, wbits=-10):
    c = zlib.compressobj(wbits=max(wbits, -15) if wbits < 0 else wbits)
    return c.compress(data) + c.flush()


def decompress(data, wbits=-15, bufsize=0):
    return zlib.decompress(data, wbits)
