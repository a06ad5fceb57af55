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
        some = _some(catalog.store, since, last)
        done = 0
        while done < len(some):
            end = _run(some, done)
            yield from _told(catalog, some[done:end])
            done = end
        since = some[-1][0] if len(some) == _SOME else last
    yield last, None, None


def _some(store, since, last):
    found, entries = [], feed(store, since, last)
    for entry in entries:
        found.append(entry)
        if len(found) == _SOME:
            break
    entries.close()
    return found


def _run(some, start):
    """Return the end of the entries from start on that one scan can read: of one collection, with one id after the other."""
    _, number, id, deleted = some[start]
    end = start + 1
    while deleted is None and end < len(some) and some[end][1:] == (number, id + end - start, None):
        end += 1
    return end


def _told(catalog, run):
    change, number, id, deleted = run[0]
    collection = catalog.numbered(number)
    if not collection or id < collection.first and deleted is not None:
        yield run[-1][0], None, None
    elif deleted is not None:
        yield change, collection, b"[%d,%d,0,%d,%d]" % (number, id, change, deleted)
    else:
        yield from _records(collection, run)


def _records(collection, run):
    start = run[0][2]
    for id, raw in collection.scan(start, run[-1][2] + 1):
        if collection.number != run[0][1]:
            break
        version, timestamp, change, i = header(raw)
        if change == run[id - start][0]:  # else it has changed meanwhile, and comes later
            yield change, collection, b"[%d,%d,%d,%d,%d,%s]" % (collection.number, id, version, change, timestamp, raw[i:])
    yield run[-1][0], None, None
