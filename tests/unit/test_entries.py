"""Reading entries in C: beside its twin in Python, on blocks that are whole and on others, and under sanitizers."""
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

import codec
from test_blocks import ENVELOPES, numbered, written
from unosql.documents.steps import finish
from unosql import twin
from unosql.codec import pack_uint
from unosql.errors import CorruptionError
from unosql.kv import memtable, segment
from unosql.kv.memtable import ABSENT, Memtable, encode_entry

CI = 200000  # inputs in the test
KEYS = st.binary(max_size=4) | st.lists(st.sampled_from(b"ab"), max_size=6).map(bytes)
PLACES = st.tuples(st.integers(0, 1 << 40), st.integers(0, 3000)).map(lambda place: pack_uint(place[0]) + pack_uint(place[1]))
VALUES = st.none() | PLACES | st.binary(max_size=300)
# Of a block: what is shared, asked for more or less of it than is, the rest and the value.
ENTRIES = st.lists(st.tuples(st.integers(0, 6), KEYS, VALUES), max_size=12)


@pytest.fixture(scope="module")
def c():
    return codec.Entries()


@st.composite
def blocks(draw):
    """Entries in no order; some blocks are damaged."""
    block, size = bytearray(), 0
    for shared, rest, value in draw(ENTRIES):
        shared = min(shared, size)
        size = shared + len(rest)
        block += pack_uint(shared) + pack_uint(len(rest)) + pack_uint(0 if value is None else len(value) + 1) + rest + (value or b"")
    for i, byte in draw(st.lists(st.tuples(st.integers(0, 10000), st.integers(0, 255)), max_size=2)):
        if block:
            block[i % len(block)] = byte
    return bytes(block[: draw(st.none() | st.integers(0, len(block)))])


def outcome(call, *args):
    try:
        return call(*args)
    except (ValueError, IndexError):
        return ValueError


def by_both(c, module, call, *args):
    """What a call comes to, in Python and in C alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "native", twin)
        python = outcome(call, *args)
        patch.setattr(module, "native", c)
        assert outcome(call, *args) == python
    return python


def all_entries(block):
    found, key, i = [], b"", 0
    while i < len(block):
        key, value, i = segment.native.entry(block, i, key)
        found.append((key, value, i))
    return found


@settings(max_examples=500, deadline=None)
@given(blocks(), KEYS, st.none() | KEYS, st.booleans(), st.integers(1, 4), st.data())
def test_blocks(c, block, lo, hi, reverse, most, data):
    entries = by_both(c, segment, all_entries, block)
    if entries and entries is not ValueError and data.draw(st.booleans()):
        lo = data.draw(st.sampled_from(entries))[0]
    by_both(c, segment, lambda: segment.native.find(block, lo))
    by_both(c, segment, lambda: segment.native.seek(block, lo))
    by_both(c, segment, lambda: segment.native.children(block, lo, hi, reverse, most))


@settings(max_examples=300, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=20, unique=True).map(sorted), KEYS, st.none() | KEYS, st.booleans(), st.integers(1, 4))
def test_children_in_order(c, keys, lo, hi, reverse, most):
    """What an index block is like: the lowest separator is as low as can be."""
    block = bytearray()
    for i, key in enumerate([b"", *[key for key in keys if key]]):
        place = pack_uint(i * 1000) + pack_uint(i)
        block += pack_uint(0) + pack_uint(len(key)) + pack_uint(len(place) + 1) + key + place
    found, more = by_both(c, segment, lambda: segment.native.children(bytes(block), lo, hi, reverse, most))
    assert len(found) <= most and found == sorted(found, reverse=reverse) and (more is None or len(found) == most)


@given(st.dictionaries(KEYS, st.none() | st.binary(max_size=20), max_size=30), KEYS)
def test_memtable(c, entries, key):
    table = Memtable(4000)
    for entry in entries.items():
        table.put(encode_entry(*entry))
    for sought in (key, *entries):
        by_both(c, memtable, table._find, sought)
    assert by_both(c, memtable, table.get, key) == entries.get(key, ABSENT)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 1 << 34), min_size=4, max_size=4), st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 4),
       st.integers(0, 1500))
def test_parts_of_a_meta_block(c, numbers, parts, n, cut):
    whole = b"\4stag" + b"size" + b"".join(map(pack_uint, numbers)) + b"".join(pack_uint(len(part)) + part for part in parts)
    for packed in (whole, whole[: cut + 1]):
        one = segment.Segment(None, 0, packed=packed)
        found = by_both(c, segment, one._part, n)
        left_out = [b""] * (5 - len(parts))  # as version 0.1.0 does
        assert packed != whole or found == ((parts + left_out)[n] if len(parts) > 2 else ValueError)


TWO_KINDS = st.lists(st.sampled_from(b"IR\1\2x"), min_size=1, max_size=5).map(bytes)


@given(st.dictionaries(TWO_KINDS, st.none() | st.binary(max_size=20), min_size=1, max_size=40), TWO_KINDS, st.none() | TWO_KINDS,
       st.none() | TWO_KINDS)
def test_where_a_segment_has_no_keys(c, model, lo, hi, floor):
    one, _ = written(sorted(model.items()), block=60, floor=floor)
    by_both(c, segment, one.overlaps, lo, hi)
    for key in (lo, *model):
        found = by_both(c, segment, one.get, key)
        assert found == (ABSENT if floor is not None and key <= floor else model.get(key, ABSENT))


@pytest.mark.parametrize("envelope", ENVELOPES, ids=["plain", "encrypted"])
def test_a_segment(c, monkeypatch, envelope):
    monkeypatch.setattr(segment, "native", c)
    entries = numbered(900)
    tree, _ = written(entries, envelope, bloom=900)
    assert list(tree.scan()) == entries and list(tree.scan(reverse=True)) == entries[::-1]
    finish(tree.checking())
    for key, value in entries:
        assert tree.get(key) == value and tree.get(key + b"\0") is ABSENT


@pytest.mark.parametrize("engine", ["c", "python"])
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2), st.integers(0, 127), st.integers(0, 255), st.booleans())
def test_blocks_that_somebody_else_sealed(c, engine, nth, i, byte, cut):
    """Whatever they hold, it is damage that has a name, or other records."""
    entries = numbered(300)
    tree, _ = written(entries)
    read = tree._reader.block

    def damaged(number, prefix, offset, size, buf=None):
        block = bytearray(read(number, prefix, offset, size))
        if len(block) > i and offset % 3 == nth:
            block[i] = byte
        return memoryview(block)[: i if cut else None]

    tree._reader.block = damaged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "native", c if engine == "c" else twin)
        calls = [lambda: tree.get(entries[i][0]), lambda: list(tree.scan()), lambda: list(tree.scan(reverse=True)), lambda: finish(tree.checking()),
                 lambda: list(tree.scan(reverse=True, shared_block=True)), lambda: tree.leaf(i)]
        for call in calls:
            try:
                call()
            except CorruptionError as error:
                assert "file 7" in str(error)


def test_a_meta_block_that_somebody_else_sealed(monkeypatch):
    part = twin.part
    monkeypatch.setattr(twin, "part", lambda packed, n: part(b"\7", n))
    with pytest.raises(CorruptionError, match="file 7"):
        written(numbered(3))


def test_headers_under_sanitizers():
    done = subprocess.run([codec.headers_fuzzer(), str(CI), "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(int(count) > CI for count in done.stdout.split()[1::2]), done.stdout


def test_under_sanitizers():
    done = subprocess.run([codec.entries_fuzzer(), str(CI), "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    assert min(map(int, words[1::2])) > CI // 20, done.stdout
