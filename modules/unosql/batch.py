"""Writes of any number of records as one batch."""

from .arguments import settle
from .condition import compile, fields
from .errors import StorageFullError
from .query import search
from .record import META, check


def insert_many(collection, records, pulled=iter):
    """Insert the dicts of an iterable; return how many. pulled: makes a generator of it."""
    if isinstance(records, (dict, str, bytes)):
        raise ValueError("records is an iterable of dicts, such as a list, not a %s" % type(records).__name__)
    n = 0
    with collection.catalog.atomic():
        for record in pulled(records):
            collection.insert(record)
            n += 1
    return n


def update(collection, tests, changes):
    """Merge changes into all records that tests hold for; return the first one's id (None: no record)."""
    check(changes, "changes")
    changes = settle(changes, "changes")

    def change(id, raw):
        if changes.get("id", id) != id:
            raise ValueError("changes['id'] is %d, but the record's is %d, and stays" % (changes["id"], id))
        collection.update(id, raw, changes)

    return _each(collection, tests, change)[0]


def delete(collection, tests):
    """Delete all records that tests hold for; return how many."""
    catalog = collection.catalog
    if catalog.in_transaction or not catalog.store.is_short:
        try:
            return _each(collection, tests, collection.delete)[1]
        except StorageFullError:  # there was room, but perhaps not for all at once
            if catalog.in_transaction or len(list(search(collection, tests, 2))) < 2:
                raise
    from .shortage import delete

    return delete(collection, tests)


def upsert(collection, tests, changes):
    """Update, or else insert one record of what must be equal and the changes. Returns the first id.

    ValueError when no record can have all of that: a field within another that is no dict, or what the database sets.
    """
    id = update(collection, tests, changes)
    if id is not None:
        return id
    for field in list(fields(tests)) + list(changes):
        if field in META:
            raise ValueError("there is no such record, and none can be inserted with a given %r: the database sets it" % field)
    record = {}
    for _, field, value, _ in sorted([test for test in tests if test[0] == "eq"], key=lambda test: test[1]):
        _assign(record, field, value)
    record.update(changes)
    return collection.insert(record)


def arguments(key, value, changes):
    """Sort out update(key, value, changes) and update(where, changes): return (tests, changes). TypeError."""
    if isinstance(key, dict) and changes is None:
        value, changes = ..., value
    tests = condition(key, value)
    if changes is None or changes is ...:
        raise TypeError("the changes are missing: a dict")
    return tests, changes


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
