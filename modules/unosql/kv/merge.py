"""Merging of sorted sources, for scans, flushes and compaction.

A source is an iterator of (key, value or None) in the order of keys. Its close() gives its buffer back. Four things make one:
Memtable.scan(lo, hi, reverse), Segment.scan() with the same arguments, scan_run() and merge(). Nothing above tells them apart.

Flushes and compaction have another: Merging. native.Merge moves the entries, and here is answered what it asks. Its sources are generators
of what Merge.feed() takes: fed(), Memtable.fed(), Segment.scan() of whole blocks.
"""

from ..native import native
from .memtable import encode_entry

# What Merge.run() returns beside the number of a source: see twin.py.
_DEAD, _TOMBSTONE, _REPLACED, STARTS, FITS, PASSED, STOP, _BROKEN = -1, -2, -3, -4, -5, -6, -7, -8
ALL = 1 << 29  # bytes: no segment is as large
_FIRST = b"\0\0"  # the place of the only operation
_WAITING = False  # stands for the value of a source that is not open yet


def merge(sources, reverse=False, bounds=None):
    """Yield (key, value) of sources in key order; of equal keys the first source's.

    sources: a list of them, newest first. Tombstones come through. bounds: for each source a key that comes before all of its
    own, or None. Until the turn of that key the source is not asked: an open one takes RAM.
    Closes the sources in the end, however that comes: they give their buffers back.
    """
    try:
        heads = [advance(source) if bounds is None or bounds[i] is None else (bounds[i], _WAITING)
                 for i, source in enumerate(sources)]
        while True:
            first = _first(heads, reverse)
            if first is None:
                return
            best = heads[first]
            if best[1] is _WAITING:
                heads[first] = advance(sources[first])
                continue
            yield best
            for i, head in enumerate(heads):
                while head is not None and head[0] == best[0]:
                    head = heads[i] = advance(sources[i])
    finally:
        for source in sources:
            source.close()


def scan_run(segments, *how):
    """Scan a level's segments one after the other, in the order given: only one is open at a time. how: as for Segment.scan()."""
    for segment in segments:
        yield from segment.scan(*how)


def _first(heads, reverse):
    """The index of the head that comes first, None when all sources are exhausted."""
    first = None
    for i, head in enumerate(heads):
        if head is not None and (first is None or (head[0] > heads[first][0] if reverse else head[0] < heads[first][0])):
            first = i
    return first


def advance(source):
    """Return the next entry of a source, or None after the last."""
    try:
        return next(source)
    except StopIteration:
        return None


def fed(ops):
    """A source of operations (key, value or None), in the order of keys."""
    for key, value in ops:
        yield b"", encode_entry(key, value), _FIRST, 1


class Merging:
    """Entries of sources, a list, the newest first, for Writers. With store: of a merge into a level, without what may be forgotten.

    is_replaced(key): whether a level above has a key, of those that are asked for in ascending order; None: none has.
    """

    def __init__(self, sources, store=None, level=0, is_replaced=None):
        self.merge = native.Merge(len(sources), 0 if store is None else 1 if is_replaced is None else 2)
        self._sources = sources
        self._store = store
        self._level = level
        self._is_replaced = is_replaced

    def feed(self, i):
        """Have the next part of a source, or the first of another that has taken its place."""
        self.merge.feed(i, *(advance(self._sources[i]) or ()))

    def run(self, writer, due=ALL, stop=None):
        """Go on, to a writer or None. Return STOP: no key is below stop. PASSED: many were left out. Or what the writer is to answer:
        STARTS, asked with None, of what begins another kind of keys, and of all from `due` bytes of the segment on; or FITS.
        """
        merge, store = self.merge, self._store
        while True:
            # what makes something dead may only be buffered
            mortal = None if store is None or store.memtable.is_buffered else store.observer.mortal()
            what = writer.run(merge, due, stop, mortal) if writer else merge.run(bytearray(), 0, 0, 0, stop, mortal, None)
            if what >= 0:
                self.feed(what)
            elif what <= _BROKEN:
                self._sources[_BROKEN - what].throw(ValueError("damaged entries"))
            elif what == _DEAD:
                if not store.observer.learn(merge.key, merge.number):
                    merge.decide(False)
            elif what == _TOMBSTONE:
                key = merge.key
                merge.decide(not any(s.may_hold(key) for s in store.version.holders_below(self._level, key)))
            elif what == _REPLACED:
                merge.decide(self._is_replaced(merge.key))
            else:
                return what

    def fill(self, writer):
        """Write all entries into one segment."""
        what = PASSED
        while what != STOP:
            what = self.run(writer)
            writer.answer(self.merge, what)

    def close(self):
        """Give up the sources: they give their buffers back."""
        for source in self._sources:
            source.close()
