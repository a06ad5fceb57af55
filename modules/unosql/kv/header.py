"""The clear-text header of manifests and backups: format version, and how the key is derived.

b"UQ" version flags, then, when encrypted: salt (16) iterations (4, big-endian) key check (8).
"""

import os

from ..errors import CorruptionError, WrongKeyError
from .compression import native
from .envelope import Plain

MAGIC = b"UQ"
VERSION = 2  # written; earlier ones are read
_ENCRYPTED = 1
_SIZE = 4
_SALT = 16
_KEY_SIZE = _SALT + 4 + 8
_MAX_ITERATIONS = 10000000  # a forged header must not keep us deriving for ever


class Header:
    """How a file is sealed. salt is None in plain files."""

    def __init__(self, salt=None, iterations=0, check=b""):
        self.salt = salt
        self.iterations = iterations
        self.check = check

    def encode(self):
        """Return the header's bytes."""
        if self.salt is None:
            return MAGIC + bytes((VERSION, 0))
        start = MAGIC + bytes((VERSION, _ENCRYPTED))
        return start + self.salt + self.iterations.to_bytes(4, "big") + self.check

    def unlock(self, password, where):
        """Return the envelope. WrongKeyError when password (bytes or None) does not fit."""
        if self.salt is None:
            if password is not None:
                raise WrongKeyError("%s is not encrypted, but a key was given" % where)
            return Plain()
        if password is None:
            raise WrongKeyError("%s is encrypted: give the key" % where)
        envelope = derive(password, self.salt, self.iterations)
        if envelope.check != self.check:
            raise WrongKeyError("%s was made with another key" % where)
        return envelope


def create(password, iterations):
    """Return a new (header, envelope) for a password (bytes, or None: plain)."""
    if password is None:
        return Header(), Plain()
    salt = os.urandom(_SALT)
    envelope = derive(password, salt, iterations)
    return Header(salt, iterations, envelope.check), envelope


def derive(password, salt, iterations):
    """Return the envelope of a password (bytes): of C where that is part of the image, which a port without AES lacks."""
    if hasattr(native, "derive"):
        from .sealed import derive
    else:
        from .crypto import derive
    return derive(password, salt, iterations)


def decode(blob, where):
    """Return (header, its size) of the bytes at the start of blob. CorruptionError if it is none."""
    if len(blob) < _SIZE or bytes(blob[:2]) != MAGIC:
        raise CorruptionError(where, 0, "not an unosql header")
    if not 1 <= blob[2] <= VERSION:
        raise CorruptionError(where, 2, "format version %d, this code reads 1 to %d" % (blob[2], VERSION))
    if not blob[3] & _ENCRYPTED:
        return Header(), _SIZE
    if len(blob) < _SIZE + _KEY_SIZE:
        raise CorruptionError(where, _SIZE, "header is cut off")
    key = bytes(blob[_SIZE : _SIZE + _KEY_SIZE])
    iterations = int.from_bytes(key[_SALT : _SALT + 4], "big")
    if not 0 < iterations <= _MAX_ITERATIONS:
        raise CorruptionError(where, _SIZE + _SALT, "%d iterations" % iterations)
    return Header(key[:_SALT], iterations, key[_SALT + 4 :]), _SIZE + _KEY_SIZE
