"""JSON values encoded so that their bytes sort as the values do, in keys of indexes."""

import math

# First bytes of encoded values. Numbers take all from 0x3D to 0xC2, with zero in the middle.
_NULL, _FALSE, _TRUE, _ZERO = b"\x10", b"\x11", b"\x12", b"\x80"
_TEXT, _CONTAINER = b"\xd0", b"\xd1"
_CLASSES = ((b"\x11", b"\x13"), (b"\x3d", b"\xc3"), (_TEXT, _CONTAINER))

# The exponents -16..47 of numbers take one byte; a larger one takes three, and so does a smaller one.
_SMALL, _FIRST, _LARGE, _BIAS = 0x81, 0x92, 0xC2, 0x8000
_HIGHEST = 0xFFFE  # beyond 32766 bits integers are alike
_INFINITY = b"\xc2\xff\xff\x02"  # in conditions; JSON has none
_DIGITS = 17
_TRUNCATED = 255  # ends a text that was truncated; UTF-8 never holds it


def encode(value, limit=120):
    """Encode a JSON value: null < false < true < numbers < strings < lists and dicts (which are all equal).

    No encoding is the start of another. Integers are exact up to 2**112; a text keeps `limit` bytes, and
    is_exact() tells that it lost the rest. Comparison stays monotone for both.
    """
    if value is None:
        return _NULL
    if value is False:
        return _FALSE
    if value is True:
        return _TRUE
    if isinstance(value, str):
        return _TEXT + _encode_text(value.encode(), limit)
    if isinstance(value, (int, float)):
        return _encode_number(value)
    return _CONTAINER


def is_exact(encoded):
    """Whether an encoded value holds all of the text it stands for."""
    return encoded[-1] != _TRUNCATED


def bounds(encoded):
    """Return (lowest, end) of the encodings that a value is comparable with, or None when it has no order."""
    for lo, hi in _CLASSES:
        if lo <= encoded[:1] < hi:
            return lo, hi


def complement(encoded):
    """Return bytes that sort the other way round."""
    return bytes([255 - b for b in encoded])


def _encode_text(text, limit):
    # 0 ends a text, so that "a" sorts before "ab"; 0 and 1 within it are escaped
    text = text.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    if len(text) > limit:
        return text[:limit] + bytes((_TRUNCATED,))
    return text + b"\x00"


def _encode_number(n):
    if n == 0 or n != n:  # NaN, in a condition: it holds for nothing, wherever the search looks
        return _ZERO
    if n < 0:
        return complement(_encode_number(-n))
    if n - n != 0:
        return _INFINITY
    if isinstance(n, float):
        fraction, exponent = math.frexp(n)
        digits = int(math.ldexp(fraction, 56))
    else:
        exponent = len(bin(n)) - 2
        digits = n << -exponent % 7
    return _encode_exponent(exponent) + _encode_digits(digits)


def _encode_exponent(exponent):
    if -16 <= exponent < 48:
        return bytes((_FIRST + exponent,))
    head = _SMALL if exponent < 0 else _LARGE
    exponent = min(exponent + _BIAS, _HIGHEST)
    return bytes((head, exponent >> 8, exponent & 255))


def _encode_digits(digits):
    """Base 128 from the top; the low bit of each byte tells that another follows, as in SQLite4's keys."""
    while digits >> 7 * _DIGITS:
        digits >>= 7
    while not digits & 127:
        digits >>= 7
    parts = [(digits & 127) << 1]
    digits >>= 7
    while digits:
        parts.append((digits & 127) << 1 | 1)
        digits >>= 7
    parts.reverse()
    return bytes(parts)
