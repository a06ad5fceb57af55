"""Writes of any number of records as one batch."""

from .condition import compile
from .query import search
from .record import check


def insert_many(collection, records):
    """Insert the dicts of an iterable; return how many."""
    n = 0
    with collection.catalog.atomic():
        for record in records:
            collection.insert(record)
            n += 1
    return n


def update(collection, tests, changes):
    """Merge changes into all records that tests hold for; return the first one's id (None: no record)."""
    check(changes, "changes")
    return _each(collection, tests, lambda id, raw: collection.update(id, raw, changes))[0]


def delete(collection, tests):
    """Delete all records that tests hold for; return how many."""
    catalog = collection.catalog
    if catalog.store.is_short and not catalog.in_transaction:
        from .shortage import delete

        return delete(collection, tests)
    return _each(collection, tests, collection.delete)[1]


def upsert(collection, tests, changes):
    """Update, or else insert one record of what must be equal and the changes. Returns the first id.

    ValueError when no record can have all of that: a field within another that is no dict.
    """
    id = update(collection, tests, changes)
    if id is not None:
        return id
    record = {}
    for _, field, value, _ in sorted([test for test in tests if test[0] == "eq"], key=lambda test: test[1]):
        _assign(record, field, value)
    record.update(changes)
    return collection.insert(record)


def arguments(key, value, changes):
    """Sort out update(key, value, changes) and update(where, changes): return (tests, changes)."""
    if isinstance(key, dict) and changes is None:
        value, changes = None, value
    return condition(key, value), changes


def condition(key, value):
    """Compile a condition that must be given: what is forgotten must not stand for all records."""
    if key is None:
        raise ValueError("a condition is missing; {} stands for all records")
    return compile(key, value)


def _each(collection, tests, action):
    """Call action(id, raw) for all records found; return (id of the first or None, how many)."""
    found = search(collection, tests)
    ids = [record["id"] for record in (next(found, None), next(found, None)) if record]
    first = ids[0] if ids else None
    if len(ids) < 2:  # is one batch of the store anyway
        found = None  # the write wants its RAM
        return first, _act(collection, ids, action)
    with collection.catalog.atomic():
        n = _act(collection, ids, action)
        return first, n + _act(collection, (record["id"] for record in found), action)


def _act(collection, ids, action):
    n = 0
    for id in ids:
        action(id, collection.raw(id))
        n += 1
    return n


def _assign(record, field, value):
    """Set a field, within dicts that are copies: those in a condition are the caller's."""
    names = field.split(".")
    for name in names[:-1]:
        inner = record.get(name, {})
        if not isinstance(inner, dict):
            raise ValueError("%r is in no dict: %r is to be %r" % (field, name, inner))
        record[name] = dict(inner)
        record = record[name]
    record[names[-1]] = value
