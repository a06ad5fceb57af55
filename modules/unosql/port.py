"""What the port can do: asked once, for state.py."""

import gc
import json

# A larger heap has gaps enough, and collecting takes time by its size.
_SMALL = 256 * 1024


def has_bounds():
    """Whether the heap is MicroPython's; CPython's has no bounds."""
    return hasattr(gc, "mem_free")


def is_small():
    """Whether RAM is what matters."""
    return has_bounds() and gc.mem_free() + gc.mem_alloc() < _SMALL


def is_strict():
    """Whether json.loads() refuses bytes that are not UTF-8."""
    try:
        json.loads(b'"\xe9"')
    except UnicodeError:
        return True
    return False
