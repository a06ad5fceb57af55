"""Who may use a database: one process (from open to close), and in it one thread at a time (for each operation).

A callback, a signal handler or a finalizer runs between any two bytecodes of the thread that it interrupts, to its end.
Waiting for that thread would last for ever, so what it calls raises BusyError.
"""

import os
import time

from . import state
from .errors import BusyError, LockTimeoutError
from .port import ms
from .threads import ident, mutex

try:
    from .processes import ProcessLock
except ImportError:  # an image of a board, which has one process
    ProcessLock = None

LOCK_TIMEOUT = 5000
FOREVER = 1 << 29  # milliseconds
_POLL = 5


def _sleep(ms):
    if hasattr(time, "sleep_ms"):
        time.sleep_ms(ms)
    else:
        time.sleep(ms / 1000)


class Lock:
    """The lock of one database.

    path: of the lock between processes, in the database's directory; None when it has none. timeout: ms to wait, for
    threads and for processes. name: of a database without a directory. As a context manager it keeps other threads
    out; the thread inside may enter again between pause() and resume() only.
    """

    def __init__(self, path, timeout=LOCK_TIMEOUT, name=None):
        self._path = path
        self._timeout = timeout
        self._name = name
        self._what = path or name
        self._processes = ProcessLock(path) if path and ProcessLock else None
        self._token = None
        self._mutex = mutex()
        self._thread = None  # the one inside
        self._claim = None  # one that is about to be inside, or just was: what interrupts it there must not wait for it
        self._busy = False  # whether the thread inside is at work, rather than the user's code between two calls
        self._depth = 0

    def open(self):
        """Take the database for this object. LockTimeoutError when another process, or object here, keeps it."""
        if self._what:
            self._wait(self._register)
        if self._processes:
            try:
                self._processes.open(self._wait)
            except BaseException:
                self.close()
                raise

    def close(self):
        """Give it back; nothing when it was not taken."""
        if self._processes:
            self._processes.close()
        state.held.discard(self._token)
        self._token = None

    def _register(self):
        token = self._path or ":" + self._name
        if self._path and token[0] != "/":
            token = os.getcwd() + "/" + token
        with state.registry:
            if token in state.held:
                return False
            state.held.add(token)
        self._token = token
        return True

    def _wait(self, attempt):
        start = ms()
        while not attempt():
            if ms(start) >= self._timeout:
                raise LockTimeoutError("%s: in use elsewhere for over %d ms; close it there" % (self._what, self._timeout))
            _sleep(_POLL)

    def is_interrupted(self):
        """Whether the code that asks has interrupted this thread within the lock, or on its way in or out."""
        me = ident()
        return self._claim == me or self._busy and self._thread == me

    def is_inside(self):
        """Whether this thread is within the lock."""
        return self._thread == ident()

    def check(self):
        """Raise BusyError for code that has interrupted this thread in a call."""
        if self.is_interrupted():
            raise BusyError("this interrupts another call, as a timer's callback does: only post() may do that")

    def __enter__(self):
        # what interrupts this leaves all as it was: each step is right whether that comes before or after it
        self.check()
        me = ident()
        if self._thread != me:
            self._claim = me
            got = False
            try:
                got = self._mutex.acquire(0)
                if not got:
                    self._wait(self._acquire)
                self._busy = True
                self._thread = me
            finally:
                self._claim = None
                if got and self._thread != me:  # Ctrl-C
                    self._mutex.release()
        self._busy = True
        self._depth += 1
        return self

    def _acquire(self):
        return self._mutex.acquire(0)

    def is_nested(self):
        """Whether the call at hand is within another one, which has paused."""
        return self._depth > 1

    def pause(self):
        """Let this thread enter again, until resume(): what runs next is the user's code."""
        self._busy = False

    def resume(self):
        self._busy = True

    def __exit__(self, *exc):
        if self._depth > 1:
            self._depth -= 1
            self._busy = False  # the call around this one has paused
            return
        self._claim = self._thread
        self._depth = 0
        self._busy = False
        self._thread = None
        try:
            self._mutex.release()
        finally:
            self._claim = None  # Ctrl-C may have come
