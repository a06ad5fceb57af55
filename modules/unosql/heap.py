"""The heap of MicroPython, whose allocator takes the first gap that fits and never moves an object."""

import gc
import sys

# A larger heap has gaps enough, and collecting takes time by its size.
_SMALL = 256 * 1024
# Less than a scan takes that keeps a block of each of many sources, and what the caller does with the entries.
_SCARCE = 8 * 1024


def _bounded():
    return hasattr(gc, "mem_free")  # CPython's is not


_small = _bounded() and gc.mem_free() + gc.mem_alloc() < _SMALL


def small():
    """Whether RAM is what matters."""
    return _small


def tidy():
    """Collect garbage before making objects that are large or stay: small ones land in low gaps, and large gaps last."""
    if _small:
        gc.collect()


def scarce():
    """Whether so little is free that speed must make way."""
    tidy()
    return _small and gc.mem_free() < _SCARCE


def spare():
    """Raise MemoryError unless 768 bytes are free, in gaps of 128: enough for what a durable write of one record allocates."""
    if _small:
        [bytearray(128) for _ in range(6)]


# Modules that functions import when they need them, and that nothing else keeps in RAM.
SELDOM = (
    "backup", "changes", "condition", "destroy", "edits", "expiry", "index", "logger",
    "many", "ordering", "own", "place", "posts", "query", "queue", "restore", "shortage", "text",
    "transaction", "verify",
)
# Those of SELDOM that writing to an index takes: imported anew for each merge they would come to lie higher up each time.
INDEXING = ("condition", "index", "ordering")
# Others that functions import.
_COMING = ()


def unload(*names):
    """Forget modules of unosql, on a small heap; those of SELDOM are imported again when they are needed.

    The package's attribute of that name becomes None, as MicroPython's help() does not survive one that is deleted. So
    they are imported as `from .name import ...`: `from . import name` would find the None.
    """
    package = sys.modules["unosql"]
    for name in names:
        if _small and sys.modules.pop("unosql." + name, None) and hasattr(package, name):  # not yet, within its import
            setattr(package, name, None)


def mend():
    """Import anew what this code has interrupted the import of: half a module is in the way of calls."""
    package = sys.modules["unosql"]
    for name in SELDOM + _COMING:
        if "unosql." + name in sys.modules and not getattr(package, name, None):  # bound when it is complete
            del sys.modules["unosql." + name]
            __import__("unosql." + name)


def free():
    """Return the free bytes, or None where the heap has no bounds."""
    if not _bounded():
        return None
    gc.collect()
    return gc.mem_free()
