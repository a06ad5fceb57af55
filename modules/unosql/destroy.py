"""Removing a whole database."""

import os

from .errors import LockTimeoutError
from .place import opened


def destroy(place, timeout):
    """Remove all that is stored at a Place, and the log files; return whether there was anything of the database.

    Within `opening`. timeout: milliseconds to wait for another process. LockTimeoutError when the database is open, OSError.
    """
    place.check()
    if opened(place):
        raise LockTimeoutError("%s is open here: close it first" % place.name)
    lock = place.lock(timeout)
    lock.open()
    try:
        found = _empty(place.storage())
    finally:
        lock.close()
    for ending in (".log", ".log.1"):
        try:
            os.remove(place.base + ending)
        except OSError:
            pass  # never written
    return found


def _empty(storage):
    storage.open()
    try:
        found = storage.exists
        storage.destroy()
    finally:
        storage.close()
    return found
