"""What the port can do: asked once, for state.py."""

import gc
import json

# A larger heap has gaps enough, and collecting takes time by its size.
_SMALL = 256 * 1024
# In our images, whose code is not in the heap, this many free bytes have gaps enough.
_ROOMY = 32 * 1024


def has_bounds():
    """Whether the heap is MicroPython's; CPython's has no bounds."""
    return hasattr(gc, "mem_free")


def is_small():
    """Whether RAM is what matters."""
    return has_bounds() and gc.mem_free() + gc.mem_alloc() < _SMALL


def roomy():
    """Return the free bytes from which on there are large gaps, whatever garbage lies between them."""
    try:
        import _unosql
    except ImportError:  # stock MicroPython: its small heaps, with all the code in them, never have
        return _SMALL
    return _ROOMY if _unosql else _SMALL


def is_strict():
    """Whether json.loads() refuses bytes that are not UTF-8."""
    try:
        json.loads(b'"\xe9"')
    except UnicodeError:
        return True
    return False
