"""The heap of MicroPython, whose allocator takes the first gap that fits and never moves an object."""

import gc

from . import state
from .port import has_bounds

# Below this many free bytes a scan cannot keep one decoded block per source and leave room for the caller.
_SCARCE = 8 * 1024


def small():
    """Whether RAM is what matters."""
    return state.small


def tidy():
    """Collect garbage before making objects that are large or stay: small objects then fill low gaps, and large gaps survive."""
    if state.small:
        gc.collect()


def scarce():
    """Whether so little is free that speed must make way."""
    tidy()
    return state.small and gc.mem_free() < _SCARCE


def spare():
    """Raise MemoryError unless 768 bytes are free, in gaps of 128: enough for what a durable write of one record allocates."""
    if state.small:
        [bytearray(128) for _ in range(6)]


def free():
    """Return the free bytes, or None where the heap has no bounds."""
    if not has_bounds():
        return None
    gc.collect()
    return gc.mem_free()
