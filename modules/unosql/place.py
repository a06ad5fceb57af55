"""Where a database is, and opening it there."""

import os
import sys

from . import heap, shared
from .database import Database, digest_of
from .errors import WrongKeyError
from .locks import Lock
from .spelling import same
from .storage.files import Files
from .storage.flash import Flash

# Of the names of databases, and of devices.
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
# Bytes of the least memtable, and which part of a small medium one has.
_SMALL = 2048
_SHARE = 64


def attach(place, key, **options):
    """Return the Database at a Place, opening it unless it is open; within `opening`.

    key: see core.Unosql; options: of Database.
    """
    password = key_bytes(key)
    place.check()
    database = opened(place)
    if not database:
        database = shared.databases[place.identity] = Database(place, password, **options)
    elif database.digest != digest_of(password):
        raise WrongKeyError("%s is open under another key" % place.name)
    database.handles += 1
    return database


def opened(place):
    """The open Database at a Place, or None. Within `opening`."""
    found = shared.databases.get(place.identity)
    if not found and place.in_directory:
        for database in shared.databases.values():
            if database.in_directory:
                if same(database.base + ".udb", place.base + ".udb"):
                    return database
    return found


def key_bytes(key):
    """Check a user's key and return it as bytes, or None."""
    if isinstance(key, str) and key:
        return key.encode()
    if key is None or isinstance(key, (bytes, bytearray)) and len(key) >= 8:
        return key and bytes(key)
    raise ValueError("encryption_key is 16 bytes, a passphrase, or None")


class Place:
    """Where a database is kept. name: db_name. path, storage: as given to core.Unosql."""

    def __init__(self, name, path, storage):
        if not isinstance(name, str) or not 0 < len(name) <= 32 or name.strip(LETTERS):
            raise ValueError("db_name is 1 to 32 letters, digits, '_' or '-', not %r" % (name,))
        self.name = name
        self.base = _absolute(path or ".") + name  # what the names of its files start with
        self.identity = self.base
        self.device = None
        if storage is None:
            self._find_partition(path)
        elif hasattr(storage, "readblocks"):
            self.device = storage
            self.identity = "%s@%d" % (name, id(storage))
        elif hasattr(storage, "readinto"):
            self.identity = id(storage)
        else:
            raise ValueError("storage is a Files or Flash object or a block device, not %r" % (storage,))
        self.in_directory = self.identity == self.base  # the base tells where the database is
        self._storage = storage
        self.shares_flash = self.device is not None or getattr(storage, "shared", False)

    def _find_partition(self, path):
        if path is None:
            try:
                from unosql_board import partition
            except ImportError:
                return
            self.device = partition()
            self.identity = self.name

    def storage(self):
        """Return the storage object."""
        if self.device:
            return Flash(self.device, self.name)
        if self._storage:
            return self._storage
        return Files(self.base + ".udb")

    def suited(self, storage):
        """A memtable size, in bytes, that suits heap and medium: 2 KB, with which the store saves RAM, or up to 8 KB.

        The larger it is the more of the medium is kept back for a flush: see space.py.
        """
        free = heap.free()
        size = 4096 if free is None else min(free // 16, 8192) if free >= 65536 else _SMALL
        return size if size == _SMALL else max(_SMALL, min(size, storage.total() // _SHARE))

    def check(self):
        """Raise BusyError within a call that something has interrupted, on this database or of this flash."""
        if self.shares_flash and not shared.taking.is_inside():
            shared.taking.check()
        if self.identity in shared.databases:
            shared.databases[self.identity].lock.check()

    def lock(self, timeout):
        """Return the Lock. timeout: milliseconds."""
        if self.in_directory:
            return Lock(self.base + ".udb/lock", timeout)
        return Lock(None, timeout, str(self.identity))


def _absolute(path):
    """Return a directory as an absolute path with a slash at its end: the current directory may change.

    It is the same for all ways to write it but upper and lower case, and ".." where there may be links.
    """
    if path[:1] != "/":
        path = os.getcwd() + "/" + path
    parts = []
    for part in path.split("/"):
        if part == ".." and sys.platform not in ("linux", "darwin"):
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part + "/")
    return ("/" if path[0] == "/" else "") + "".join(parts)
