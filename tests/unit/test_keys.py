"""Keys sort as what they stand for, and no encoding is the start of another."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unosql.documents import keys, ordering
from unosql.codec import pack_uint
from unosql.twin import unpack_uint

WIDE = 1 << 62
NUMBERS = st.one_of(
    st.integers(-(2**53), 2**53), st.integers(-(2**120), 2**120), st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-300, 300), st.integers(-300, 300).map(float),
)
TEXTS = st.text(st.one_of(st.sampled_from("\0\1\2ab\xff"), st.characters(exclude_categories=["Cs"])), max_size=8)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)


def rank(value):
    """A sort key that Python compares as encode() should."""
    if value is None or isinstance(value, bool):
        return 0, (None, False, True).index(value), ""
    if isinstance(value, (int, float)):
        return 1, value, ""
    return (2, 0, value.encode()) if isinstance(value, str) else (3, 0, "")


def order(a, b):
    return (a > b) - (a < b)


@given(SCALARS, SCALARS)
def test_order_of_scalars(a, b):
    if any(isinstance(n, int) and abs(n) > 2**112 for n in (a, b)):
        return  # only monotone: the next test
    assert order(ordering.encode(a), ordering.encode(b)) == order(rank(a), rank(b))


@given(NUMBERS, NUMBERS)
def test_numbers_are_monotone(a, b):
    if a <= b:
        assert ordering.encode(a) <= ordering.encode(b)


@given(st.integers(-(2**60), 2**60), st.integers(-3, 3))
def test_integers_are_exact(n, step):
    assert order(ordering.encode(n), ordering.encode(n + step)) == order(n, n + step)


@pytest.mark.parametrize("n", [0, 1, -1, 2, 127, 128, 255, 2**31, 2**47, 2**48, 2**53, 2**53 + 1, -(2**53) - 1, 2**111])
def test_neighbours(n):
    assert ordering.encode(n - 1) < ordering.encode(n) < ordering.encode(n + 1)
    assert ordering.encode(float(n)) == ordering.encode(int(float(n)))


@pytest.mark.parametrize("x", [5e-324, 1e-300, 2.0**-17, 2.0**-16, 0.1, 1.5, 1e300, 1.7976931348623157e308])
def test_floats_of_every_size(x):
    below, above = math.nextafter(x, 0), math.nextafter(x, math.inf)
    assert ordering.encode(below) < ordering.encode(x)
    assert above == math.inf or ordering.encode(x) < ordering.encode(above)
    assert ordering.encode(-x) < ordering.encode(-below)


@given(st.lists(SCALARS, min_size=2, max_size=2), st.lists(SCALARS, min_size=2, max_size=2))
def test_tuples_sort_by_their_first_difference(a, b):
    if any(isinstance(n, int) and abs(n) > 2**112 for n in a + b):
        return
    joined = [b"".join(ordering.encode(part) for part in t) for t in (a, b)]
    assert order(*joined) == order([rank(p) for p in a], [rank(p) for p in b])


@given(SCALARS, SCALARS)
def test_no_encoding_starts_another(a, b):
    a, b = ordering.encode(a), ordering.encode(b)
    assert a == b or not b.startswith(a)


@given(st.text(st.sampled_from("ab\0\1"), min_size=100, max_size=140), st.text(st.sampled_from("ab\0\1"), min_size=100, max_size=140))
def test_cut_texts_are_monotone_and_known(a, b):
    if a <= b:
        assert ordering.encode(a) <= ordering.encode(b)
    if ordering.encode(a) == ordering.encode(b) and a != b:
        assert not ordering.is_exact(ordering.encode(a)) and not ordering.is_exact(ordering.encode(b))
    assert order(ordering.encode(a, WIDE), ordering.encode(b, WIDE)) == order(a, b)


@given(SCALARS)
def test_only_long_texts_are_cut(value):
    assert ordering.is_exact(ordering.encode(value))


def test_containers_are_all_equal_and_last():
    assert ordering.encode([1]) == ordering.encode({}) == ordering.encode(()) > ordering.encode("\U0010ffff" * 200)


@given(SCALARS, SCALARS)
def test_complement_turns_the_order_round(a, b):
    a, b = ordering.encode(a), ordering.encode(b)
    assert order(ordering.complement(a), ordering.complement(b)) == order(b, a)


@given(SCALARS, SCALARS)
def test_bounds_hold_what_is_comparable(a, b):
    limits = ordering.bounds(ordering.encode(a))
    if limits is None:
        return
    same_type = type(a) is type(b) or not {type(a), type(b)} - {int, float}
    assert (limits[0] <= ordering.encode(b) < limits[1]) == same_type


@pytest.mark.parametrize("value", [None, [], {"a": 1}])
def test_no_bounds_without_an_order(value):
    assert ordering.bounds(ordering.encode(value)) is None


IDS = st.one_of(st.integers(0, 70000), st.integers(0, 2**62))


@given(st.lists(IDS, min_size=2, max_size=3))
def test_make_and_parse(numbers):
    key = keys.make(keys.RECORD, *numbers)
    assert key[:1] == keys.RECORD and keys.parse(key) == tuple(numbers[:2])
    assert keys.parse(key[1:], 0) == tuple(numbers[:2])


@given(IDS, IDS)
def test_ids_sort(a, b):
    assert order(keys.make(b"R", a), keys.make(b"R", b)) == order(a, b)


@given(IDS, IDS, st.binary(max_size=4))
def test_above_holds_exactly_what_starts_so(a, b, rest):
    prefix = keys.make(b"R", a)
    assert prefix <= prefix + rest < keys.above(prefix)
    if a != b:
        assert not prefix <= keys.make(b"R", b) + rest < keys.above(prefix)


@pytest.mark.parametrize("prefix, wanted", [(b"R", b"S"), (b"R\xff", b"S"), (b"R\x01\xff\xff", b"R\x02"), (b"R\xfe", b"R\xff")])
def test_above(prefix, wanted):
    assert keys.above(prefix) == wanted


@given(IDS, st.binary(max_size=3))
def test_varints_round_trip(n, rest):
    packed = pack_uint(n)
    assert unpack_uint(packed + rest, 0) == (n, len(packed))
