"""Sealing by _unosql, the C module of our images, against the same in Python: the bytes and the errors are equal."""
from runner import Skip, raises, same

try:
    from unosql.kv import crypto
except ImportError:  # an image of a board has it in C only: the file lies beside this one
    import crypto
try:
    import _unosql
except ImportError:
    _unosql = None

MODES = ("files",)
PASSWORDS = (b"", b"16bytekey1234567", bytes(range(64)), bytes(range(200)))  # longer than a block of SHA-256 as well
SALT = bytes(range(16))
AADS = (b"", b"w", b"s" + bytes(16), bytes(255))


def both(password=PASSWORDS[1], salt=SALT, iterations=3):
    """The envelope of C, and that of Python."""
    if not hasattr(_unosql, "derive"):
        raise Skip("needs sealing in the C module _unosql")
    from unosql.kv import sealed

    return sealed.derive(password, salt, iterations), crypto.derive(password, salt, iterations)


def data(size):
    return bytes(i * 7 + size & 255 for i in range(size))


def test_keys_are_the_same():
    for password in PASSWORDS:
        for salt in (b"", SALT, bytes(100)):
            for iterations in (1, 2, 65, 130):
                ours, theirs = both(password, salt, iterations)
                same(ours.check, theirs.check)
                same(ours.seal(b"data", b"w"), theirs.seal(b"data", b"w"))


def test_blocks_are_the_same():
    ours, theirs = both()
    for size in (0, 1, 15, 16, 17, 31, 32, 47, 48, 55, 56, 63, 64, 65, 127, 1000):
        for aad in AADS:
            blob = ours.seal(data(size), aad)
            same(blob, theirs.seal(data(size), aad))
            same(isinstance(blob, (bytes, bytearray)), True)
            same(bytes(ours.unseal(blob, aad)), data(size))
            same(bytes(theirs.unseal(blob, aad)), data(size))
            same(ours.unseal(memoryview(bytearray(blob)), aad, True), data(size))
    for limit in range(48, 200):
        same(ours.capacity(limit), theirs.capacity(limit))


def test_in_parts_and_in_place():
    ours, theirs = both()
    buf, other = memoryview(bytearray(data(60))), memoryview(bytearray(data(60)))
    parts = [bytes(part) for part in ours.seal_parts(buf, 40, b"w")]
    same(parts, [bytes(part) for part in theirs.seal_parts(other, 40, b"w")])
    same(buf, other)
    same(bytes(buf[48:]), data(60)[48:])  # behind the padding nothing has changed
    blob = bytearray(b"".join(parts))
    same(ours.unseal(blob, b"w", True), data(60)[:40])
    same(blob[16:56], data(60)[:40])


def test_damage_is_noticed_and_changes_nothing():
    ours, _ = both()
    blob = bytearray(ours.seal(data(40), b"w"))
    for bit in range(8 * len(blob)):
        blob[bit >> 3] ^= 1 << (bit & 7)
        before = bytes(blob)
        raises(ValueError, "authentication failed", ours.unseal, blob, b"w", True)
        same(blob, before)
        blob[bit >> 3] ^= 1 << (bit & 7)
    for aad in (b"", b"m", b"ww", bytes(255)):
        raises(ValueError, "authentication failed", ours.unseal, blob, aad)
    for size in range(len(blob)):
        raises(ValueError, "", ours.unseal, bytes(blob)[:size], b"w")
    same(bytes(ours.unseal(blob, b"w")), data(40))


def test_moving_the_border_of_aad_and_data():
    ours, _ = both()
    assert ours.seal(b"bc", b"a") != ours.seal(b"c", b"ab")


def test_closing_wipes_the_keys():
    ours, _ = both()
    keys = bytearray(_unosql.KEYS)
    _unosql.derive(b"password", SALT, 1, keys)
    from unosql.kv import sealed

    envelope = sealed.Sealed(keys)
    blob = envelope.seal(b"data", b"w")
    envelope.forget()
    same(keys, bytes(_unosql.KEYS))
    raises(ValueError, "authentication failed", envelope.unseal, blob, b"w")


def test_deriving_lets_callbacks_happen():
    both()
    try:
        from micropython import schedule
    except ImportError:
        raise Skip("needs micropython.schedule")
    seen = []

    def call(times):
        seen.append(times)
        if times:
            schedule(call, times - 1)

    schedule(call, 3)
    ours, theirs = both(iterations=1000)
    same(seen, [3, 2, 1, 0])
    same(ours.check, theirs.check)


def test_bad_arguments_change_nothing():
    both()
    keys, buf, ends = bytearray(_unosql.KEYS), bytearray(data(48)), bytearray(32)
    _unosql.derive(b"password", SALT, 1, keys)
    good = bytes(keys)
    for bad in (b"", keys[1:], bytes(keys) + b"x"):
        raises(ValueError, "keys", _unosql.seal, bad, buf, 32, b"w", ends)
        raises(ValueError, "keys", _unosql.unseal, bad, buf, b"w")
    raises(TypeError, "", _unosql.derive, b"password", SALT, 1, good)  # read-only
    raises(ValueError, "keys", _unosql.derive, b"password", SALT, 1, bytearray(10))
    for iterations in (0, -1):
        raises(ValueError, "iterations", _unosql.derive, b"password", SALT, iterations, keys)
    for size in (-1, 48, 49, 1 << 28):
        raises(ValueError, "size", _unosql.seal, keys, buf, size, b"w", ends)
    raises(ValueError, "size", _unosql.seal, keys, buf, 16, b"w", bytearray(31))
    raises(ValueError, "aad", _unosql.seal, keys, buf, 16, bytes(256), ends)
    raises(ValueError, "aad", _unosql.unseal, keys, buf, bytes(256))
    for size in (0, 16, 32, 47):
        raises(ValueError, "authentication failed", _unosql.unseal, keys, buf[:size], b"w")
    raises(TypeError, "", _unosql.unseal, keys, bytes(buf), b"w")  # read-only
    same(keys, good)
    same(buf, data(48))
    same(ends, bytes(32))
