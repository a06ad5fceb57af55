"""The frozen uzlib module: what users of the name expect, over deflate; on a PC, over zlib."""
from binascii import unhexlify

from runner import raises, same

import uzlib

MODES = ("files",)
TEXT = b"hello hello hello hello " * 20
NOISE = bytes(i * i * 7919 >> 5 & 255 for i in range(600))
SAMPLES = (b"", b"a", TEXT, NOISE, bytes(3000), TEXT + NOISE + TEXT)


def test_raw_round_trip():
    for data in SAMPLES:
        for wbits in (-9, -10, -12, -15):
            same(bytes(uzlib.decompress(uzlib.compress(data, wbits), wbits)), data)


def test_zlib_and_gzip_round_trip():
    for data in SAMPLES:
        for wbits in (9, 10, 15, 26):
            same(bytes(uzlib.decompress(uzlib.compress(data, wbits), wbits)), data)


def test_compresses():
    assert len(uzlib.compress(TEXT, -10)) < len(TEXT) // 4
    assert len(uzlib.compress(NOISE, -10)) < len(NOISE) * 1.2


def test_streams_made_elsewhere():
    """By CPython's zlib: zlib.compress(b"hello world"*3) and its raw form with a window of 512 bytes."""
    same(uzlib.decompress(unhexlify("789ccb48cdc9c95728cf2fca49c9c0ca0400ddfd0d15"), 15), b"hello world" * 3)
    same(uzlib.decompress(unhexlify("cb48cdc9c95728cf2fca49c9c0ca0400"), -9), b"hello world" * 3)


def test_accepts_any_bytes():
    packed = uzlib.compress(bytearray(TEXT), -10)
    same(bytes(uzlib.decompress(memoryview(packed), -10)), TEXT)


def test_damage_is_an_error():
    packed = uzlib.compress(TEXT, 10)
    for bad in (packed[:-5], packed[: len(packed) // 2], b"", b"\xff" * 20):
        raises(Exception, "", uzlib.decompress, bad, 10)
