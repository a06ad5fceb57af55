"""Indexes: entries of the store that sort as the values of some fields do, each naming a record's id."""

from ..codec import pack_uint
from ..native import native
from ..errors import StorageFullError, UniqueError, UnosqlError
from . import keys
from .arguments import check_strings, settle
from .condition import compile, implies, lookup, matches, same
from .ordering import encode, is_exact
from .record import check, header, unpack
from .text import is_sound


def float_bits():
    """Significant bits of this port's floats: entries made from others do not compare with ours."""
    bits, x = 0, 1.0
    while 1.0 + x != 1.0:
        x /= 2
        bits += 1
    return bits


class Index:
    """An index of a collection, from its definition in the catalogue: a dict of number, keys, unique and where.

    It also has "cut" when a value was too long for its entry, and "float", the bits of the floats in it, if any.
    """

    def __init__(self, definition):
        self.number = definition["number"]
        self.fields = definition["keys"]
        self.unique = definition["unique"]
        self.where = definition["where"]
        self.is_exact = "cut" not in definition
        self.is_foreign = "float" in definition and definition["float"] != float_bits()
        self._definition = definition
        self.tests = compile(self.where)

    def prefix(self, collection):
        """Return what the keys of all entries start with."""
        return keys.make(keys.INDEX, collection.number, self.number)

    def values(self, record):
        """Return the encoded values of a record, or None when it is not in the index."""
        if not matches(self.tests, record):
            return None
        return [encode(lookup(record, field)) for field in self.fields]

    def serves(self, tests):
        """Whether all records that tests hold for are in the index."""
        return not self.is_foreign and implies(tests, self.tests)

    def ids(self, collection, lo, hi, reverse=False):
        """Yield (key, id) of the entries between two keys of the store."""
        for key, value in collection.catalog.store.scan(lo, max(lo, hi), reverse):
            id = native.unpack_uint(value, 0)[0]
            if id >= collection.first:
                yield key, id

    def fetch(self, collection, key, id, raw=None):
        """Return the record that an entry stands for, or None when the entry is out of date. raw: the record as stored, if at hand."""
        raw = raw or collection.raw(id)
        record = raw and unpack(raw, id)
        if not record or self.key_of(collection, record) != key and not is_odd(raw):
            return None
        return record

    def key_of(self, collection, record):
        """Return the key of a record's entry, or None."""
        values = self.values(record)
        if values is None:
            return None
        return self.prefix(collection) + b"".join(values) + pack_uint(record["id"])

    def same_values(self, record, other):
        """Whether two records have the same values, beyond what an entry holds of them."""
        return all(same(lookup(record, field), lookup(other, field)) for field in self.fields)

    def definition_changes(self, record):
        """Return what the definition must tell of a record's values and does not yet, a dict."""
        found = {}
        if not all(is_exact(value) for value in self.values(record)):
            found["cut"] = True
        if any(isinstance(lookup(record, field), float) for field in self.fields):
            found["float"] = float_bits()
        return {name: value for name, value in found.items() if name not in self._definition}

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
            if other and self.same_values(other, record):
                raise UniqueError(list(self.fields), id)


def is_odd(raw):
    """Whether a stored record has text that is not Unicode, from an earlier version."""
    data = raw[header(raw)[3] :]
    if native.is_ascii(data):
        return False
    return not is_sound(data)


def maintain(collection, id, old, new, changes, unique):
    """Return the operations on index entries when a record, as stored, old, becomes new (None: there is none).

    Puts into changes (dict) what they change in the collection's entry. unique: check for UniqueError.
    """
    ops = []
    is_old = old and is_odd(old)
    old, new = old and unpack(old, id), new and unpack(new, id)
    for index in collection.indexes():
        if index.is_foreign:
            raise UnosqlError("index %s has floats of another precision: drop it and create it anew" % index.fields)
        before = old and index.key_of(collection, old)
        after = new and index.key_of(collection, new)
        if after and unique and not (before == after and index.same_values(old, new)):
            index.check_unique(collection, new)
        if before == after and not is_old:
            continue
        if before:
            ops += _removals(collection, index, id) if is_old else [(before, None)]
        if after:
            ops.append((after, pack_uint(id)))
            found = index.definition_changes(new)
            if found:
                changes["indexes"] = _changed(changes.get("indexes", collection.definitions), index.number, found)
    return ops


def _removals(collection, index, id):
    """Return the operations that remove a record's entries, whatever these hold: an earlier version's have text as it was."""
    prefix = index.prefix(collection)
    return [(key, None) for key, other in index.ids(collection, prefix, keys.above(prefix)) if other == id]


def _changed(definitions, number, found):
    return [dict(d, **found) if d["number"] == number else d for d in definitions]


def fields(names):
    """Check what names an index, a field or a list of fields, and return the list."""
    names = check_strings("keys", [names] if isinstance(names, str) else names)
    if not names or "" in names or len(set(names)) < len(names):
        raise ValueError("keys is a field or a list of different fields, not %r" % (names,))
    return names


def creating(collection, fields, unique, where):
    """Steps, one a record: make an index with the entries of all records. Nothing when there is the same already."""
    if where is not None:
        check(where, "where", True)
        where = settle(where, "where")
    compile(where)
    definition = {"keys": fields, "unique": unique, "where": where}
    for other in collection.definitions:
        if other["keys"] == fields:
            if other["unique"] is unique and same(other["where"], where):
                return
            raise ValueError("there is another index on %s: drop it first" % ", ".join(fields))
    number = collection.catalog.next_number
    definition["number"] = number if collection.number else number + 1
    mark = collection.catalog.mark
    for attempt in (1, 2):
        try:
            with collection.catalog.atomic():
                collection.save_state(indexes=collection.definitions + [definition])
                yield from _fill(collection, collection.indexes()[-1])
            return
        except StorageFullError:
            if attempt == 2 or not collection.catalog.has_made_room(mark):
                raise


def _fill(collection, index):
    found = {}
    for id, raw in collection.stored():
        record = unpack(raw, id)
        entry = index.key_of(collection, record)
        if entry:
            index.check_unique(collection, record)
            collection.catalog.store.apply([(entry, pack_uint(id))])
            found.update(index.definition_changes(record))
        yield
    if found:
        collection.save_state(indexes=_changed(collection.definitions, index.number, found))


def purge(collection, lo, hi):
    """Remove the entries of records with lo <= id < hi, whatever flash still holds of these."""
    store = collection.catalog.store
    for index in collection.indexes():
        prefix = index.prefix(collection)
        for key, value in store.scan(prefix, keys.above(prefix)):
            if lo <= native.unpack_uint(value, 0)[0] < hi:
                store.apply([(key, None)])


def drop(collection, fields):
    """Forget an index. False when there is none on these fields."""
    others = [d for d in collection.definitions if d["keys"] != fields]
    if len(others) == len(collection.definitions):
        return False
    collection.save_state(indexes=others)
    return True
