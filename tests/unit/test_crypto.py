"""The crypto of unosql against published vectors, against the cryptography package, and against damage."""
import importlib.util
import json
import signal
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

import codec
import reader
from here import SUPPORT
from firmware import targets
from unosql.kv import crypto, header, sealed
from unosql.kv.envelope import Plain
from unosql.errors import CorruptionError, WrongKeyError

FOLDER = SUPPORT / "vectors"
VECTORS = json.loads((FOLDER / "crypto.json").read_text())
SEALED = VECTORS["sealed"]
PASSWORD, SALT = bytes.fromhex(SEALED["password"]), bytes.fromhex(SEALED["salt"])


def blocks(rows):
    return [tuple(bytes.fromhex(part) for part in row) for row in rows]


def envelope():
    return crypto.derive(PASSWORD, SALT, SEALED["iterations"])


def test_vectors_are_what_cryptography_makes():
    spec = importlib.util.spec_from_file_location("make_vectors", FOLDER / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    assert make.text() == (FOLDER / "crypto.json").read_text()


def test_vectors_hold_published_outputs():
    assert [row[3] for row in VECTORS["pbkdf2"][:2]] == [  # RFC 7914, 11: the first 32 of 64 bytes
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"]
    assert [row[2] for row in VECTORS["hmac"]] == [  # RFC 4231, 4.2 to 4.5, 4.7, 4.8
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"]
    assert VECTORS["hkdf_expand"][0][2] == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"  # RFC 5869, A.1


@pytest.mark.parametrize("row", VECTORS["pbkdf2"], ids=lambda row: str(row[2]))
def test_pbkdf2(row):
    password, salt, n, key = row
    assert crypto.pbkdf2(bytes.fromhex(password), bytes.fromhex(salt), n).hex() == key


@pytest.mark.parametrize("key, message, mac", blocks(VECTORS["hmac"]), ids=len)
def test_hmac(key, message, mac):
    assert crypto.Hmac(key).digest(message) == mac
    assert crypto.Hmac(key).digest(message[:3], b"", message[3:]) == mac


@pytest.mark.parametrize("prk, info, okm", blocks(VECTORS["hkdf_expand"]), ids=len)
def test_expand(prk, info, okm):
    assert crypto.expand(prk, info) == okm


def test_key_check():
    assert envelope().check.hex() == SEALED["check"]


@pytest.mark.parametrize("data, aad, blob", blocks(SEALED["blocks"]), ids=len)
def test_sealed(data, aad, blob):
    assert envelope().seal(data, aad) == blob
    assert envelope().unseal(blob, aad) == data


@pytest.mark.parametrize("data, aad, blob", blocks(VECTORS["plain"]), ids=len)
def test_plain(data, aad, blob):
    assert Plain().seal(data, aad) == blob
    assert Plain().unseal(blob, aad) == data
    assert len(blob) == Plain().sealed_size(len(data))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=60), st.booleans())
def test_agrees_with_the_reader(data, aad, plain):
    ours, theirs = (Plain(), reader.Plain()) if plain else (ENVELOPE, THEIRS)
    assert ours.seal(data, aad) == theirs.seal(data, aad)
    assert ours.unseal(bytearray(theirs.seal(data, aad)), aad) == data == theirs.unseal(ours.seal(data, aad), aad)


ENVELOPE, THEIRS = envelope(), reader.Encrypted(PASSWORD, SALT, SEALED["iterations"])


@pytest.mark.parametrize("sealer", [Plain(), ENVELOPE], ids=["plain", "encrypted"])
def test_damage_never_verifies(sealer):
    """Each bit, each length, and every other place."""
    data, aad = b"some data, over a block", b"s\0\0\0\1saltsalt\0\0\0\0"
    blob = sealer.seal(data, aad)
    for bit in range(8 * len(blob)):
        bad = bytearray(blob)
        bad[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(ValueError):
            sealer.unseal(bytes(bad), aad)
    for size in range(len(blob)):
        with pytest.raises(ValueError):
            sealer.unseal(blob[:size], aad)
    for place in (b"", aad[:-1], aad + b"\0", aad[:-1] + b"\1", b"w"):
        with pytest.raises(ValueError):
            sealer.unseal(blob, place)


def test_moving_the_border_of_aad_and_data():
    """aad and data are not just joined: the length of aad is part of what is authenticated."""
    assert ENVELOPE.seal(b"bc", b"a") != ENVELOPE.seal(b"c", b"ab")
    with pytest.raises(ValueError):
        ENVELOPE.unseal(ENVELOPE.seal(b"bc", b"a"), b"ab")


def test_synthetic_iv_differs_with_data_place_and_key():
    """Invariant 3."""
    other = crypto.derive(PASSWORD, bytes(16), 1)
    ivs = {ENVELOPE.seal(data, aad)[:16] for data in (b"", b"a", b"b", b"a" * 16) for aad in (b"w", b"m", b"")}
    ivs |= {other.seal(b"a", b"w")[:16]}
    assert len(ivs) == 13
    assert ENVELOPE.seal(b"a", b"w") == ENVELOPE.seal(b"a", b"w")  # no randomness, on purpose


@pytest.mark.parametrize("sealer", [Plain(), ENVELOPE], ids=["plain", "encrypted"])
def test_capacity(sealer):
    for limit in range(48, 200):
        n = sealer.capacity(limit)
        assert len(sealer.seal(bytes(n), b"w")) <= limit < len(sealer.seal(bytes(n + 1), b"w"))


def test_same():
    assert crypto.same(b"", b"") and crypto.same(b"abc", memoryview(b"abc"))
    assert not crypto.same(b"abc", b"abd") and not crypto.same(b"abc", b"ab") and not crypto.same(b"xbc", b"abc")


# -- the same in C

@pytest.fixture(scope="module", params=["mbedtls", "axtls"])
def c(request):
    return codec.Sealing(request.param)


def test_c_agrees_with_the_vectors(c):
    for password, salt, n, key in VECTORS["pbkdf2"]:
        assert c.pbkdf2(bytes.fromhex(password), bytes.fromhex(salt), n).hex() == key
    for key, message, mac in blocks(VECTORS["hmac"]):
        assert c.hmac(key, message) == c.hmac(key, message[:3], b"", message[3:]) == mac
    for prk, info, okm in blocks(VECTORS["hkdf_expand"]):
        assert c.hmac(prk, info, b"\1") == okm
    keys = c.keys(c.pbkdf2(PASSWORD, SALT, SEALED["iterations"]))
    assert keys.raw[:8].hex() == SEALED["check"]
    for data, aad, blob in blocks(SEALED["blocks"]):
        assert c.seal(keys, data, aad) == blob and c.unseal(keys, blob, aad) == data


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=255), st.sampled_from(["mbedtls", "axtls"]))
def test_c_agrees_with_python(data, aad, library):
    c = codec.Sealing(library)
    keys = c.keys(crypto.pbkdf2(PASSWORD, SALT, SEALED["iterations"]))
    blob = ENVELOPE.seal(data, aad)
    assert c.seal(keys, data, aad) == blob and c.unseal(keys, blob, aad) == data


class Native:
    """Does what _unosql does of sealing; tests/device/test_sealed.py has the real one."""

    KEYS = 456
    c = None

    @classmethod
    def derive(cls, password, salt, iterations, keys):
        keys[:] = cls.c.keys(cls.c.pbkdf2(password, salt, iterations)).raw[: cls.KEYS]

    @classmethod
    def seal(cls, keys, buf, size, aad, ends):
        blob = cls.c.seal(bytes(keys), bytes(buf[:size]), aad)
        ends[:16], buf[: len(blob) - 32], ends[16:] = blob[:16], blob[16:-16], blob[-16:]

    @classmethod
    def unseal(cls, keys, blob, aad):
        data = cls.c.unseal(bytes(keys), bytes(blob), aad)
        blob[16 : 16 + len(data)] = data
        return memoryview(blob)[16 : 16 + len(data)]


def test_images_with_the_native_module_take_it(monkeypatch):
    monkeypatch.setattr(Native, "c", codec.Sealing("mbedtls"))
    monkeypatch.setattr(header, "native", Native)
    monkeypatch.setattr(sealed, "native", Native)
    made, sealer = header.create(PASSWORD, 2)
    twin = crypto.derive(PASSWORD, made.salt, 2)
    assert isinstance(sealer, sealed.Sealed) and sealer.check == twin.check
    for data in (b"", b"x", bytes(31), bytes(32), bytes(300)):
        blob = sealer.seal(data, b"w")
        assert blob == twin.seal(data, b"w") and twin.unseal(blob, b"w") == data
        assert header.decode(made.encode(), "")[0].unlock(PASSWORD, "").unseal(blob, b"w") == data
        assert sealer.unseal(bytearray(blob), b"w", True) == data
    with pytest.raises(ValueError):
        sealer.unseal(blob, b"m")
    with pytest.raises(WrongKeyError):
        header.decode(made.encode(), "")[0].unlock(b"other", "")
    assert [sealer.capacity(limit) for limit in range(48, 200)] == [twin.capacity(limit) for limit in range(48, 200)]


def test_keys_are_forgotten(monkeypatch):
    monkeypatch.setattr(Native, "c", codec.Sealing("mbedtls"))
    monkeypatch.setattr(sealed, "native", Native)
    keys = bytearray(Native.KEYS)
    Native.derive(PASSWORD, SALT, 1, keys)
    sealed.Sealed(keys).forget()
    assert keys == bytes(Native.KEYS)
    other = crypto.derive(PASSWORD, SALT, 1)
    other.forget()
    with pytest.raises(AttributeError):
        other.seal(b"", b"w")
    Plain().forget()


STOPPED = """
import _unosql
keys = bytearray(_unosql.KEYS)
try:
    print("deriving")
    _unosql.derive(b"password", b"salt", 1 << 29, keys)
except KeyboardInterrupt:
    print("stopped", keys == bytearray(_unosql.KEYS))
"""


def test_deriving_can_be_stopped():
    """By Ctrl-C; no half of a key is left."""
    with subprocess.Popen([targets.unix(64), "-c", STOPPED], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "deriving\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "stopped True\n"


def test_damage_never_verifies_in_c(c):
    data, aad = b"some data, over a block", b"s\0\0\0\1saltsalt\0\0\0\0"
    keys = c.keys(bytes(range(32)))
    blob = c.seal(keys, data, aad)
    for bit in range(8 * len(blob)):
        bad = bytearray(blob)
        bad[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(ValueError):
            c.unseal(keys, bytes(bad), aad)
    for place in (b"", aad[:-1], aad + b"\0", aad[:-1] + b"\1", b"w"):
        with pytest.raises(ValueError):
            c.unseal(keys, blob, place)


# -- headers

def test_header_round_trip():
    made, sealer = header.create(PASSWORD, 2)
    found, size = header.decode(made.encode() + b"rest", "file")
    assert size == len(made.encode()) == 32 and found.encode() == made.encode()
    assert found.unlock(PASSWORD, "file").unseal(sealer.seal(b"x", b"w"), b"w") == b"x"
    with pytest.raises(WrongKeyError, match="another key"):
        found.unlock(PASSWORD + b".", "file")
    with pytest.raises(WrongKeyError, match="is encrypted"):
        found.unlock(None, "file")
    plain, sealer = header.create(None, 2)
    assert header.decode(plain.encode(), "file")[1] == 4 and isinstance(sealer, Plain)
    assert isinstance(plain.unlock(None, "file"), Plain) and plain.encode() != made.encode()
    with pytest.raises(WrongKeyError, match="not encrypted"):
        plain.unlock(PASSWORD, "file")


def test_two_salts():
    assert header.create(PASSWORD, 2)[0].encode() != header.create(PASSWORD, 2)[0].encode()


@pytest.mark.parametrize("blob, why", [
    (b"", "not an unosql header"), (b"UQ\1", "not an unosql header"), (b"XX\1\0", "not an unosql header"),
    (b"UQ\3\0", "format version 3"), (b"UQ\0\0", "format version 0"), (b"UQ\1\1" + bytes(27), "cut off"),
    (b"UQ\1\1" + bytes(28), "0 iterations"), (b"UQ\1\1" + bytes(16) + b"\xff" * 4 + bytes(8), "4294967295 iterations")])
def test_bad_header(blob, why):
    with pytest.raises(CorruptionError, match=why) as caught:
        header.decode(blob, "file")
    assert caught.value.where == "file"
