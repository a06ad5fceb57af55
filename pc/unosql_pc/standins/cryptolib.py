"""Stands in on CPython for MicroPython's cryptolib, over the cryptography package. AES in CBC mode only."""
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MODE_CBC = 2


class aes:
    """cryptolib.aes(key, 2, iv): an object encrypts or decrypts, not both, as on the device; state runs on."""

    def __init__(self, key, mode, IV=None):
        if mode != MODE_CBC:
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        self._cipher = Cipher(algorithms.AES(bytes(key)), modes.CBC(bytes(IV)))
        self._context = None
        self._direction = None

    def encrypt(self, in_buf, out_buf=None):
        return self._update("encryptor", in_buf, out_buf)

    def decrypt(self, in_buf, out_buf=None):
        return self._update("decryptor", in_buf, out_buf)

    def _update(self, direction, in_buf, out_buf):
        if self._direction not in (None, direction):
            raise ValueError("can't mix encrypt and decrypt")
        if len(in_buf) % 16:
            raise ValueError("blksize % 16")
        if self._context is None:
            self._direction = direction
            self._context = getattr(self._cipher, direction)()
        out = self._context.update(bytes(in_buf))
        if out_buf is None:
            return out
        if len(out_buf) < len(out):
            raise ValueError("output too small")
        out_buf[: len(out)] = out
        return out_buf
