"""The change feed: records by the number of their last change, deletions included."""

from . import keys
from .arguments import check_number
from .codec import unpack_uint
from .record import header, unpack


def entries(catalog, since, last):
    """Yield (change, collection, id, timestamp of the deletion or None) for changes above a number, up to the last."""
    lo = keys.make(keys.CHANGE, since + 1)
    for key, value in catalog.store.scan(lo, keys.make(keys.CHANGE, max(since, last) + 1)):
        number, i = unpack_uint(value, 0)
        id, i = unpack_uint(value, i)
        collection = catalog.numbered(number)
        if collection and id >= collection.first:
            deleted = unpack_uint(value, i + 1)[0] if i < len(value) else None
            yield unpack_uint(key, 1)[0], collection, id, deleted


def changes(catalog, since=0, limit=None):
    """Return a generator of {"change", "collection", "id", "deleted", "record"} in order of change, up to the last one now."""
    check_number("since", since)
    check_number("limit", 0 if limit is None else limit)
    return _changes(catalog, since, catalog.change, limit)


def _changes(catalog, since, last, limit):
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
