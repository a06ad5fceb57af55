"""What the port can do: asked once, for state.py; and its clock that nobody sets."""

import gc
import json
import time

from .native import native

# A larger heap has gaps enough, and collecting takes time by its size.
_SMALL = 256 * 1024


def has_bounds():
    """Whether the heap is MicroPython's; CPython's has no bounds."""
    return hasattr(gc, "mem_free")


def is_small():
    """Whether RAM is what matters."""
    return has_bounds() and native.heap() < _SMALL


def is_strict():
    """Whether json.loads() refuses bytes that are not UTF-8."""
    try:
        json.loads(b'"\xe9"')
    except UnicodeError:
        return True
    return False


def ms(start=0):
    """Return the time in milliseconds, which wraps round after some days; start, an earlier one: what has passed since."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_diff(time.ticks_ms(), start)
    return int(time.monotonic() * 1000) - start
