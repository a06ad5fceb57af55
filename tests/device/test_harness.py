"""What the other device tests stand on: directories of their own, the helpers, the interpreter's modules."""
import os

from runner import files, raises, remove_tree, same


def test_starts_in_an_empty_directory():
    same(list(files()), [])
    os.mkdir("sub")
    for name in ("one", "sub/two"):
        with open(name, "w") as f:
            f.write("x")
    same(list(files()), ["./one", "./sub/two"])
    remove_tree("sub")
    same(list(files()), ["./one"])


def test_next_directory_is_empty_again():
    same(list(files()), [])


def test_raises_checks_class_and_words():
    def fail(x):
        raise ValueError("bad x: %d" % x)

    same(str(raises(ValueError, ("bad", "3"), fail, 3)), "bad x: 3")
    for wrong in ((ValueError, "worse"), (ValueError, ("bad", "4"))):
        try:
            raises(wrong[0], wrong[1], fail, 3)
        except AssertionError:
            continue
        raise RuntimeError("raises() let a wrong message pass")
    try:
        raises(ValueError, "", len, "")
    except AssertionError:
        return
    raise RuntimeError("raises() let a missing error pass")


def test_same_shows_both():
    e = raises(AssertionError, ("1", "2"), same, 1, 2)
    assert "is not" in str(e)


def test_modules_of_the_image():
    """The seed's README lists these as what the database needs."""
    import binascii, cryptolib, hashlib, json, random, time
    import ujson, uos, uhashlib, utime, ubinascii

    same(ujson.loads("[1]"), json.loads("[1]"))
    same(ubinascii.hexlify(uhashlib.sha256(b"abc").digest())[:8], b"ba7816bf")
    assert utime.time() > 0
    assert len(uos.urandom(8)) == 8 and uos.urandom(8) != uos.urandom(8)
    del binascii, cryptolib, hashlib, random, time


def test_aes_cbc_vector():
    """NIST SP 800-38A, F.2.1, first block."""
    from binascii import unhexlify
    import cryptolib

    key = unhexlify("2b7e151628aed2a6abf7158809cf4f3c")
    iv = bytes(range(16))
    text = unhexlify("6bc1bee22e409f96e93d7e117393172a")
    sealed = unhexlify("7649abac8119b246cee98e9b12e9197d")
    same(cryptolib.aes(key, 2, iv).encrypt(text), sealed)
    same(cryptolib.aes(key, 2, iv).decrypt(sealed), text)
