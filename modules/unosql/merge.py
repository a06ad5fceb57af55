"""Merging of sorted sources: the one loop behind every scan, flush and compaction."""


def merge(sources, reverse=False):
    """Yield (key, value) of sorted generators in key order; of equal keys the first source's.

    sources: list of generators of (key, value), newest first. Deletions (None) come through.
    """
    heads = [advance(source) for source in sources]
    while True:
        best = None
        for head in heads:
            if head is not None and (best is None or _before(head[0], best[0], reverse)):
                best = head
        if best is None:
            return
        yield best
        for i, head in enumerate(heads):
            if head is not None and head[0] == best[0]:
                heads[i] = advance(sources[i])


def _before(a, b, reverse):
    return a > b if reverse else a < b


def advance(source):
    try:
        return next(source)
    except StopIteration:
        return None
