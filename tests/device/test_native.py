"""_unosql, the C module of our images, against uzlib, which does the same in Python's memory."""
from runner import Skip, raises, same

import uzlib

try:
    import _unosql
except ImportError:
    _unosql = None

MODES = ("files",)
TEXT = b'{"n": 17, "group": 7, "name": "sensor 17"}' * 25
NOISE = bytes(i * i * 7919 >> 5 & 255 for i in range(600))
SAMPLES = (b"a", b"aaaaaaaaaaaa", TEXT, NOISE, bytes(3000), TEXT + NOISE + TEXT)


def work():
    if not _unosql:
        raise Skip("needs the C module _unosql")
    return bytearray(_unosql.WORK)


def test_both_give_the_same_bytes():
    area = work()
    for data in SAMPLES:
        target = bytearray(len(data) * 2 + 10)
        size = _unosql.deflate(data, target, area)
        same(bytes(target[:size]), bytes(uzlib.compress(data, -9)))


def test_each_reads_what_the_other_wrote():
    area = work()
    for data in SAMPLES:
        target = bytearray(len(data))
        same(_unosql.inflate(uzlib.compress(data, -9), target, area), len(data))
        same(target, data)
        packed = bytearray(len(data) * 2 + 10)
        size = _unosql.deflate(data, packed, area)
        same(bytes(uzlib.decompress(packed[:size], -9)), data)


def test_target_too_small():
    area = work()
    size = len(uzlib.compress(TEXT, -9))
    same(_unosql.deflate(TEXT, bytearray(size), area), size)
    for less in (size - 1, 3, 0):
        guarded = bytearray(less + 8)
        same(_unosql.deflate(TEXT, memoryview(guarded)[:less], area), 0)
        same(guarded[less:], bytes(8))
    for less in (len(TEXT) - 1, 1, 0):
        guarded = bytearray(less + 8)
        same(_unosql.inflate(uzlib.compress(TEXT, -9), memoryview(guarded)[:less], area), less)
        same(guarded[less:], bytes(8))


def test_stream_ends_early():
    area = work()
    packed = uzlib.compress(TEXT, -9)
    same(_unosql.inflate(packed, bytearray(2 * len(TEXT)), area), len(TEXT))
    raises(ValueError, "stream", _unosql.inflate, packed[: len(packed) // 2], bytearray(len(TEXT)), area)
    raises(ValueError, "stream", _unosql.inflate, b"", bytearray(10), area)


def test_damaged_streams_stay_within_the_target():
    """Whatever the bytes, what is behind the target is untouched."""
    area = work()
    packed = bytearray(uzlib.compress(TEXT, -9))
    guarded = bytearray(len(TEXT) + 64)
    target = memoryview(guarded)[: len(TEXT)]
    for i in range(len(packed)):
        for flip in (1, 16, 255):
            packed[i] ^= flip
            try:
                assert _unosql.inflate(packed, target, area) <= len(TEXT)
            except ValueError:
                pass
            packed[i] ^= flip
    same(guarded[len(TEXT) :], bytes(64))


def test_bad_arguments():
    area = work()
    raises(ValueError, "work", _unosql.inflate, b"abc", bytearray(10), area[1:])
    raises(ValueError, "work", _unosql.deflate, b"abc", bytearray(10), bytearray(10))
    raises(TypeError, "", _unosql.deflate, b"abc", b"read-only", area)
    raises(TypeError, "", _unosql.inflate, "abc", None, area)
