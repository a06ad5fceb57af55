"""CPython's stand-in for the frozen uzlib module; wbits as there. Raw streams have the same bytes as MicroPython's.

MicroPython's own deflate makes one block of fixed codes (RFC 1951, 3.2.6). It is greedy: of all places in the window the one
with the longest match counts, of equal ones the nearest; a byte that starts no match of three is a literal. The C module _unosql
does the same by other means. What zlib makes would be as readable, but databases of a PC and a board would differ.
"""
import functools
import io
import zlib

_SHORTEST = 3
_LONGEST = 259  # one above what a code can say: then two codes say it
_FULL = 64  # bits that are worth moving into bytes


def compress(data, wbits=-10):
    if wbits < 0:
        return _deflate(bytes(data), 1 << min(-wbits, 15))
    c = zlib.compressobj(wbits=wbits)
    return c.compress(data) + c.flush()


def _deflate(data, window):
    out = bytearray()
    bits, count = 0b011, 3  # a block, the last one, of fixed codes; the first bit is the lowest
    i = 0
    while i < len(data):
        length, distance = _longest_match(data, i, window)
        code, size = _match(length, distance) if length else _literal(data[i])
        bits |= code << count
        count += size
        if count >= _FULL:
            out += (bits & (1 << _FULL) - 1).to_bytes(_FULL // 8, "little")
            bits >>= _FULL
            count -= _FULL
        i += length or 1
    count += 7  # zeros: the end of the block
    return bytes(out + bits.to_bytes((count + 7) // 8, "little"))


def _longest_match(data, i, window):
    """(length, distance) of the longest match for what starts at data[i]; (0, 0): none."""
    start, limit = max(0, i - window), min(len(data), i + _LONGEST)
    length, place, size = 0, i, _SHORTEST
    while i + size <= limit:  # search for one of that size, further back than the last one
        found = data.rfind(data[i : i + size], start, place + size - 1)
        if found < 0:
            break
        while i + size < limit and data[found + size] == data[i + size]:
            size += 1
        length, place = size, found
        size += 1
    return length, i - place


@functools.lru_cache(256)
def _literal(byte):
    """(bits, how many)"""
    return _huffman(0x30 + byte, 8) if byte < 144 else _huffman(0x190 + byte - 144, 9)


@functools.lru_cache(1 << 14)
def _match(length, distance):
    """(bits, how many)"""
    if length == _LONGEST:
        return _joined(_match(_LONGEST - _SHORTEST, distance), _match(_SHORTEST, distance))
    symbol, *extra = (28, 0, 0) if length == 258 else _split(length - 3, 4)
    coded = _huffman(symbol + 1, 7) if symbol < 23 else _huffman(0xC0 + symbol - 23, 8)
    slot, *above = _split(distance - 1, 2)
    return _joined(_joined(coded, extra), _joined(_huffman(slot, 5), above))


def _split(n, group):
    """(symbol, extra bits, how many) of n >= 0, where as many symbols as group says have a number of extra bits."""
    extra = 0
    while n >> extra >= 2 * group:
        extra += 1
    return group * extra + (n >> extra), n & (1 << extra) - 1, extra


def _huffman(code, size):
    """A code as it lies in a stream: its highest bit first."""
    return int(bin(code | 1 << size)[:2:-1], 2), size


def _joined(first, second):
    return first[0] | second[0] << first[1], first[1] + second[1]


def decompress(data, wbits=-15, bufsize=0):
    return zlib.decompress(data, wbits)


def DecompIO(stream, wbits=0):
    """Readable stream over a stream of compressed bytes."""
    try:
        return io.BytesIO(zlib.decompressobj(wbits).decompress(stream.read()))
    except zlib.error as error:
        raise OSError(error) from None
