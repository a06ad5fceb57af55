"""The heap of MicroPython, whose allocator takes the first gap that fits and never moves an object."""

import gc

from . import state
from .port import has_bounds

# Below this many free bytes a scan cannot keep one decoded block per source and leave room for the caller.
_SCARCE = 8 * 1024
# Below this many there may be no gap for a block once garbage lies between what stays.
_TIGHT = 32 * 1024


def small():
    """Whether RAM is what matters."""
    return state.small


def tidy():
    """Collect garbage before making objects that are large or stay: small objects then fill low gaps, and large gaps survive."""
    if state.small:
        _collect()


def tidy_if_tight():
    """As tidy(), but only where little was free the last time somebody looked: elsewhere large gaps are many."""
    if state.tight:
        _collect()


def _collect():
    gc.collect()
    state.tight = gc.mem_free() < _TIGHT


def scarce():
    """Whether so little is free that speed must make way."""
    if not state.small or gc.mem_free() >= _TIGHT:  # with garbage, which takes less time to count than to collect
        return False
    _collect()
    return state.tight and gc.mem_free() < _SCARCE


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
