"""Who may use a database: one process (from open to close), and in it one thread at a time (for each operation)."""

import os
import sys
import time

from . import heap
from .errors import LockTimeoutError

try:
    import _thread
except ImportError:  # ESP8266
    _thread = None

LOCK_TIMEOUT = 5000
_POLL = 5
_held = set()  # what this process holds: directories of databases, or names of those on flash, and owners of locks
_serial = 0  # of the last lock between processes

if hasattr(time, "ticks_ms"):
    _now, _since, _sleep = time.ticks_ms, time.ticks_diff, time.sleep_ms
else:

    def _now():
        return int(time.monotonic() * 1000)

    def _since(end, start):
        return end - start

    def _sleep(ms):
        time.sleep(ms / 1000)


if _thread:
    mutex = _thread.allocate_lock  # a new lock between threads, for `with` and acquire(0)
else:

    class mutex:
        """Stands in for it where there are no threads."""

        def acquire(self, wait=1):
            return True

        def release(self):
            pass

        __enter__ = acquire

        def __exit__(self, *exc):
            pass


_registry = mutex()


class Lock:
    """The lock of one database.

    path: of the lock between processes, in the database's directory; None when it has none. timeout: ms to wait, for
    threads and for processes. name: of a database without a directory. As a context manager it keeps other threads
    out; the thread inside may enter again.
    """

    def __init__(self, path, timeout=LOCK_TIMEOUT, name=None):
        self._path = path
        self._timeout = timeout
        self._name = name
        self._what = path or name
        self._owner = self._token = self._thread = None
        self._mutex = mutex()
        self._depth = 0

    def open(self):
        """Take the database for this object. LockTimeoutError when another process, or object here, keeps it."""
        if self._what:
            self._wait(self._register)
        if self._path and (sys.platform == "linux" or sys.platform == "darwin" and hasattr(os, "getpid")):
            self._open_among_processes()

    def _open_among_processes(self):
        global _serial
        try:
            from . import processes

            _serial += 1
            self._owner = processes.owner(_serial)
            self._wait(lambda: processes.take(self._path, self._owner, _held))
        except BaseException:
            self.close()
            raise
        finally:
            heap.unload("processes")

    def close(self):
        """Give it back; nothing when it was not taken."""
        if self._owner:
            from . import processes

            processes.release(self._path, self._owner, _held)
            heap.unload("processes")
        _held.discard(self._token)
        self._owner = self._token = None

    def _register(self):
        token = self._path or ":" + self._name
        if self._path and token[0] != "/":
            token = os.getcwd() + "/" + token
        with _registry:
            if token in _held:
                return False
            _held.add(token)
        self._token = token
        return True

    def _wait(self, attempt):
        start = _now()
        while not attempt():
            if _since(_now(), start) >= self._timeout:
                raise LockTimeoutError("%s: in use elsewhere for over %d ms; close it there" % (self._what, self._timeout))
            _sleep(_POLL)

    def __enter__(self):
        if _thread and self._thread != _thread.get_ident():
            self._wait(self._acquire)
            self._thread = _thread.get_ident()
        self._depth += 1
        return self

    def _acquire(self):
        return self._mutex.acquire(0)

    def __exit__(self, *exc):
        self._depth -= 1
        if not self._depth and _thread:
            self._thread = None
            self._mutex.release()
