"""The pieces below the store: varints, compression, entries, the memtable, segments."""
import importlib.util
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from unosql.documents.steps import finish
from unosql import codec, native, twin
from unosql.documents import keys
from unosql.kv import compression, crypto
from unosql.kv.buffers import Buffers
from unosql.kv.envelope import Plain
from unosql.errors import CorruptionError
from unosql.kv.memtable import ABSENT, Memtable, decode_entry, encode_entry
from unosql.kv.merge import STARTS, STOP, Merging, fed, merge, scan_run
from unosql.kv.reader import Reader
from unosql.kv.segment import Segment, file_aad
from unosql.kv import writer as writers
from unosql.kv.writer import Writer

BOUNDS = [0, 1, 240, 241, 2287, 2288, 67823, 67824, 2**24 - 1, 2**24, 2**32 - 1, 2**32, 2**56 - 1, 2**56, 2**64 - 1]
NUMBERS = st.sampled_from(BOUNDS) | st.integers(0, 2**64 - 1) | st.integers(0, 70000)


# -- codec

@given(NUMBERS, NUMBERS)
def test_varints(a, b):
    packed = codec.pack_uint(a)
    assert twin.unpack_uint(b"x" + packed + b"y", 1) == (a, 1 + len(packed))
    assert twin.unpack_uint(memoryview(packed), 0) == (a, len(packed))
    assert (packed < codec.pack_uint(b)) == (a < b)
    for size in range(len(packed)):
        with pytest.raises(IndexError):
            twin.unpack_uint(packed[:size], 0)


def test_lengths_of_varints():
    assert [len(codec.pack_uint(n)) for n in BOUNDS] == [1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 8, 9, 9]


def test_text_is_ascii_as_micropython_tells_it():
    """Its memoryview takes a str, and it has no isascii(): the other way is compiled for bytes here."""
    names = {"hasattr": lambda kind, name: False, "__package__": "unosql", "__name__": "unosql.twin"}
    exec(compile(Path(twin.__file__).read_text(), twin.__file__, "exec"), names)
    for text in (b"", b"plain", "grün".encode()):
        assert names["is_ascii"](text) == twin.is_ascii(text) == text.isascii()


def test_names_of_collections_lead_to_their_keys():
    """Also those that an earlier version stored as bytes which are no text."""
    for data in (b"", b"users", "grün".encode(), b"caf\xe9", "\ufffd41".encode(), b"\xed\xa0\x80"):
        assert keys.collection(keys.named(data)) == keys.CATALOG + data
    assert keys.named(b"caf\xe9") == "caf\ufffde9"


def packed(data, work=None, module=compression):
    buf, size = module.compress(data, work)
    assert len(buf) >= size + compression.SPARE
    return bytes(buf[:size])


@pytest.mark.parametrize("data", [b"", b"short", b"a" * 63, b"a" * 64, b"ab" * 3000, random.Random(1).randbytes(300)], ids=len)
@pytest.mark.parametrize("buf", [None, 10, 10000])
@pytest.mark.parametrize("work", [None, 100, 10000])
def test_compression(data, buf, work):
    work = work and compression.workspace(work)
    blob = packed(data, work)
    assert len(blob) <= len(data) + 1
    assert (len(blob) <= len(data)) == (data[:1] == b"a" and len(data) > 63)
    assert len(blob) < 65 + len(data) // 100 or data[:1] != b"a"
    buf = buf and bytearray(buf)
    found = twin.decompress(blob, buf)
    assert found == data
    assert isinstance(found, memoryview) == (buf is not None and len(buf) >= len(data))
    assert twin.decompress(bytearray(blob), None) == data


def test_bad_blocks():
    blob = packed(b"ab" * 300)
    assert blob[-1] == 1
    for bad, why in ((blob[:-1] + b"\2", "unknown block encoding 2"), (blob[:-3] + b"\xff\xff\1", "block of 600 bytes instead of 65535")):
        with pytest.raises(ValueError, match=why):
            twin.decompress(bad, None)


def stock(monkeypatch, original=compression, **modules):
    """A module as it is where these modules are others, or None."""
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location(original.__package__ + ".stock", original.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_uzlib(monkeypatch):
    """Stock MicroPython: what it writes anyone reads, and of what it can't read it says why."""
    module, without = stock(monkeypatch), stock(monkeypatch, twin, uzlib=None)
    monkeypatch.setattr(module, "native", without)
    data = b"ab" * 300
    blob = packed(data, module=module)
    assert blob == data + b"\0" and twin.decompress(blob, None) == without.decompress(blob, None) == data
    with pytest.raises(ValueError, match="no uzlib"):
        without.decompress(packed(data), None)


class Native:
    """Does what boards/common/usermods/unosql does, and checks what it is given; tests/device/test_native.py has the real one."""

    DEFLATE_WORK, INFLATE_WORK = 640, 1012

    @staticmethod
    def deflate(source, target, work):
        assert len(work) >= Native.DEFLATE_WORK and not target.readonly
        data = twin.uzlib.compress(source, -9)
        if len(data) > len(target):
            return 0
        target[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("data", [b"short", b"ab" * 3000, random.Random(1).randbytes(300)], ids=len)
@pytest.mark.parametrize("work", [None, 100, 10000])
def test_with_the_native_module(monkeypatch, data, work):
    module = stock(monkeypatch)
    monkeypatch.setattr(module, "native", stock(monkeypatch, native, _unosql=Native).native)
    assert module.native is Native and native.native is twin
    work = work and module.workspace(work)
    assert work is None or module.room(work) >= max(100, Native.INFLATE_WORK - Native.DEFLATE_WORK - 19)
    blob = packed(data, work, module)
    assert blob == packed(data) and twin.decompress(blob, None) == data


# -- entries and the memtable

KEYS = st.binary(max_size=3)
VALUES = st.none() | st.binary(max_size=300)


@given(st.lists(st.tuples(KEYS, VALUES)))
def test_entries(ops):
    batch = b"".join(encode_entry(*op) for op in ops)
    found, i = [], 0
    while i < len(batch):
        key, value, i = decode_entry(batch, i)
        found.append((key, value))
    assert found == ops


@given(st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=20)), max_size=30), KEYS, KEYS, st.integers(0, 29))
def test_memtable(ops, lo, hi, cut):
    table, model = Memtable(2000), {}
    for key, value in ops[:cut]:
        table.put(encode_entry(key, value))
        model[key] = value
    assert len(table) == len(model) and table.capacity == 2000
    assert table.room == 2000 - sum(len(encode_entry(*op)) for op in ops[:cut])
    assert list(table.scan()) == sorted(model.items())
    inside = [(k, v) for k, v in sorted(model.items()) if lo <= k < hi]
    assert list(table.scan(lo, hi)) == inside and list(table.scan(lo, hi, True)) == inside[::-1]
    assert table.get(lo) == model.get(lo, ABSENT) and (lo in model or table.get(lo) is ABSENT)
    table.clear()
    assert not len(table) and table.room == 2000 and list(table.scan()) == []


@pytest.mark.parametrize("capacity", range(40, 60))
def test_memtable_of_many_small_entries(capacity):
    """More of them than it reckons with."""
    table = Memtable(capacity)
    keys = [b"%x" % i for i in range(capacity // 3)]
    for key in reversed(keys):
        table.put(encode_entry(key[:1], None))
        if table.room < 3:
            break
    assert [key for key, _ in table.scan()] == sorted({key[:1] for key in keys if table.get(key[:1]) is None})


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=9), min_size=1, max_size=5), st.booleans(), st.data())
def test_merge(tables, reverse, data):
    model = {}
    for table in reversed(tables):
        model.update(table)
    opened, closed, bounds = [], [], []

    def source(i, entries):
        opened.append(i)
        try:
            yield from entries
        finally:
            closed.append(i)

    sources = [source(i, sorted(table.items(), reverse=reverse)) for i, table in enumerate(tables)]
    for table in tables:
        first = (max if reverse else min)(table, default=b"")
        bound = first + b"\0" if reverse else first[:-1]
        bounds.append(data.draw(st.sampled_from([None, first, bound])))
    found = merge(sources, reverse, bounds)
    for key, value in sorted(model.items(), reverse=reverse):
        assert next(found) == (key, value)
        for i, bound in enumerate(bounds):
            if bound is not None and (bound < key if reverse else bound > key):
                assert i not in opened
    assert list(found) == []
    assert sorted(closed) == sorted(opened)


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=2, max_size=9), min_size=1, max_size=5))
def test_a_merge_given_up_closes_its_sources(tables):
    closed = []

    def source(i, entries):
        try:
            yield from entries
        finally:
            closed.append(i)

    found = merge([source(i, sorted(table.items())) for i, table in enumerate(tables)])
    next(found)
    found.close()
    assert sorted(closed) == list(range(len(tables)))


# -- segments

class Medium:
    """Files in a dict: sink and source in one."""

    def __init__(self):
        self.files = {}

    def sink(self, number):
        medium, data = self, bytearray()

        class Sink:
            def append(self, buf):
                data.extend(buf)

            def close(self):
                medium.files[number] = data

            def abort(self):
                data.clear()

        return Sink()

    def readinto(self, number, offset, buf):
        if number not in self.files:
            raise OSError(2, "gone")
        piece = self.files[number][offset : offset + len(buf)]
        buf[: len(piece)] = piece
        return len(piece)

    def size(self, number):
        if number not in self.files:
            raise OSError(2, "gone")
        return len(self.files[number])

    def describe(self, number):
        return "file %d" % number


ENVELOPES = [Plain(), crypto.derive(b"key", b"salt", 1)]


def written(entries, envelope=ENVELOPES[0], number=7, block=128, bloom=0, floor=None, miscounted=0):
    medium = Medium()
    writer = Writer(medium.sink(number), envelope, file_aad(number), None, 0, block, bloom)
    Merging([fed(entries)]).fill(writer)
    writer._begun -= miscounted
    writer.finish()
    return Segment(Reader(medium, envelope), number, None, floor), medium


def numbered(n, step=2):
    return [(b"key%05d" % i, None if i % 7 == 0 else b"v%d" % i * (i % 9)) for i in range(0, n * step, step)]


@pytest.mark.parametrize("envelope", ENVELOPES, ids=["plain", "encrypted"])
@pytest.mark.parametrize("n", [1, 2, 30, 3000])
@pytest.mark.parametrize("bloom", [False, True])
def test_segment(envelope, n, bloom):
    """One block, a few, and a tree of three levels; every key is found and none between."""
    entries = numbered(n)
    segment, _ = written(entries, envelope, bloom=n if bloom else 0)
    assert list(segment.scan()) == entries and list(segment.scan(reverse=True)) == entries[::-1]
    assert (segment.low, segment.max) == (entries[0][0], entries[-1][0])
    finish(segment.checking())
    for key, value in random.Random(n).sample(entries, min(n, 200)):
        assert segment.get(key) == value
        assert segment.get(key + b"\0") is ABSENT and segment.get(key[:-1]) is ABSENT
    assert segment.get(b"") is ABSENT and segment.get(b"z") is ABSENT
    assert segment.overlaps(b"", None) and segment.overlaps(segment.max, None) and not segment.overlaps(b"z", None)
    assert not segment.overlaps(b"", segment.low) and segment.overlaps(b"", segment.low + b"\0")


def test_reads_of_a_lookup():
    """The root is in RAM, and so is where a kind of keys ends and the next begins."""
    kinds = [(b"%c\1%04d" % (kind, i), b"x" * 30) for kind in b"IRS" for i in range(1000, 1400)]
    segment, _ = written(kinds, block=512)
    reads = segment._reader.reads
    for key in (b"H", b"R\1", b"R\0010999", b"S\0010", b"S\0010999", b"T"):
        assert segment.get(key) is ABSENT
    assert segment._reader.reads == reads
    assert twin.root(segment.packed)[2] == 2
    for key in (b"I\0011000", b"R\0011399", b"S\0011200"):
        segment._reader.forget()
        assert segment.get(key) == b"x" * 30
    assert segment._reader.reads == reads + 3 * 2


def test_what_is_noted_of_gaps_has_bounds():
    segment, _ = written([(b"R%c%s" % (i, b"k" * 100), b"") for i in range(100)])
    assert 50 < len(segment._part(4)) < 100
    assert segment.get(b"R\7" + b"k" * 100) == segment.get(b"R\143" + b"k" * 100) == b""


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.binary(min_size=1, max_size=4), st.none() | st.binary(max_size=30), min_size=1, max_size=80),
       st.binary(max_size=4), st.none() | st.binary(max_size=4), st.none() | st.binary(min_size=1, max_size=4), st.booleans())
def test_segment_ranges(model, lo, hi, floor, bloom):
    entries = sorted(model.items())
    segment, _ = written(entries, block=60, bloom=len(entries) * bloom, floor=floor)
    live = [(k, v) for k, v in entries if floor is None or k > floor]
    inside = [(k, v) for k, v in live if k >= lo and (hi is None or k < hi)]
    for shared_block in (False, True):
        assert list(segment.scan(lo, hi, False, shared_block)) == inside
        assert list(segment.scan(lo, hi, True, shared_block)) == inside[::-1]
    assert not inside or segment.overlaps(lo, hi)
    for key, value in entries:
        assert segment.get(key) == (value if (key, value) in live else ABSENT)
    finish(segment.checking())
    assert list(segment.scan()) == live  # check() left the floor as it was


@pytest.mark.parametrize("block", [b"", b"\5", b"\0\1\1"], ids=["nothing", "cut off", "no place"])
def test_blocks_that_hold_something_else_are_named(block):
    """Only who has the key can seal such a block."""
    segment, _ = written(numbered(300))
    segment._reader.block = lambda *where: block
    calls = [lambda: segment.leaf(0)]
    if block:
        calls += [lambda: segment.get(b"key00010"), lambda: list(segment.scan()), lambda: list(segment.scan(reverse=True))]
    for call in calls:
        with pytest.raises(CorruptionError, match="file 7"):
            call()


def test_values_larger_than_a_block():
    entries = [(b"%d" % i, bytes(i * 700)) for i in range(6)]
    segment, _ = written(entries)
    assert list(segment.scan()) == entries and segment.get(b"5") == bytes(3500)
    random_ones = [(b"%d" % i, random.Random(i).randbytes(3000)) for i in range(3)]
    assert list(written(random_ones)[0].scan()) == random_ones


def test_blocks_of_small_entries_fit_the_buffers_made_for_them():
    """A few bytes more would need a new buffer for each, and a small heap has no gap for it."""
    r = random.Random(3)
    for block in (128, 512):
        buffers = Buffers(block)
        writer = Writer(Medium().sink(7), ENVELOPES[0], file_aad(7), buffers, 0, block)
        merging, what = Merging([fed(
            (key, None if r.random() < 0.2 else bytes(r.randrange(block // 3)))
            for key in sorted({r.randbytes(r.randrange(1, 12)) for _ in range(2000)})
        )]), None
        while what != STOP:
            what = merging.run(writer)
            assert writer._tree[0].used <= block and all(len(level.buf) <= 512 for level in writer._tree)
            writer.answer(merging.merge, what)
        writer.finish()


def test_same_number_other_salt():
    """Blocks of a file that was not completed do not fit a later one of its number."""
    entries = numbered(30)
    _, one = written(entries, ENVELOPES[1])
    segment, other = written(entries, ENVELOPES[1])
    assert one.files[7][:50] != other.files[7][:50]
    other.files[7][: len(one.files[7]) - 400] = one.files[7][: len(one.files[7]) - 400]
    with pytest.raises(CorruptionError, match="file 7 at offset 0: authentication failed"):
        list(segment.scan())


@pytest.mark.parametrize("envelope", ENVELOPES, ids=["plain", "encrypted"])
def test_every_flipped_bit_is_found(envelope):
    _, medium = written(numbered(12), envelope, bloom=12)
    good = bytes(medium.files[7])
    for bit in range(8 * len(good)):
        medium.files[7] = bytearray(good)
        medium.files[7][bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(CorruptionError):
            finish(Segment(Reader(medium, envelope), 7).checking())
    for size in range(len(good)):
        medium.files[7] = bytearray(good[:size])
        with pytest.raises(CorruptionError):
            finish(Segment(Reader(medium, envelope), 7).checking())


def test_files_that_vanish():
    segment, medium = written(numbered(30))
    data = medium.files.pop(7)
    with pytest.raises(CorruptionError, match="file 7 at offset .*gone"):
        list(segment.scan())
    with pytest.raises(CorruptionError, match="file 7: .*gone"):
        Segment(Reader(medium, Plain()), 7)
    medium.files[7] = data[:10]
    with pytest.raises(CorruptionError, match="cut off"):
        list(segment.scan())


def test_what_a_faulty_writer_made_is_found():
    """Sound blocks, wrong contents."""
    for entries, why in (([(b"b", b""), (b"a", b"")], "out of order"), ([(b"a", b""), (b"a", b"")], "out of order")):
        segment, _ = written(entries)
        with pytest.raises(CorruptionError, match=why):
            finish(segment.checking())
    segment, _ = written(numbered(5), miscounted=1)
    with pytest.raises(CorruptionError, match="entries missing"):
        finish(segment.checking())


def test_a_sound_block_of_an_unknown_encoding(monkeypatch):
    """As a later version of this code may write."""
    monkeypatch.setattr(writers, "compress", lambda data, work: (memoryview(bytes(data) + b"\7"), len(data) + 1))
    segment, _ = written(numbered(5))
    with pytest.raises(CorruptionError, match="file 7 at offset 0: unknown block encoding 7"):
        segment.get(b"key00002")


def test_cache():
    """The last blocks stay decoded; scans neither use up the cache nor trust it after forget()."""
    segment, _ = written(numbered(300))
    reader = segment._reader
    reader.limit = 2  # the levels of its tree below the root
    for key in (b"key00010", b"key00200", b"key00200"):
        before = reader.reads
        segment.get(key)
    assert reader.reads == before
    list(segment.scan())
    assert len(reader._cache) == reader.limit == 2
    assert reader.forget(7) and not reader.forget(7) and not reader.forget()
    before = reader.reads
    segment.get(b"key00010")
    assert reader.reads == before + 2


def in_memtable(entries):
    table = Memtable(4096)
    for entry in entries:
        table.put(encode_entry(*entry))
    return table


@pytest.mark.parametrize("reverse", [False, True])
def test_all_sources_keep_one_protocol(reverse):
    """Memtable, segment, run of segments and merge: the same arguments, the same entries, and no buffer after close()."""
    entries, how = numbered(60), (b"key00020", b"key00100", reverse)
    table, (segment, _) = in_memtable(entries), written(entries, block=60)
    halves = [written(half, number=number, block=60)[0] for number, half in ((8, entries[:30]), (9, entries[30:]))]
    inside = sorted((entry for entry in entries if how[0] <= entry[0] < how[1]), reverse=reverse)
    run = halves[::-1] if reverse else halves
    sources = (lambda: table.scan(*how), lambda: segment.scan(*how), lambda: scan_run(run, *how),
               lambda: merge([table.scan(*how), segment.scan(*how), scan_run(run, *how)], reverse))
    for source in sources:
        assert list(source()) == inside
        given_up = source()
        assert next(given_up)[0] == inside[0][0]
        given_up.close()
        assert next(given_up, None) is None
    for one in (segment, *halves):
        assert one._reader.buffers._idle


def test_all_sources_of_a_merging_keep_one_protocol():
    """Operations, memtable, segment and run of segments: the newest entry of each key comes through, and no buffer stays after close()."""
    entries = numbered(60)
    table, (segment, _) = in_memtable(entries), written(entries, block=60)
    run = [written(half, number=number, block=60)[0] for number, half in ((8, entries[:30]), (9, entries[30:]))]
    sources = (lambda: fed(entries), lambda: table.fed(), lambda: segment.scan(whole=True), lambda: scan_run(run, b"", None, False, False, True))
    for source in sources:
        medium = Medium()
        writer = Writer(medium.sink(7), ENVELOPES[0], file_aad(7), None, 0, 100)
        newest = [(key, b"newest") for key, _ in entries[::5]] + [(b"z", None)]
        Merging([fed(newest), source(), source()]).fill(writer)
        writer.finish()
        assert list(Segment(Reader(medium, ENVELOPES[0]), 7).scan()) == sorted({**dict(entries), **dict(newest)}.items())
    merging = Merging([segment.scan(whole=True), scan_run(run, b"", None, False, False, True)])
    idle = [len(one._reader.buffers._idle) for one in (segment, run[0])]
    assert merging.run(None) == STARTS and merging.merge.key == entries[0][0]
    assert [len(one._reader.buffers._idle) for one in (segment, run[0])] == [n - 1 for n in idle]
    merging.close()
    assert [len(one._reader.buffers._idle) for one in (segment, run[0])] == idle


def test_a_merging_names_the_file_that_is_damaged():
    """What verifies, and holds no entries all the same: without a key anybody can make such a file."""
    entries = numbered(60)
    (good, _), (bad, _) = written(entries, block=60), written(entries, number=9, block=60)
    merging = Merging([good.scan(whole=True), bad.scan(whole=True)])
    writer = Writer(Medium().sink(7), ENVELOPES[0], file_aad(7))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CorruptionError, match="file 9.*damaged entries"):
        whole = bad._reader._decode
        patch.setattr(bad._reader, "_decode", lambda *args: whole(*args)[:-1])
        merging.fill(writer)
    merging.close()


def test_scans_may_share_the_cached_block():
    """Each reads its block again when the others have read theirs, and none has a buffer of its own."""
    entries = numbered(300)
    segment, _ = written(entries)
    segment._reader.limit = 1
    scans = [segment.scan(entries[i][0], shared_block=True) for i in (0, 100, 200)]
    for found in zip(*scans):
        assert [entries.index(entry) % 100 for entry in found] == [entries.index(found[0])] * 3
        assert len(segment._reader._cache) == 1
    for scan in scans:
        scan.close()
    segment._reader.forget()
    assert len(segment._reader.buffers._idle) == 1


def test_buffers_keep_what_is_lent_and_what_is_theirs():
    buffers = Buffers(512)
    kept, more = buffers.take(512), buffers.take(512)
    arena = memoryview(bytearray(2048))
    buffers.lend(arena)
    for buf in (kept, more):
        buffers.give(buf)
    assert len(buffers._idle) == 7 and buffers.drop() and len(buffers._idle) == 6 and not buffers.drop()
    lent = buffers.take(256)
    assert isinstance(lent, memoryview)
    buffers.reclaim()
    buffers.give(lent)  # too late
    assert [type(buf) for buf in buffers._idle] == [bytearray]


def test_a_buffer_given_back_meanwhile_is_not_taken_for_a_longer_one():
    """On CPython the end of a generator may come at any time, and gives one back."""
    class Changing(list):
        def pop(self, i):
            self.insert(0, bytearray(8))
            return super().pop(i)

    buffers = Buffers(512)
    buffers._idle = Changing([bytearray(512)])
    assert len(buffers.take(512)) == 512 and sorted(map(len, buffers._idle)) == [8, 512]


def test_a_workspace_is_made_anew_only_for_what_it_has_no_room_for():
    buffers = Buffers(512)
    work = buffers.work
    assert compression.room(work) == 512
    assert buffers.workspace(compression.room(work)) is work is buffers.workspace(10)
    grown = buffers.workspace(compression.room(work) + 1)
    assert grown is not work and grown is buffers.workspace(512)


def test_cached_blocks_make_way():
    """A buffer that the heap has no gap for is taken from the cache, if there is one."""
    segment, _ = written(numbered(300))
    reader = segment._reader
    segment.get(b"key00010")
    take, asked = reader.buffers.take, []

    def short(size):
        asked.append(size)
        if len(asked) % 2:
            raise MemoryError
        return take(size)

    reader.buffers.take = short
    assert len(reader.take(1024)) == 1024 and not reader._cache
    with pytest.raises(MemoryError):
        reader.take(1024)


@pytest.mark.parametrize("length", [60, 119, 230, 255])
def test_separators_as_long_as_an_index_block_end_the_tree(length):
    """With one entry a block each level would be as long as the one below, for ever."""
    entries = [(b"k" * length + bytes([i]), b"v" * 100) for i in range(1, 60)]
    segment, _ = written(entries, block=128)
    assert list(segment.scan()) == entries
