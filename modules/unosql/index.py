"""Indexes: entries of the store that sort as the values of some fields do, each naming a record's id."""

from . import keys
from .arguments import check_strings
from .codec import pack_uint, unpack_uint
from .condition import compile, implies, lookup, matches, same
from .errors import UniqueError
from .record import check, unpack


class Index:
    """An index of a collection, from its definition in the catalogue: a dict of number, keys, unique, where, cut."""

    def __init__(self, definition):
        self.number = definition["number"]
        self.fields = definition["keys"]
        self.unique = definition["unique"]
        self.where = definition["where"]
        self.is_exact = not definition.get("cut")  # no value was too long for its entry
        self.tests = compile(self.where)

    def prefix(self, collection):
        """Return what the keys of all entries start with."""
        return keys.make(keys.INDEX, collection.number, self.number)

    def values(self, record):
        """Return the encoded values of a record, or None when it is not in the index."""
        if not matches(self.tests, record):
            return None
        return [keys.encode(lookup(record, field)) for field in self.fields]

    def serves(self, tests):
        """Whether all records that tests hold for are in the index."""
        return implies(tests, self.tests)

    def ids(self, collection, lo, hi, reverse=False):
        """Yield (key, id) of the entries between two keys of the store."""
        for key, value in collection.catalog.store.scan(lo, max(lo, hi), reverse):
            id = unpack_uint(value, 0)[0]
            if id >= collection.first:
                yield key, id

    def fetch(self, collection, key, id):
        """Return the record that an entry stands for, or None when the entry is out of date."""
        record = collection.get(id)
        if record is None or self.entry(collection, record) != key:
            return None
        return record

    def entry(self, collection, record):
        """Return the key of a record's entry, or None."""
        values = self.values(record)
        if values is None:
            return None
        return self.prefix(collection) + b"".join(values) + pack_uint(record["id"])

    def check_unique(self, collection, record):
        """Raise UniqueError when another record has the same values."""
        values = self.values(record) if self.unique else None
        if values is None:
            return
        prefix = self.prefix(collection) + b"".join(values)
        for key, id in self.ids(collection, prefix, keys.above(prefix)):
            if id == record["id"]:
                continue
            other = self.fetch(collection, key, id)
            if other and all(same(lookup(other, field), lookup(record, field)) for field in self.fields):
                raise UniqueError(self.fields, id)


def maintain(collection, id, old, new, changes, unique):
    """Return the operations on index entries when record old becomes new (None: there is none).

    Puts into changes (dict) what they change in the collection's entry. unique: check for UniqueError.
    """
    ops = []
    for index in collection.indexes():
        before = old and index.entry(collection, old)
        after = new and index.entry(collection, new)
        if before == after:
            continue
        if before:
            ops.append((before, None))
        if after:
            if unique:
                index.check_unique(collection, new)
            ops.append((after, pack_uint(id)))
            if index.is_exact and not all(keys.is_exact(value) for value in index.values(new)):
                changes["indexes"] = _with_cut(changes.get("indexes", collection.definitions), index.number)
    return ops


def _with_cut(definitions, number):
    return [dict(d, cut=True) if d["number"] == number else d for d in definitions]


def fields(names):
    """Check what names an index, a field or a list of fields, and return the list."""
    names = check_strings("keys", [names] if isinstance(names, str) else names)
    if not names or "" in names or len(set(names)) < len(names):
        raise ValueError("keys is a field or a list of different fields, not %r" % (names,))
    return names


def create(collection, fields, unique, where):
    """Make an index with the entries of all records. Nothing when there is the same already."""
    if where is not None:
        check(where, "where")
    compile(where)
    definition = {"keys": fields, "unique": unique, "where": where}
    for other in collection.definitions:
        if other["keys"] == fields:
            if other["unique"] is unique and same(other["where"], where):
                return
            raise ValueError("there is another index on %s: drop it first" % ", ".join(fields))
    number = collection.catalog.next_number
    definition["number"] = number if collection.number else number + 1
    with collection.catalog.atomic():
        collection.change(indexes=collection.definitions + [definition])
        _fill(collection, collection.indexes()[-1])


def _fill(collection, index):
    cut = False
    for id, raw in collection.stored():
        record = unpack(raw, id)
        entry = index.entry(collection, record)
        if entry:
            index.check_unique(collection, record)
            collection.catalog.store.apply([(entry, pack_uint(id))])
            cut = cut or not all(keys.is_exact(value) for value in index.values(record))
    if cut:
        collection.change(indexes=_with_cut(collection.definitions, index.number))


def purge(collection, lo, hi):
    """Remove the entries of records with lo <= id < hi, whatever flash still holds of these."""
    store = collection.catalog.store
    for index in collection.indexes():
        prefix = index.prefix(collection)
        for key, value in store.scan(prefix, keys.above(prefix)):
            if lo <= unpack_uint(value, 0)[0] < hi:
                store.apply([(key, None)])


def drop(collection, fields):
    """Forget an index. False when there is none on these fields."""
    others = [d for d in collection.definitions if d["keys"] != fields]
    if len(others) == len(collection.definitions):
        return False
    collection.change(indexes=others)
    return True
