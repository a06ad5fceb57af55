"""The change feed for those who take it over: what is stored, in order of change, as lines of bytes.

The feed is read some entries at a time, then the records of each run of ids by one scan. Reading record by record, the
two would push each other's block out of the cache.
"""

from .changes import feed
from .record import header

# Entries of the feed that are in RAM.
_SOME = 24


def lines(catalog, since, last):
    """Yield (change, Collection, line) for since < change <= last; Collection and line are None where nothing is to be told.

    line: bytes of `[number, id, version, change, timestamp, {fields}]`, without fields for a deletion (its version is 0).
    The fields are the stored bytes. The last change yielded is `last`, unless the feed grew meanwhile.
    """
    while since < last:
        some, entries = [], feed(catalog.store, since, last)
        for entry in entries:
            some.append(entry)
            if len(some) == _SOME:
                break
        entries.close()
        start = 0
        while start < len(some):
            end = _end_of_run(some, start)
            yield from _told(catalog, some[start:end])
            start = end
        since = some[-1][0] if len(some) == _SOME else last
    yield last, None, None


def _end_of_run(some, start):
    """Return the end of the entries from start on that one scan can read: of one collection, with one id after the other."""
    _, number, id, deleted = some[start]
    end = start + 1
    while deleted is None and end < len(some) and some[end][1:] == (number, id + end - start, None):
        end += 1
    return end


def _told(catalog, run):
    change, number, start, deleted = run[0]
    collection = catalog.numbered(number)
    if not collection:
        pass
    elif deleted is None:
        for id, raw in collection.scan(start, run[-1][2] + 1):
            if collection.number != number:
                break
            version, timestamp, change, i = header(raw)
            if change == run[id - start][0]:  # else it has changed meanwhile, and comes later
                yield change, collection, b"[%d,%d,%d,%d,%d,%s]" % (number, id, version, change, timestamp, raw[i:])
    elif start >= collection.first:
        yield change, collection, b"[%d,%d,0,%d,%d]" % (number, start, change, deleted)
    yield run[-1][0], None, None
