"""Merging of sorted sources: the one loop behind every scan, flush and compaction."""

_WAITING = False  # stands for the value of a source that is not open yet


def merge(sources, reverse=False, bounds=None):
    """Yield (key, value) of sorted generators in key order; of equal keys the first source's.

    sources: list of generators of (key, value), newest first. Deletions (None) come through. bounds: for each source a
    key that comes before all of its own, or None. Until the turn of that key the source is not asked: an open one takes RAM.
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


def _first(heads, reverse):
    """The index of the head that comes first, None when all sources are exhausted."""
    first = None
    for i, head in enumerate(heads):
        if head is not None and (first is None or (head[0] > heads[first][0] if reverse else head[0] < heads[first][0])):
            first = i
    return first


def advance(source):
    try:
        return next(source)
    except StopIteration:
        return None
