"""The heap of MicroPython, whose allocator takes the first gap that fits and never moves an object."""

import gc


def tidy():
    """Collect garbage before making objects that stay: they land in low gaps, and large gaps stay whole."""
    if hasattr(gc, "mem_free"):  # CPython's collector has other worries, and is slow
        gc.collect()


def free():
    """Return the free bytes, or None where the heap has no bounds."""
    tidy()
    return gc.mem_free() if hasattr(gc, "mem_free") else None
