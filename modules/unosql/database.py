"""An open database: logging, posts, and who may use it. core.py has the calls on it, place.py what only opening takes."""

import hashlib

from . import heap, shared
from .documents.arguments import check_name
from .documents.catalog import Catalog
from .documents.record import check, dumps
from .documents.shortage import try_promise
from .errors import BusyError, ClosedError, ConflictError, UniqueError, UnosqlError
from .kv.store import Store
from .logger import Logger
from .posts import tell, write

LEVELS = ("DEBUG", "INFO", "ERROR", "NONE")


def digest_of(password):
    """Return what tells whether two keys (bytes or None) are the same."""
    return hashlib.sha256(password or b"").digest()


class Database:
    """The store and the catalogue of one database, for one thread at a time: a context manager that gives the Catalog.

    place: a place.Place, which is needed only for this. base: what the names of its files start with. posted: what post()
    has queued, tuples of a collection's name and a record as JSON; posts.py writes it. turn, watching: of aio.py; who is
    watching is called with the Catalog at the end of each call, and with None when a handle is closed.
    """

    turn = watching = None

    def __init__(self, place, password, iterations, level, durability, history, memtable, log_size, posts, timeout):
        self.handles = 0
        self.abandoned = False  # the transaction at hand ended in the middle of one of its calls
        self.posted = []
        self.overflow = [0, 0]  # records that were one too many; the second is for post() within post()
        self.tried = None, 0  # what posts.py is about to write, and the id that it gets
        self.stopped = None  # the error that keeps what is queued from being written
        self.refused = 0  # posted records that the database did not take
        self.refusal = None  # the last error of these, until someone is told
        self._posts = posts
        self.password = password  # backups made elsewhere have salts of their own
        self.digest = digest_of(password)
        self.iterations = iterations
        self.name = place.name
        self.base = place.base
        self._identity = place.identity
        self.in_directory = place.in_directory
        self._shares_flash = place.shares_flash
        self._level = LEVELS.index(level)
        self._log_size = log_size
        self.lock = place.lock(timeout)
        self.lock.open()
        try:
            self._open_store(place, history, memtable, durability)
        except BaseException as error:
            self.lock.close()
            self.note("ERROR", "not opened: %r" % (error,))
            raise
        self.note("INFO", "opened")

    def _open_store(self, place, history, memtable, durability):
        self._catalog = Catalog(history)
        storage = place.storage()
        memtable = memtable or place.suited(storage)
        heap.tidy(4)
        try:
            self._store = Store(storage, self._catalog, memtable)
        except MemoryError:  # the heap has no such gap: a smaller memtable will do
            self._store = Store(storage, self._catalog, 1024)
        self._catalog.store = self._store
        self._catalog.largest = self._store.memtable.capacity
        self._store.open(self.password, self.iterations, durability == "batch")

    def detach(self):
        """Take one handle off; the last one closes the database."""
        self.lock.check()
        if self.watching:
            self.watching(None)
        with shared.opening:
            if self.handles > 1:
                self.handles -= 1
                return
            with self.lock:
                del shared.databases[self._identity]
                self._close()

    def _close(self):
        try:
            self._end_abandoned()
            self._write_posts()
            self._store.flush_buffered()
        finally:
            left, self.posted = self.posted, None
            try:
                self._store.close()
            finally:
                self.lock.close()
                self.note("INFO", "closed")
        if self.stopped or self.refusal:
            tell(self)
        if left:
            raise UnosqlError("%d posted records are lost" % len(left))

    def __enter__(self):
        if self._shares_flash and not shared.taking.is_inside():
            shared.taking.check()  # here rather than half-way through a write
        self.lock.__enter__()
        try:
            self._end_abandoned()
            self._store.ready()
            if self._catalog.promise and not self._catalog.in_transaction:
                try_promise(self._catalog)
                self._store.ready()
            if self.posted:
                self._write_posts()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self._catalog

    def __exit__(self, kind, error, traceback):
        try:
            if isinstance(error, (UnosqlError, OSError)) and not isinstance(error, (ConflictError, UniqueError)):
                self.note("ERROR", "%r" % (error,))
        finally:
            abandoned, self.abandoned = self.abandoned and self.lock.is_nested(), False
            self.lock.__exit__()
            if abandoned:
                self.lock.__exit__()
            if self.watching and self.posted is not None:
                self.watching(self._catalog)

    def use(self, call, name="", level="DEBUG"):
        """Return a context manager that keeps other threads out and gives the Catalog. It notes the call."""
        return Logged(self, level, "%s %s" % (call, name)) if self.logs(level) else self

    def settled(self, call, name=""):
        """The same for calls that can't be part of a transaction."""
        with self.use(call, name, "INFO") as catalog:
            if catalog.in_transaction:
                raise ValueError("%s within a transaction" % call)
        return self

    def _end_abandoned(self):
        """Roll back a transaction that nobody is in any more: it ended within a call, or Ctrl-C came while it began."""
        if self._catalog.in_transaction and not self.lock.is_nested():
            self._catalog.rollback()

    def pulled(self, rows):
        """Yield from a user's iterable within a call; while it works it may call the database."""
        source = None
        while True:
            self.lock.pause()
            try:
                source = source or iter(rows)
                row = next(source)
            except StopIteration:
                return
            finally:
                self.lock.resume()
            yield row

    def post(self, name, record):
        """Queue a record for the next call; False when there is no room. It may interrupt anything, itself too."""
        name = check_name(name)
        check(record)
        text = dumps(record)
        if len(text) > self._catalog.largest:
            raise ValueError("%d bytes are too large for the memtable of %d" % (len(text), self._catalog.largest))
        try:
            with shared.posting:
                return self._queue((name, text), 0)
        except BusyError:  # within another post() of this thread, which keeps the other threads out
            return self._queue((name, text), 1)

    def _queue(self, item, inner):
        posted = self.posted
        if posted is None:
            raise ClosedError("the database is closed")
        if len(posted) >= self._posts:
            self.overflow[inner] += 1
            return False
        posted.append(item)
        return True

    def _write_posts(self):
        """Write what is queued, unless it would become part of the transaction at hand."""
        if self.posted and not self._catalog.in_transaction:
            self.stopped = write(self, self._catalog)
            self._store.ready()

    def logs(self, level):
        """Whether messages of a level go to the log."""
        return LEVELS.index(level) >= self._level

    def note(self, level, message):
        """Write a message to the log if it is of the level asked for."""
        if self.logs(level):
            Logger(self.base + ".log", self._log_size).write(level, message)

    def rekeying(self, catalog, password, iterations):
        """Steps: rewrite everything under another key."""
        yield from catalog.store.rekeying(password, iterations)
        self.password, self.digest, self.iterations = password, digest_of(password), iterations


def check_state(catalog, restored):
    """Raise UnosqlError when restore() was called since catalog.restored had this value."""
    if catalog.restored != restored:
        raise UnosqlError("restore() has put another state in place since this began: begin again")


class Logged:
    """A Database as a context manager that logs a line first: within the lock, where the log has one writer."""

    def __init__(self, database, level, message):
        self._database = database
        self._entry = level, message

    def __enter__(self):
        catalog = self._database.__enter__()
        try:
            self._database.note(*self._entry)
        except BaseException as error:
            self._database.__exit__(type(error), error, None)
            raise
        return catalog

    def __exit__(self, *how):
        self._database.__exit__(*how)
