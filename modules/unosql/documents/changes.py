"""The change feed: records by the number of their last change, deletions included."""

from ..native import native
from . import keys
from .arguments import check_number
from .record import header, unpack


def feed(store, since, last):
    """Yield (change, number of the collection, id, timestamp of the deletion or None) for what is stored of since < change <= last."""
    lo = keys.make(keys.CHANGE, since + 1)
    for key, value in store.scan(lo, keys.make(keys.CHANGE, max(since, last) + 1)):
        number, id, i = native.unpack_uint(value, 0, 2)
        yield native.unpack_uint(key, 1)[0], number, id, native.unpack_uint(value, i + 1)[0] if i < len(value) else None


def entries(catalog, since, last):
    """The same of what is there: yield (change, collection, id, timestamp or None)."""
    for change, number, id, deleted in feed(catalog.store, since, last):
        collection = catalog.numbered(number)
        if collection and id >= collection.first:
            yield change, collection, id, deleted


def changes(catalog, since=0, limit=None):
    """Return a generator of {"change", "collection", "id", "deleted", "record"} in order of change, up to the last one now."""
    check_number("since", since)
    check_number("limit", 0 if limit is None else limit)
    return told(catalog, since, catalog.change, limit)


def told(catalog, since, last, limit=None):
    """The same, from one change on to another."""
    for change, collection, id, deleted in entries(catalog, since, last):
        if limit is not None and limit <= 0:
            return
        record = None
        if deleted is None:
            raw = collection.raw(id)
            if raw is None or header(raw)[2] != change:  # expired, or changed again meanwhile
                continue
            record = unpack(raw, id)
        yield {"change": change, "collection": collection.name, "id": id, "deleted": record is None, "record": record}
        if limit is not None:
            limit -= 1
