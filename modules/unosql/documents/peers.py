"""Peers: others that take over this database's changes, and how far each has them.

A peer has one entry of the store, a dict: "base", the change up to which it has told that it has everything, and whatever
else those who speak with it want to be durable. It is in no backup and in no feed.
"""

from .record import dumps, header, loads

# The kind of these entries: next to the catalogue's, as they change as often.
_PEER = b"W"
# Records whose removal one acknowledgement looks into.
_MOST = 256


def read(catalog, name):
    """Return the dict of a peer, or None."""
    value = catalog.store.get(_PEER + name.encode())
    return loads(value) if value else None


def write(catalog, name, state, logs=()):
    """Store the dict of a peer. logs: {name of a collection: records kept in any case}; of others what the peer has is dropped.

    All is one batch.
    """
    ops = [(_PEER + name.encode(), dumps(state))]
    for log in logs:
        ops += _shortened(catalog.collection(log), state["base"], logs[log])
    catalog.store.apply(ops)


def _shortened(collection, base, keep):
    """Return the operations that drop the oldest records of a log up to those that changed after base: one, or none."""
    first, gone = collection.first, 0
    for id, raw in collection.stored(collection.first, collection.next - keep):
        if header(raw)[2] > base or gone == _MOST:
            break
        first, gone = id + 1, gone + 1
    return [collection.catalogue_op(first=first, count=collection.count - gone)] if gone else []
