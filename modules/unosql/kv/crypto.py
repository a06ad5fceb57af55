"""Encrypted envelope: AES-256-CBC with a synthetic IV, then HMAC-SHA256 (encrypt-then-MAC).

Keys: PBKDF2-HMAC-SHA256 (RFC 8018, 5.2) of the password, then HKDF-Expand (RFC 5869, 2.3)
into separate keys. A sealed block is IV (16) ciphertext tag (16). docs/SECURITY.md argues it.
"""

import hashlib

import cryptolib

_CBC = 2
_BLOCK = 16
_TAG = 16


class Hmac:
    """HMAC-SHA256 (RFC 2104) with one key. MicroPython's sha256 can't copy(): keep the pads."""

    def __init__(self, key):
        if len(key) > 64:
            key = hashlib.sha256(key).digest()
        key = key + bytes(64 - len(key))
        self._inner = bytes(b ^ 0x36 for b in key)
        self._outer = bytes(b ^ 0x5C for b in key)

    def digest(self, *parts):
        """Return the 32-byte MAC over the parts, one after the other."""
        inner = hashlib.sha256(self._inner)
        for part in parts:
            inner.update(part)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()


def pbkdf2(password, salt, iterations):
    """Return PBKDF2-HMAC-SHA256's first 32 bytes (RFC 8018, 5.2). All bytes, iterations >= 1."""
    mac = Hmac(password)
    last = mac.digest(salt, b"\0\0\0\1")
    total = int.from_bytes(last, "big")
    for _ in range(iterations - 1):
        last = mac.digest(last)
        total ^= int.from_bytes(last, "big")
    return total.to_bytes(32, "big")


def expand(key, info):
    """Return the first 32 bytes of HKDF-Expand (RFC 5869, 2.3)."""
    return Hmac(key).digest(info, b"\1")


def derive(password, salt, iterations):
    """Return the Sealed envelope of a password (bytes)."""
    return Sealed(pbkdf2(password, salt, iterations))


def same(a, b):
    """Compare byte strings in time that depends on their lengths only."""
    if len(a) != len(b):
        return False
    diff = 0
    for x, y in zip(a, b):
        diff |= x ^ y
    return not diff


class Sealed:
    """seal() and unseal() under keys expanded from a 32-byte master key.

    check: eight bytes that tell a wrong key from damage, and nothing else about the key.
    """

    def __init__(self, master):
        self._key = expand(master, b"unosql encryption")
        self._mac = Hmac(expand(master, b"unosql authentication"))
        self._iv = Hmac(expand(master, b"unosql iv"))
        self.check = expand(master, b"unosql key check")[:8]

    def seal(self, data, aad):
        """Return data encrypted and authenticated together with aad."""
        buf = memoryview(bytearray(len(data) + _BLOCK))
        buf[: len(data)] = data
        iv, text, tag = self.seal_parts(buf, len(data), aad)
        return iv + bytes(text) + tag

    def seal_parts(self, buf, size, aad):
        """Seal the first size bytes of buf (memoryview), in place, with 16 more; return the block in parts."""
        length = bytes((len(aad),))
        iv = self._iv.digest(length, aad, buf[:size])[:_BLOCK]
        pad = _BLOCK - size % _BLOCK
        buf[size : size + pad] = bytes((pad,)) * pad
        text = buf[: size + pad]
        cryptolib.aes(self._key, _CBC, iv).encrypt(text, text)
        return iv, text, self._mac.digest(length, aad, iv, text)[:_TAG]

    def unseal(self, blob, aad, in_place=False):
        """Return the data of a sealed block. ValueError when it does not verify. in_place: overwrite it in blob."""
        if len(blob) < _BLOCK * 2 + _TAG or len(blob) % _BLOCK:
            raise ValueError("not a sealed block")
        view = memoryview(blob)
        iv, text = bytes(view[:_BLOCK]), view[_BLOCK:-_TAG]
        tag = self._mac.digest(bytes((len(aad),)), aad, iv, text)[:_TAG]
        if not same(tag, view[-_TAG:]):
            raise ValueError("authentication failed")
        data = text if in_place else bytearray(len(text))
        cryptolib.aes(self._key, _CBC, iv).decrypt(text, data)
        return data[: -data[-1]]

    @property
    def keys(self):
        """For native.unpack(), the twin's: what unseals."""
        return self

    def forget(self):
        """Let go of the keys; the collector wipes nothing, so they stay in the heap until it is used again."""
        self._key = self._mac = self._iv = None

    def capacity(self, limit):
        """The most bytes whose sealed form has at most limit bytes."""
        return (limit - _BLOCK - _TAG) // _BLOCK * _BLOCK - 1
