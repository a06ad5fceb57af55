"""A collection as a queue: records are taken from its beginning, at the same cost however many were there."""

from .arguments import check_number
from .record import unpack


def pop(collection, n):
    """Remove and return the n oldest records."""
    check_number("n", n)
    records = []
    if n:
        for id, raw in collection.scan():
            records.append(unpack(raw, id))
            if len(records) == n:
                break
    if records:
        ack(collection, records[-1]["id"])
    return records


def ack(collection, id):
    """Remove all records up to id, and return how many."""
    check_number("id", id)
    first = min(id + 1, collection.next)
    if first <= collection.first:
        return 0
    if collection.is_dense and not collection.options.get("ttl"):
        gone = seen = first - collection.first
    else:
        gone = seen = 0
        for _, raw in collection.stored(collection.first, first):
            gone += 1
            seen += not collection.is_expired(raw)
    collection.save_state(first=first, count=collection.count - gone)
    return seen
