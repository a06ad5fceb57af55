"""The heap of MicroPython, whose allocator takes the first gap that fits and never moves an object.

Collecting before objects that are large or stay lets small ones fill low gaps, and large gaps survive. It takes long, too: half of
a lookup, were it done before each block. In our images `_unosql` tells how much was allocated since: no new object lies further
up than that, so that gaps survive as well when it is done each time a quarter of what was free has been handed out. The heap of
stock MicroPython has the code in it, and never leaves large gaps: there nobody tells, and it is done each time.
"""

import gc

from . import state
from .native import native
from .port import has_bounds

# Below this many free bytes a scan cannot keep one decoded block per source and leave room for the caller.
_SCARCE = 8 * 1024
# Counting what is free takes as long as collecting: it is done after so many collections.
_COUNT = 8


def collect():
    """Collect garbage and count what is free then: before what stays for long, and when memory has run out."""
    if state.small:
        gc.collect()
        state.free, state.allocated, state.uncounted = gc.mem_free(), 0, 0


def tidy(share=2):
    """Collect garbage if much may lie between the objects in use: a quarter of what was free, or 1/2**share. More for what stays."""
    if not state.small or _allocated() <= state.free >> share:
        return
    if state.uncounted == _COUNT:
        collect()
    else:
        gc.collect()
        state.allocated = 0
        state.uncounted += 1


def _allocated():
    """Bytes handed out since the last collection of ours; more than were free where somebody else has collected."""
    before, state.allocated = state.allocated, native.allocated()
    if state.allocated < before:  # somebody else has collected
        state.uncounted = _COUNT
        return state.free + 1
    return state.allocated


def scarce():
    """Whether so little is free that speed must make way."""
    if not state.small or state.free - _allocated() > _SCARCE:
        return False
    collect()
    return state.free < _SCARCE


def spare():
    """Raise MemoryError unless 768 bytes are free, in gaps of 128: enough for what a durable write of one record allocates."""
    if state.small:
        [bytearray(128) for _ in range(6)]


def free():
    """Return the free bytes, or None where the heap has no bounds."""
    if not has_bounds():
        return None
    collect()
    return state.free if state.small else gc.mem_free()
