"""_unosql, the C module of our images: against uzlib, which does the same in Python's memory, and on entries by hand."""
import gc
import hashlib
from binascii import unhexlify

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
SQUARES = b"".join(b"%d:%d," % (i, i * i) for i in range(60))
# (raw streams that a PC's zlib made, data): bytes as they are, codes of the block's own, and several blocks with empty ones.
MADE_ELSEWHERE = (
    ("010b00f4ff68656c6c6f20776f726c64", b"hello world"),
    (
        "1590b911003108031b22e0b7adfe0bbbbdc8c3182d925c6ea1b0545be9592bd64639b6aab5a37e76b56d4f372c5ce1085024532aba2d0acdb340fad6"
        "0231ea58184c4779f9bbaa64f3c1e496aba164a89b89d3b72d4b93cfb235672d470b2557fb4f47e7ffbb3aff2656d095eb41a9d0835978714e14669c"
        "8b859bc0400d5621d5f262af8ea2705bf7f7cefe530c599a640bae89b6246d7887d80defd241ffe928a489e7f09a7c41554dc074feafb29cfda76c0f"
        "1b273fbc09e5fe732a0fff5314c2feb4f2fd558feae70d7563cce6fc4df14f63c5fda1b2c6cf07",
        SQUARES,
    ),
    ("cacf4b552829cf5728c9284a4d05000000ffffcacf4b552829cf07000000ffff0300", b"one two threeone two"),
)


def work():
    if not _unosql:
        raise Skip("needs the C module _unosql")
    return bytearray(max(_unosql.DEFLATE_WORK, _unosql.INFLATE_WORK))


def varied(seed, size):
    """Bytes of few values, with repetitions of all lengths and distances."""
    data = bytearray()
    while len(data) < size:
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        if seed >> 20 & 3 or not data:
            data.append(seed >> 12 & 7)
        else:
            start = (seed >> 8) % len(data)
            data.extend(data[start : start + (seed >> 4 & 127)])
    return bytes(data[:size])


def test_both_give_the_same_bytes():
    area = work()
    for data in SAMPLES:
        target = bytearray(len(data) * 2 + 10)
        size = _unosql.deflate(data, target, area)
        same(bytes(target[:size]), uzlib.compress(data, -9))


def sealed(block, prefix=b"s1", offset=258):
    """A block of a segment, with its checksum."""
    return block + _unosql.checksum(block, prefix + b"\x00\x00\x01\x02")


def inflate(stream, target, area):
    """Fill target from a stream, as the block of a segment; return how many bytes of it were filled: all, or ValueError."""
    block = bytes(stream) + bytes((len(target) >> 8, len(target) & 255, 1))
    return len(_unosql.unpack(None, sealed(block), b"\2s1", 258, target, area))


def test_each_reads_what_the_other_wrote():
    area = work()
    for data in SAMPLES:
        target = bytearray(len(data))
        same(inflate(uzlib.compress(data, -9), target, area), len(data))
        same(target, data)
        packed = bytearray(len(data) * 2 + 10)
        size = _unosql.deflate(data, packed, area)
        same(bytes(uzlib.decompress(packed[:size], -9)), data)


def test_streams_made_elsewhere():
    """Whatever kind of block, and however far it looks back."""
    area = work()
    for stream, data in MADE_ELSEWHERE:
        target = bytearray(len(data))
        same(inflate(unhexlify(stream), target, area), len(data))
        same(target, data)
        target = bytearray(len(data))
        same(inflate(unhexlify(stream) + b"what follows", target, area), len(data))
        same(target, data)
        raises(ValueError, "stream", inflate, unhexlify(stream), bytearray(len(data) + 10), area)


def test_data_of_many_kinds():
    """The same bytes as the deflate that compares with all of the window, and what was there before."""
    area = work()
    for seed in range(8):
        for size in (2, 3, 100, 513, 1500):
            data = varied(seed, size)
            packed, back = bytearray(2 * size + 10), bytearray(size)
            packed = packed[: _unosql.deflate(data, packed, area)]
            same(packed, uzlib.compress(data, -9))
            same(inflate(packed, back, area), size)
            same(back, data)


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
        same(inflate(uzlib.compress(TEXT, -9), memoryview(guarded)[:less], area), less)
        same(guarded[less:], bytes(8))


def test_stream_ends_early():
    area = work()
    packed = uzlib.compress(TEXT, -9)
    raises(ValueError, "stream", inflate, packed, bytearray(2 * len(TEXT)), area)
    raises(ValueError, "stream", inflate, packed[: len(packed) // 2], bytearray(len(TEXT)), area)
    raises(ValueError, "stream", inflate, b"", bytearray(10), area)


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
                assert inflate(packed, target, area) <= len(TEXT)
            except ValueError:
                pass
            packed[i] ^= flip
    same(guarded[len(TEXT) :], bytes(64))


def test_bad_arguments():
    area = work()
    raises(ValueError, "work", inflate, uzlib.compress(b"abc", -9), bytearray(3), area[: _unosql.INFLATE_WORK - 1])
    raises(ValueError, "work", _unosql.deflate, b"abc", bytearray(10), area[: _unosql.DEFLATE_WORK - 1])
    view = memoryview(bytearray(2 * len(area)))
    for call, size, data in ((inflate, _unosql.INFLATE_WORK, uzlib.compress(b"abc", -9)), (_unosql.deflate, _unosql.DEFLATE_WORK, b"abc")):
        raises(ValueError, "work", call, data, view[size - 1 :], view)  # written while it is worked in
        raises(ValueError, "work", call, data, view[:9], view[8:])
        raises(ValueError, "work", call, data, bytearray(10), view[1:])
    same(bytes(view), bytes(len(view)))
    same(_unosql.deflate(b"abc", view[_unosql.DEFLATE_WORK :], view), 5)
    raises(TypeError, "", _unosql.deflate, b"abc", b"read-only", area)
    raises(TypeError, "", _unosql.unpack, None, sealed(b"abc\0"), b"\2s1", 258, b"read-only", area)


def test_blocks_of_segments():
    area, target = work(), bytearray(len(TEXT) + 9)
    stream = uzlib.compress(TEXT, -9)
    deflated = sealed(stream + bytes((len(TEXT) >> 8, len(TEXT) & 255, 1)))
    for blob, data in ((sealed(b"\0"), b""), (sealed(b"abc\0"), b"abc"), (deflated, TEXT)):
        for room in (target, memoryview(target), memoryview(target)[3:]):
            found = _unosql.unpack(None, blob, b"\2s1", 258, room, area)
            same((bytes(found), type(found)), (data, memoryview))
            same(bytes(room[: len(data)]), data)
        found = _unosql.unpack(None, blob, memoryview(b"\2s1 and more"), 258, target, area)
        same(bytes(found), data)
    found = _unosql.unpack(None, deflated, b"\2s1", 258, bytearray(5), area)
    same((found, type(found)), (TEXT, bytearray))
    same(bytes(_unosql.unpack(None, sealed(b"abc\0"), b"\2s1", 258, bytearray(2), area)), b"abc")


def test_blocks_that_are_damaged():
    area, target = work(), bytearray(100)
    blob = sealed(b"abc\0")
    for i in range(len(blob)):
        bad = bytearray(blob)
        bad[i] ^= 16
        raises(ValueError, "checksum", _unosql.unpack, None, bad, b"\2s1", 258, target, area)
    for prefix, offset in ((b"\2s2", 258), (b"\2s1", 259)):
        raises(ValueError, "checksum", _unosql.unpack, None, blob, prefix, offset, target, area)
    for less in range(len(blob)):
        raises(ValueError, "checksum", _unosql.unpack, None, blob[:less], b"\2s1", 258, target, area)
    for bad, why in ((b"", "damaged"), (b"abc\x02", "damaged"), (b"\x01", "damaged"), (b"\x00\x01", "damaged"), (b"\x00\x05\x01", "stream"),
                     (b"\x07\x07\x07\x00\x05\x01", "stream")):
        raises(ValueError, why, _unosql.unpack, None, sealed(bad), b"\2s1", 258, target, area)
    raises(ValueError, "prefix", _unosql.unpack, None, blob, b"=" + bytes(61), 258, target, area)
    for packed in (b"", b"\2s"):
        raises(ValueError, "damaged", _unosql.unpack, None, blob, packed, 258, target, area)
    raises(ValueError, "work", _unosql.unpack, None, sealed(uzlib.compress(b"a" * 99, -9) + b"\x00\x63\x01"), b"\2s1", 258, target, area[1:100])
    raises(ValueError, "keys", _unosql.unpack, b"", bytearray(48), b"\2s1", 258, target, area)
    same(bytes(target), bytes(100))


# v(shared) v(rest) v(size of value + 1) rest value: "a" 17, "ab" deleted, "b" 5. As places: offsets and sizes.
BLOCK = b"\x00\x01\x03a\x11\x02" + b"\x01\x01\x00b" + b"\x00\x01\x03b\x05\x07"
INDEX = b"\x00\x00\x03\x10\x01" + b"\x00\x01\x03b\x20\x02" + b"\x00\x01\x03c\x30\x03"


def test_entries():
    work()
    for block in (BLOCK, bytearray(BLOCK), memoryview(BLOCK)):
        same(_unosql.entry(block, 0, b""), (b"a", b"\x11\x02", 6))
        same(_unosql.entry(block, 6, b"a"), (b"ab", None, 10))
        same(_unosql.entry(block, 10, b"ab"), (b"b", b"\x05\x07", len(BLOCK)))
        same([_unosql.seek(block, key) for key in (b"", b"aa", b"b")], [(b"a", b"\x11\x02", 6), (b"ab", None, 10), (b"b", b"\x05\x07", 16)])
        same([_unosql.seek(block, b"c"), _unosql.seek(b"", b"")], [None, None])
    same(_unosql.children(INDEX, b"", None, False, 4), ([(16, 1), (32, 2), (48, 3)], None))
    same(_unosql.children(INDEX, b"bb", b"c", False, 1), ([(32, 2)], None))
    same(_unosql.children(INDEX, b"", None, False, 2), ([(16, 1), (32, 2)], b"c"))
    same(_unosql.children(INDEX, b"", None, True, 2), ([(48, 3), (32, 2)], b"b"))


def test_a_memtable_and_parts():
    work()
    arena, places = b"\x01\x02bx\x01\x00a", b"\x00\x04\x00\x00"
    same([_unosql.search(arena, places, 2, key) for key in (b"", b"a", b"aa", b"b", b"c")], [0, 0, 1, 1, 2])
    packed = b"\x01s" + b"size" + b"\x00" * 4 + b"\x01a\x02zz\x00"
    same([_unosql.part(packed, n) for n in range(5)], [b"a", b"zz", b"", b"", b""])


def test_a_key_that_is_sought_in_a_segment():
    work()
    read = []

    def block(offset, size):
        read.append((offset, size))
        return BLOCK if size == 2 else INDEX

    packed = b"\x01s" + b"size" + b"\x07\x08\x01\x09" + b"\x01a\x02zz\x00"
    same([_unosql.get(packed, None, key, None) for key in (b"A", b"a", b"k", b"zzz")], [False, True, True, False])
    same([_unosql.get(packed, floor, b"b", None) for floor in (b"a", b"b")], [True, False])
    same(_unosql.get(packed, None, b"b", block), b"\x05\x07")
    same(read, [(7, 8), (32, 2)])
    packed += b"%c%s" % (len(INDEX), INDEX) + b"\x04\x01h\x01m"  # its root, and nothing between h and m
    same([_unosql.get(packed, None, key, block) for key in (b"A", b"k", b"zzz", b"b", b"bb")], [False, False, False, b"\x05\x07", False])
    same(read[2:], [(32, 2), (32, 2)])
    leaf = b"\x01s" + b"size" + b"\x07\x02\x00\x09" + b"\x01a\x02zz\x00"
    same([_unosql.get(leaf, None, key, block) for key in (b"a", b"ab", b"b", b"aa", b"c")], [b"\x11\x02", None, b"\x05\x07", False, False])


def test_the_end_of_a_segment():
    work()
    meta = b"\x07\x08\x01\x09" + b"\x01a\x02zz\x00"
    blob = meta + _unosql.checksum(meta, b"s1" + b"saltsalt" + b"\x00\x00\x03\xe8")
    end, size = blob + b"saltsalt" + b"\x00%cQ" % len(blob), 1000 + len(blob) + 11
    packed = b"\x0as1saltsalt" + size.to_bytes(4, "big") + meta
    for before in (b"", b"before"):
        same(_unosql.meta(None, memoryview(before + end), b"s1", size), packed)
    same(_unosql.meta(None, end[1:], b"s1", size), len(end))
    raises(ValueError, "trailer", _unosql.meta, None, end[-10:], b"s1", size)
    raises(ValueError, "trailer", _unosql.meta, None, end, b"s1", 25)
    raises(ValueError, "trailer", _unosql.meta, None, end[:-1] + b"R", b"s1", size)
    raises(ValueError, "checksum", _unosql.meta, None, end, b"s2", size)
    raises(ValueError, "prefix", _unosql.meta, None, end, bytes(60), size)


def test_entries_that_are_damaged():
    work()
    packed = b"\x01s" + b"size" + b"\x07\x08\x00\x09" + b"\x01a\x02zz\x00"
    raises(ValueError, "damaged", _unosql.get, packed, None, b"a", lambda offset, size: BLOCK[:5])
    raises(ValueError, "damaged", _unosql.get, packed, None, b"a", lambda offset, size: b"\x01" + BLOCK)  # shares with nothing
    raises(ValueError, "damaged", _unosql.entry, BLOCK, len(BLOCK), b"")
    raises(ValueError, "damaged", _unosql.seek, BLOCK[:5], b"")
    raises(ValueError, "damaged", _unosql.entry, BLOCK, -1, b"")
    raises(ValueError, "damaged", _unosql.entry, b"\x00\xff" + b"\xff" * 9, 0, b"")
    raises(ValueError, "damaged", _unosql.children, b"\x00\x00\x01", b"", None, False, 4)
    raises(ValueError, "most", _unosql.children, INDEX, b"", None, False, 5)
    raises(ValueError, "most", _unosql.children, INDEX, b"", None, False, 0)
    raises(ValueError, "count", _unosql.search, b"\x01\x02bx", b"\x00\x00", 2, b"a")
    raises(ValueError, "damaged", _unosql.search, b"\x01\x02bx", b"\x00\x04", 1, b"a")
    raises(ValueError, "damaged", _unosql.part, b"\x01s", 0)


DEAD = -1
TOMBSTONE = -2
STARTS = -4
FITS = -5
STOP = -7
BROKEN = -8
ALL = 1 << 20


def run(merge, block, used=0, limit=100, due=ALL, stop=None, mortal=None, bloom=None):
    return merge.run(block, used, limit, due, stop, mortal, bloom)


def test_merging():
    """A block over the memtable, whose older entry of a key goes."""
    work()
    merge, block = _unosql.Merge(2, 1), bytearray(100)
    same((merge.key, merge.cut, merge.last, run(merge, block)), (None, None, b"", 0))
    merge.feed(0, b"", BLOCK, None, 0)
    same(run(merge, block), 1)
    merge.feed(1, b"", b"\x01\x02bx\x01\x02ay\x02\x03accc", b"\x00\x04\x00\x08\x00\x00", 3)
    same((run(merge, block, stop=b"a"), merge.key), (STOP, b"a"))
    same((run(merge, block), merge.cut, merge.used), (STARTS, b"a", 0))
    merge.decide(False)
    same((run(merge, block), merge.key, merge.last, merge.used), (TOMBSTONE, b"ab", b"a", 6))
    merge.decide(False)
    same(run(merge, block, 6), STARTS)  # one byte of two is shared
    merge.decide(False)
    same((run(merge, block, 6), merge.key, merge.cut), (STARTS, b"ac", b"ac"))
    merge.decide(True)
    same((run(merge, block, 10), merge.key), (STARTS, b"b"))
    merge.decide(False)
    same((run(merge, block, 10), merge.key, merge.last), (0, None, b"b"))
    merge.feed(0)
    same(run(merge, block, 16), 1)
    merge.feed(1)
    same((run(merge, block, 16), merge.entries, merge.left_out, merge.used), (STOP, 3, 1, 16))
    same(bytes(block[:16]), BLOCK)


def test_merging_where_there_is_no_room():
    work()
    merge, block = _unosql.Merge(1, 0), bytearray(3)
    merge.feed(0, b"b", BLOCK, None, 0)
    same(run(merge, block, due=-1), STARTS)
    merge.decide(False)
    same((run(merge, block), merge.need, merge.used, merge.key), (FITS, 6, 0, b"b"))
    block = bytearray(6)
    same((run(merge, block, limit=1), bytes(block), merge.entries), (0, BLOCK[10:], 1))
    merge.feed(0, b"", b"\x00\x03\x01bbb\x02\x01\x01c", None, 0)
    same((run(merge, block, 6), merge.cut), (STARTS, b"bb"))
    merge.decide(False)
    same((run(merge, block, 6), merge.need, merge.cut), (FITS, 11, b"bb"))
    same((run(merge, bytearray(20)), merge.last), (0, b"bbc"))


def test_what_a_merge_may_forget():
    work()
    known, block = {}, bytearray(300)
    keys = b"H\x01\x07", b"I\x01\x05x", b"I\x01\x06y", b"R\x01\x06", b"R\x01\x07", b"R\x02\x01", b"S\x09", b"T\x01"
    data = b"".join(b"\x00%c\x03%s\x01\x06" % (len(key), key) for key in keys)
    for alive, left in (((7, 5), b"HRRT"), ((1 << 62,), b"RT"), ((1, 6, 5), b"HIIRRRST"), ((7, 6, 1 << 61), b"HRRT")):
        for mortal in (known, None):
            merge, found = _unosql.Merge(1, 1), b""
            known.clear()
            known[2] = 0, 1
            merge.feed(0, b"", data, None, 0)
            while True:
                what = run(merge, block, mortal=mortal)
                if what == DEAD:
                    same(merge.number, 1)
                    known[1] = alive
                elif what == STARTS:
                    found += merge.key[:1]
                    merge.decide(True)
                else:
                    break
            same((what, found), (0, left if mortal is not None else b"HIIRRRST"))


def test_merges_of_what_is_damaged():
    work()
    block = bytearray(100)
    for data, places in ((BLOCK[:5], None), (b"\x01" + BLOCK, None), (b"\x01\x02bx", b"\x00\x04"), (b"\x01\x02b", b"\x00\x00")):
        merge = _unosql.Merge(3, 0)
        merge.feed(0)
        merge.feed(1)
        merge.feed(2, b"", data, places, 1)
        what = run(merge, block)
        if what == STARTS:
            merge.decide(False)
            what = run(merge, block)
        same(what, BROKEN - 2)
        same(run(merge, block), BROKEN - 2)
    merge.feed(2, b"", b"\x01\x02bx", b"\x00\x00", 5)  # more places than there are
    same(run(merge, block), 2)
    raises(ValueError, "source", merge.feed, 3)
    raises(ValueError, "source", merge.feed, -1)
    raises(TypeError, "", run, merge, b"only to be read")
    raises(TypeError, "", _unosql.Merge, 1)
    raises(AttributeError, "", getattr, merge, "places")


def test_a_merge_looks_again_at_what_changes():
    """Python may do what it likes to buffers between two calls: nothing beyond them is read."""
    work()
    data, block = bytearray(b"\x00\x01\x06a12345\x00\x01\x06b12345"), bytearray(100)
    merge = _unosql.Merge(1, 0)
    merge.feed(0, b"", data, None, 0)
    same(run(merge, block), STARTS)
    merge.decide(False)
    merge.feed(0, b"", memoryview(data)[:9], None, 0)
    same((run(merge, block), merge.key), (STARTS, b"a"))
    merge.decide(False)
    for size, wanted in ((100, STARTS), (3, BROKEN), (0, BROKEN)):
        merge = _unosql.Merge(1, 0)
        kept = bytearray(data)
        merge.feed(0, b"", kept, None, 0)
        same(run(merge, block), STARTS)
        merge.decide(False)
        kept[:] = bytes(size)  # it lies elsewhere now
        gc.collect()
        same(run(merge, block), wanted)


def test_what_is_in_an_erase_block():
    """The first whose four bytes are this number, whatever they are further on in the bytes."""
    work()
    tags = bytearray(b"\1\0\0\0" b"\0\1\0\0" b"\2\0\0\1" b"\0\0\0\0" b"\1\0\0\0" b"\xff\xff\xff")
    for wanted in (b"\1\0\0\0", b"\0\1\0\0", b"\0\0\1\0", b"\0\0\0\0", b"\xff\xff\xff\xff"):
        for block in range(8):
            fitting = [i for i in range(block, 5) if tags[4 * i : 4 * i + 4] == wanted]
            same(_unosql.tag(tags, int.from_bytes(wanted, "little"), block), fitting[0] if fitting else -1)
    same([_unosql.tag(tags, 1, block) for block in (0, 1, 4, 5, 6, 1 << 28)], [0, 4, 4, -1, -1, -1])
    firsts = bytearray(b"\x41\0\0\0" b"\0\0\0\0" b"\x40\0\0\0" b"\xff\xff\xff\xff" b"\x80\1\0\0")
    same([_unosql.tag(firsts, None, block) for block in range(6)], [2, 2, 2, 4, 4, -1])
    raises(ValueError, "words", _unosql.tag, memoryview(tags)[1:], 1, 0)
    raises(TypeError, "", _unosql.tag, tags, b"\1\0\0\0", 0)


def head(kind, index, number, counter, birth, database=7, left=b"\xff" * 8):
    words = b"U1" + kind + bytes((index,)) + b"".join(n.to_bytes(4, "little") for n in (database, number, counter, birth))
    return words + hashlib.sha256(words).digest()[:4] + left


def test_the_headers_of_erase_blocks():
    work()
    heads = [head(b"s", 0, 1, 5, 5), head(b"s", 1, 1, 6, 5), head(b"s", 0, 2, 7, 7, 8), b"\xff" * 32, head(b"w", 0, 0, 8, 8),
             head(b"s", 1, 1, 3, 2), head(b"s", 0, 1, 2, 2), head(b"s", 2, 9, 4, 4), head(b"s", 0, 3, 9, 9, left=bytes(8)), head(b"x", 0, 1, 1, 1)]
    tags, births, logs = bytearray(40), bytearray(40), []

    def read(block, buf, offset):
        buf[:] = heads[block]

    def words():
        return [int.from_bytes(tags[i : i + 4], "little") for i in range(0, 40, 4)]

    same(_unosql.scan(read, bytearray(32), tags, births, 7, lambda *log: logs.append(log)), (9, 9, 2, True))
    same(logs, [(ord("w"), 8, 4)])
    doomed, other = 0xFFFFFFFE, 0xFFFFFFFF
    same(words(), [64, 65, other, 0, other, doomed, doomed, doomed, 0, other])
    heads[2], heads[3] = b"\xff" * 32, head(b"s", 0, 2, 12, 12, 8)
    same(_unosql.scan(read, bytearray(32), tags, None, 7, None)[2], 2)
    same(words()[2:4], [0, other])
    same([_unosql.header(read, bytearray(32), block) for block in (0, 2, 8)], [True, False, False])
    heads[0] = heads[0][:5] + b"?" + heads[0][6:]
    same(_unosql.header(read, bytearray(32), 0), False)
    for why, buf, short in (("head", bytearray(31), births), ("births", bytearray(32), births[:36])):
        raises(ValueError, why, _unosql.scan, lambda *place: None, buf, bytearray(40), short, 7, None)


def test_what_was_allocated():
    work()
    gc.collect()
    before = _unosql.allocated()
    kept = bytearray(1000)
    assert 1000 <= _unosql.allocated() - before < 1200 and len(kept) == 1000
    gc.collect()
    assert _unosql.allocated() < 1000
