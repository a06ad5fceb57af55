"""Batches as differences: making them in C beside its twin in Python, and under sanitizers, and undoing them."""
import random
import subprocess

import pytest
from hypothesis import example, given, settings, strategies as st

import codec
from unosql import twin
from unosql.codec import pack_uint
from unosql.kv.wal import apply_delta

CI = 200000  # inputs in the test
PARTS = st.lists(st.sampled_from([b"temperature", b"celsius", b"ab", b"1", b"x" * 30]) | st.binary(max_size=4), max_size=30).map(b"".join)


@pytest.fixture(scope="module")
def c():
    return codec.Deltas()


@settings(max_examples=500, deadline=None)
@given(PARTS, PARTS)
@example(b"", b"x" * 2048)  # lengths above a nibble, of each size that a varint has
@example(b"", random.Random(1).randbytes(300) + bytes(10))
@example(b"", random.Random(2).randbytes(2000) + bytes(48))
@example(b"", bytes(2049))  # too long
@example(b"base", b"")
@example(b"abc" + bytes(252), b"abc" * 2)  # as far as a distance goes
@example(b"abc" + bytes(253), b"abc" * 2)  # and one too far
def test_a_delta_is_shorter_and_gives_the_batch_again(c, base, data):
    delta = twin.encode_delta(base + data, len(base))
    assert c.encode_delta(base + data, len(base)) == delta
    assert len(delta) < max(1, len(data))
    if delta:
        assert apply_delta(base, delta) == data


@settings(max_examples=500, deadline=None)
@given(PARTS, PARTS, st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=2), st.none() | st.integers(0, 100))
def test_damage_makes_another_batch_or_an_error(base, data, changes, end):
    delta = bytearray(twin.encode_delta(base + data, len(base)))
    for i, byte in changes:
        if delta:
            delta[i % len(delta)] = byte
    try:
        assert len(apply_delta(base, bytes(delta[:end]))) < 1 << 17
    except (ValueError, IndexError):
        pass


@pytest.mark.parametrize("delta", [b"\x10", b"\x10a\0", b"\x10a\2", b"\xf0", b"\x1fa\1", b"\x20a", b"\x1fa\1" + pack_uint(65535)])
def test_what_is_no_delta(delta):
    with pytest.raises((ValueError, IndexError)):
        apply_delta(b"", delta)


def test_the_nearest_of_the_longest(c):
    base = b"abcde1abcde2abcd3"
    assert c.encode_delta(base + b"abcde", len(base)) == twin.encode_delta(base + b"abcde", len(base)) == bytes((2, 11))


def test_under_sanitizers():
    done = subprocess.run([codec.delta_fuzzer(), str(CI), "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    assert min(map(int, words[1::2])) > CI // 100, done.stdout
