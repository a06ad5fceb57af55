"""Threads, where the port has them."""

try:
    import _thread
except ImportError:  # ESP8266
    _thread = None


def mutex():
    """Return a new lock between threads, for `with` and acquire(0)."""
    return _thread.allocate_lock() if _thread else NoMutex()


def ident():
    """Return what tells this thread from others."""
    return _thread.get_ident() if _thread else 1


class NoMutex:
    """Stands in for a lock where there are no threads."""

    def acquire(self, wait=1):
        return True

    def release(self):
        pass

    __enter__ = acquire

    def __exit__(self, *exc):
        pass
