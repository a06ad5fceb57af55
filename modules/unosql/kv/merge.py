"""Merging of sorted sources: the one loop behind every scan, flush and compaction.

A source is an iterator of (key, value or None) in the order of keys. Its close() gives its buffer back. Four things make one:
Memtable.scan(lo, hi, reverse, copy), Segment.scan() with the same arguments, scan_run() and merge(). Nothing above tells them apart.
copy makes values of parts of a buffer: bytes, or memoryview for what is used up before the next entry is asked for.
"""

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
