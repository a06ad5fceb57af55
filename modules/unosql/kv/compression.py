"""Compression of blocks: raw deflate (RFC 1951) where it pays, by _unosql of our images or else its twin, which takes uzlib.

native.unpack() undoes it. Both give the same bytes, and so does uzlib's stand-in on a PC. _unosql works in memory that it is given,
once for all blocks, where uzlib takes 2 KB of the heap for each: a small heap that has been used for a while has no such gaps.
"""

from ..native import native

# What stands at the end of a block: one of these, behind the length of the data if deflated.
_PLAIN = 0
_DEFLATE = 1
_TAIL = 3
# Deflate's time buys nothing below this many bytes.
_WORTHWHILE = 64
# Room behind a compressed block, for the padding of its encryption.
SPARE = 16


def workspace(size):
    """Return what blocks of up to size bytes are compressed and unpacked in."""
    return memoryview(bytearray(max(native.INFLATE_WORK, native.DEFLATE_WORK + size + _TAIL + SPARE)))


def room(work):
    """Return the size of the largest block that a workspace is for."""
    return len(work) - native.DEFLATE_WORK - _TAIL - SPARE


def compress(data, work=None):
    """Deflate data (bytes-like, below 64 KB) when that makes it smaller, and add what native.unpack() needs.

    Return (buffer, size); the buffer is to write to and has SPARE bytes more. work: a workspace(), of which the
    buffer is a part, or None: a new one. What unpack() needs stands at the end: it reads the stream as it lies.
    """
    size = len(data)
    if work is None or room(work) < size:
        work = workspace(size)
    target = work[native.DEFLATE_WORK :]
    used = native.deflate(data, target[: size - _TAIL], work) if size >= _WORTHWHILE else 0
    if used:
        target[used] = size >> 8
        target[used + 1] = size & 255
        target[used + 2] = _DEFLATE
        return target, used + _TAIL
    target[:size] = data
    target[size] = _PLAIN
    return target, size + 1
