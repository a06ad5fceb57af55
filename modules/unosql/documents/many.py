"""Writes of any number of records as one batch, in steps (steps.py): one a record, or some between two."""

from ..errors import ConflictError, StorageFullError
from . import shortage
from .arguments import called, settle
from .condition import compile, fields
from .edits import editor, put
from .query import Plan, search
from .record import META, check, header


def insert_many(collection, records, pulled=iter):
    """Steps: insert the dicts of an iterable; return how many. pulled: makes a generator of it."""
    if isinstance(records, (dict, str, bytes)):
        raise ValueError("records is an iterable of dicts, such as a list, not %s" % called(records))
    mark = collection.catalog.mark
    for attempt in (1, 2):
        try:
            n = 0
            with collection.catalog.atomic():
                for record in pulled(records):
                    collection.insert(record)
                    n += 1
                    yield
            return n
        except StorageFullError:
            if attempt == 2 or iter(records) is records or not collection.catalog.has_made_room(mark):
                raise


def update(collection, tests, changes, operators={}):
    """Steps: change all records that tests hold for; return whether there were any. operators: see core.update()."""
    return (yield from _update(collection, tests, _editor(changes, operators, {}), _given(changes, operators))) is not None


def delete(collection, tests):
    """Steps: delete all records that tests hold for; return how many."""
    catalog = collection.catalog
    if catalog.in_transaction or not catalog.store.is_short:
        try:
            return (yield from _each(collection, tests, collection.delete))[1]
        except StorageFullError:  # there was room, but perhaps not for all at once
            if catalog.in_transaction or len(list(search(collection, tests, 2))) < 2:
                raise
    return shortage.delete(collection, tests)


def upsert(collection, tests, changes, operators={}):
    """Steps: update, or else insert one record of what must be equal, changed likewise. Returns the first id.

    ValueError when no record can have all of that: a field within another that is no dict, or what the database sets.
    """
    edit = _editor(changes, operators, _equal(tests) if "replace" in operators else {})
    given = _given(changes, operators)
    id = yield from _update(collection, tests, edit, given)
    if id is not None:
        return id
    for field in list(fields(tests)) + list(given):
        if field in META:
            raise ValueError("there is no such record, and none can be inserted with a given %r: the database sets it" % field)
    record = _equal(tests)
    edit(record)
    return collection.insert(record)


def arguments(key, value, changes, operators={}):
    """Sort out update(key, value, changes) and update(where, changes): return (tests, changes, operators). TypeError."""
    if isinstance(key, dict) and changes is None:
        value, changes = ..., value
    tests = condition(key, value)
    if changes is None or changes is ...:
        if all(argument is None for argument in operators.values()):
            raise TypeError("the changes are missing: a dict")
        changes = {}
    return tests, changes, operators


def condition(key, value):
    """Compile a condition that must be given: what is forgotten must not stand for all records."""
    if key is None:
        raise ValueError("a condition is missing; {} stands for all records")
    return compile(key, value)


def _editor(changes, operators, kept):
    """Return the function that makes the changes in the dict of a record's fields. kept: of these, what `replace` leaves."""
    check(changes, "changes")
    changes = settle(changes, "changes")
    if operators or any("." in field for field in changes):
        return editor(changes, kept, **operators)
    return lambda record: record.update(changes)


def _given(changes, operators):
    """Return the dict that may be a record as it was read."""
    return operators.get("replace") or changes


def _update(collection, tests, edit, given):
    """Steps: edit all records that tests hold for; return the first one's id. given: of the record as it was read, perhaps."""

    def change(id, raw):
        if given.get("id", id) != id:
            raise ValueError("changes['id'] is %d, but the record's is %d, and stays" % (given["id"], id))
        version = header(raw)[0]
        if given.get("version", version) != version:
            raise ConflictError(id, given["version"], version)
        collection.update(id, raw, edit)

    mark = collection.catalog.mark
    try:
        return (yield from _each(collection, tests, change))[0]
    except StorageFullError:
        if not collection.catalog.has_made_room(mark):
            raise
    return (yield from _each(collection, tests, change))[0]


def _equal(tests):
    """Return the fields that tests say the values of, as a record."""
    record = {}
    for _, field, value, _ in sorted([test for test in tests if test[0] == "eq"], key=lambda test: test[1]):
        if "." not in field:
            record[field] = value
        else:
            put(record, field.split("."), value)
    return record


def _each(collection, tests, action):
    """Steps: call action(id, raw) for all records found; return (id of the first or None, how many)."""
    plan = Plan(collection, tests, [("id", False)])
    found = plan.ordered(None)
    ids = []
    for record in found:
        if record is not ...:
            ids.append(record["id"])
            if len(ids) == 2:
                break
        yield
    if len(ids) < 2:  # is one batch of the store anyway
        found = record = None  # the write wants its RAM
        for id in ids:
            action(id, plan.raw or collection.raw(id))
        return ids[0] if ids else None, len(ids)
    first, n = ids[0], 0
    with collection.catalog.atomic():
        while ids:
            for id in ids:
                action(id, collection.raw(id))
                n += 1
                yield
            ids = ()
            for record in found:
                if record is not ...:
                    ids = (record["id"],)
                    break
                yield
        return first, n
