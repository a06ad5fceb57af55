"""Sealed messages, where the carrier is not to be trusted: each device has a key of its own, made of the sink's.

With a key the sink takes nothing that is not sealed. docs/FORMAT.md has the bytes.
"""
import functools
import hashlib
import hmac

from ..terminal import Failure, shown
from .protocol import LARGEST, Torn

from unosql.kv import crypto

MARK = b"\1"
_SALT = b"unosql sync"


def read_key(file):
    """Return the sink's key, 32 bytes, of a file with 64 hex digits."""
    with open(file) as opened:
        text = opened.read().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Failure("%s: a key has 64 hex digits; `openssl rand -hex 32` makes one" % shown(file))
    return key


def key_of(key, device):
    """Return a device's key, 32 bytes."""
    return hmac.digest(key, b"sync" + device.encode(), hashlib.sha256)


class Envelope:
    """key: the sink's, 32 bytes."""

    def __init__(self, key):
        self._of = functools.lru_cache(100_000)(lambda device: crypto.derive(key_of(key, device), _SALT, 1))

    def open(self, device, payload):
        """Return what is in a sealed message from a device. Torn: it is none, or of another."""
        if payload[:1] != MARK:
            raise Torn("it is not sealed")
        if len(payload) > LARGEST:
            raise Torn("%d bytes, and %d are the most" % (len(payload), LARGEST))
        try:
            return self._of(device).unseal(payload[1:], b"u1u" + device.encode())
        except ValueError:
            raise Torn("it is sealed with another key, or damaged") from None

    def seal(self, device, message):
        """Return bytes for a device, sealed."""
        return MARK + self._of(device).seal(message, b"u1d" + device.encode())
