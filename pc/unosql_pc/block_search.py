"""Finds the blocks of a segment that verify, without its tree: damage to one block must not hide the others.

A segment is its sealed blocks one after the other (docs/FORMAT.md, "Segment"). Where a block starts is known from the
one before it; its length is found by trying. After damage every start is tried. A checksum or MAC decides.
"""
import zlib
from typing import NamedTuple

from . import engine  # noqa: F401
from unosql.twin import unpack_uint
from unosql.twin import decompress
from unosql.kv.envelope import Plain
from unosql.kv.segment import block_aad
from unosql.twin import entry

LARGEST = 66000  # bytes of a sealed block: one record of the largest memtable
USUAL = 4096  # after damage only blocks up to this size are found
_SUM = 8
_SEALED, _STEP = 48, 16  # smallest encrypted block, and what their sizes are multiples of


class Block(NamedTuple):
    """A block that verified. data: what was sealed, decompressed."""

    offset: int
    size: int
    data: bytes

    def entries(self):
        """The list of (key, value or None)."""
        found, key, i = [], b"", 0
        while i < len(self.data):
            key, value, i = entry(self.data, i, key)
            found.append((key, value))
        return found


def carve(data, start, end, prefix, envelope):
    """Return ([Block], [(from, to) of bytes that belong to none]) of data[start:end]. prefix: see block_aad()."""
    plain = isinstance(envelope, Plain)
    sizes, step = (_plain_sizes, 1) if plain else (_sealed_sizes, _STEP)
    blocks, gaps, at, lost = [], [], start, None
    while at < end:
        most = min(end - at, LARGEST if lost is None else USUAL)
        block = _verified(data, at, sizes(data, at, most), prefix, envelope)
        if not block:
            lost = at if lost is None else lost
            at += step
            continue
        if lost is not None:
            gaps.append((lost, at))
            lost = None
        blocks.append(block)
        at += block.size
    return blocks, gaps + ([(lost, end)] if lost is not None else [])


def _verified(data, at, sizes, prefix, envelope):
    aad = block_aad(prefix, at)
    for size in sizes:
        try:
            return Block(at, size, bytes(decompress(envelope.unseal(data[at : at + size], aad), None)))
        except (ValueError, IndexError, OSError, zlib.error):
            pass
    return None


def _sealed_sizes(data, at, most):
    return range(_SEALED, most + 1, _STEP)


def _plain_sizes(data, at, most):
    """The few sizes that a plain block at `at` may have by its contents; hashing all sizes would take minutes."""
    yield from _deflated_sizes(data, at, most)
    yield from _stored_sizes(data, at, at + most - 1 - _SUM)


def _deflated_sizes(data, at, most):
    """A deflate stream tells where it ends; its length and the flag 1 follow."""
    piece = data[at : at + most]
    stream = zlib.decompressobj(-15)
    try:
        out = stream.decompress(piece, 1 << 17)
    except zlib.error:
        return
    end = len(piece) - len(stream.unused_data)
    if stream.eof and piece[end : end + 3] == len(out).to_bytes(3, "big")[1:] + b"\1":
        yield end + 3 + _SUM


def _stored_sizes(data, at, last):
    """Entries whose keys rise, then the flag 0, which is at data[last] at most."""
    key, i = None, at
    while True:
        try:
            shared, j = unpack_uint(data, i)
            rest, j = unpack_uint(data, j)
            width, j = unpack_uint(data, j)
        except IndexError:
            return
        i = j + rest + max(width - 1, 0)
        following = (key or b"")[:shared] + data[j : j + rest]
        if i > last or shared > len(key or b"") or key is not None and following <= key:
            return
        key = following
        if data[i] == 0:
            yield i + 1 + _SUM - at


def leaves(blocks, gaps):
    """The blocks that hold data: those that are not an index of others, found or lost."""
    sizes = {block.offset: block.size for block in blocks}
    return [block for block in blocks if not all(_is_child(value, block, sizes, gaps) for _, value in block.entries())]


def _is_child(value, parent, sizes, gaps):
    """Whether an entry's value is the place of a block before the parent."""
    try:
        offset, i = unpack_uint(value, 0)
        size, i = unpack_uint(value, i)
    except (IndexError, TypeError):
        return False
    if i != len(value) or offset + size > parent.offset:
        return False
    return sizes.get(offset) == size or any(lo <= offset and offset + size <= hi for lo, hi in gaps)
