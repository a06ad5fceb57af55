"""MicroPython's cryptolib, which its build for browsers leaves out: AES in CBC mode, by the page."""
from uctypes import addressof

import unosql_port

_CBC = 2


class aes:
    """cryptolib.aes(key, 2, iv): an object encrypts or decrypts, not both; what it is called with is one long text."""

    def __init__(self, key, mode, IV=None):
        if mode != _CBC:
            raise ValueError("mode")
        if len(key) not in (16, 32) or IV is None or len(IV) != 16:
            raise ValueError("key")
        self._key, self._iv = bytes(key), bytearray(IV)
        self._is_encrypting = None

    def encrypt(self, in_buf, out_buf=None):
        return self._update(True, in_buf, out_buf)

    def decrypt(self, in_buf, out_buf=None):
        return self._update(False, in_buf, out_buf)

    def _update(self, encrypting, source, target):
        if self._is_encrypting not in (None, encrypting):
            raise ValueError("can't mix encrypt and decrypt")
        if len(source) % 16:
            raise ValueError("blksize % 16")
        self._is_encrypting = encrypting
        out = bytearray(len(source)) if target is None else target
        if len(out) < len(source):
            raise ValueError("output too small")
        unosql_port.aes(encrypting, addressof(self._key), len(self._key), addressof(self._iv), addressof(source), addressof(out), len(source))
        return bytes(out) if target is None else target
