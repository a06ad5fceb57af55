"""An open database: opening, sharing, locking and logging. core.py has the calls on it."""

import hashlib
import os
import sys

from . import heap
from .catalog import Catalog
from .errors import UniqueError, UnosqlError, WrongKeyError
from .locks import Lock, mutex

LEVELS = ("DEBUG", "INFO", "ERROR", "NONE")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
databases = {}  # by what they are stored on: all handles in this process share one Database
opening = mutex()


def attach(place, key, **options):
    """Return the Database at a Place, opening it unless it is open. key: see core.Unosql; options: of Database."""
    password = key_bytes(key)
    with opening:
        database = opened(place)
        if not database:
            database = databases[place.identity] = Database(place, password, **options)
        elif database.digest != _digest(password):
            raise WrongKeyError("%s is open under another key" % place.name)
        database.handles += 1
        return database


def opened(place):
    """The open Database at a Place, or None. For holders of `opening`."""
    found = databases.get(place.identity)
    if not found and place.in_directory:
        for database in databases.values():
            if database.place.in_directory:
                from .spelling import same

                if same(database.place.base + ".udb", place.base + ".udb"):
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
        if not isinstance(name, str) or not 0 < len(name) <= 32 or [c for c in name if c not in _LETTERS]:
            raise ValueError("db_name is 1 to 32 letters, digits, '_' or '-', not %r" % (name,))
        self.name = name
        self.base = _absolute(path or ".") + name  # what the names of its files start with
        self.identity = self.base
        self._device = None
        if storage is None:
            self._find_partition(path)
        elif hasattr(storage, "readblocks"):
            self._device = storage
            self.identity = "%s@%d" % (name, id(storage))
        elif hasattr(storage, "readinto"):
            self.identity = id(storage)
        else:
            raise ValueError("storage is a Files or Flash object or a block device, not %r" % (storage,))
        self._storage = storage

    def _find_partition(self, path):
        if path is None:
            try:
                from unosql_board import partition
            except ImportError:
                return
            self._device = partition()
            self.identity = self.name

    @property
    def in_directory(self):
        """Whether the base tells where the database is."""
        return self.identity == self.base

    def storage(self):
        """Return the storage object."""
        if self._device:
            from .flash import Flash

            return Flash(self._device, self.name)
        if self._storage:
            return self._storage
        from .files import Files

        return Files(self.base + ".udb")

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


def _suited():
    """A memtable size, in bytes, that suits the heap: 2 KB, with which the store is thrifty, or 4 to 8 KB."""
    free = heap.free()
    if free is None:
        return 4096
    return 2048 if free < 65536 else min(free // 16, 8192)


def _digest(password):
    return hashlib.sha256(password or b"").digest()


class Database:
    """The store and the catalogue of one database, for one thread at a time: a context manager that gives the Catalog."""

    def __init__(self, place, password, iterations, level, durability, history, memtable, log_size, timeout):
        self.handles = 0
        self.password = password  # backups made elsewhere have salts of their own
        self.digest = _digest(password)
        self.iterations = iterations
        self.place = place
        self._level = LEVELS.index(level)
        self._log_size = log_size
        self._lock = place.lock(timeout)
        self._lock.open()
        try:
            self._open_store(history, memtable, durability)
        except BaseException as error:
            self._lock.close()
            self.note("ERROR", "not opened: %r" % (error,))
            raise
        self.note("INFO", "opened")

    def _open_store(self, history, memtable, durability):
        from .store import Store

        self._catalog = Catalog(history)
        storage = self.place.storage()
        heap.unload(*heap.SELDOM)  # of a database before this one: they lie where a memtable has room
        heap.tidy()
        try:
            self._store = Store(storage, self._catalog, memtable or _suited())
        except MemoryError:  # the heap has no such gap: a smaller memtable will do
            self._store = Store(storage, self._catalog, 1024)
        self._catalog.store = self._store
        self._store.open(self.password, self.iterations)
        self._store.batched = durability == "batch"

    def detach(self):
        """Take one handle off; the last one closes the database."""
        with opening:
            self.handles -= 1
            if not self.handles:
                del databases[self.place.identity]
                self._close()

    def _close(self):
        with self._lock:
            try:
                self._store.flush_batch()
            finally:
                try:
                    self._store.close()
                finally:
                    self._lock.close()
        self.note("INFO", "closed")

    def __enter__(self):
        self._lock.__enter__()
        try:
            self._store.ready()
            if self._catalog.promise:
                from .shortage import keep_promise

                keep_promise(self._catalog)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self._catalog

    def __exit__(self, kind, error, traceback):
        self._lock.__exit__()
        if isinstance(error, (UnosqlError, OSError)) and not isinstance(error, UniqueError):
            self.note("ERROR", "%r" % (error,))

    def note(self, level, message):
        """Write a message to the log if it is of the level asked for."""
        if LEVELS.index(level) >= self._level:
            from .logger import Logger

            Logger(self.place.base + ".log", self._log_size).write(level, message)

    def rekey(self, password, iterations):
        """Rewrite everything under another key."""
        self._store.rekey(password, iterations)
        self.password, self.digest, self.iterations = password, _digest(password), iterations
