"""`unosql import --upsert`: a record whose key is there already changes that one, others are inserted."""
import json

from . import engine  # noqa: F401
from unosql.documents.arguments import settle
from unosql.documents.condition import lookup
from unosql.documents.ordering import encode
from unosql.documents.record import META, unpack

_WHOLE = 1 << 62  # of a value, rather than its first bytes


class Upsert:
    """Called with a Collection and a record. fields: the key. insert: called with the same.

    inserted, changed, equal: how many were not there, were there, and were there with the same fields, which are left alone.
    What is there is looked at once: the keys are kept in RAM.
    """

    def __init__(self, catalog, fields, insert):
        self._catalog, self._fields, self._insert = catalog, fields, insert
        self._ids = {}  # by the collection's name: {key: ids}
        self.inserted = self.changed = self.equal = 0

    def __call__(self, collection, record):
        known = self._ids.get(collection.name)
        if known is None:
            known = self._ids[collection.name] = self._look(collection)
        key = self._key(record)
        if None in key:
            raise ValueError("the record has no %s to upsert by" % self._fields[key.index(None)])
        if key in known:
            self._change(collection, known[key], record)
        else:
            following = collection.next
            self._insert(collection, record)
            known[key] = [record["id"] if "id" in self._fields else following]
            self.inserted += 1

    def _look(self, collection):
        known = {}
        for id, raw in collection.scan():
            known.setdefault(self._key(unpack(raw, id)), []).append(id)
        return known

    def _key(self, record):
        """The values of the key, None where there is none; 1 and 1.0 are the same, as in conditions."""
        return tuple(_comparable(lookup(record, field)) for field in self._fields)

    def _change(self, collection, ids, record):
        fields = settle({name: value for name, value in record.items() if name not in META}, "record")
        changed = False
        for id in ids:
            raw = collection.raw(id)
            if not _same(unpack(raw, id), fields):
                collection.update(id, raw, lambda stored: stored.update(fields))
                changed = True
        self.changed += changed
        self.equal += not changed


def _comparable(value):
    if isinstance(value, (list, dict)):
        return _text(value)
    return None if value is None else encode(value, _WHOLE)


def _text(value):
    return json.dumps(value, sort_keys=True)  # MicroPython's dicts have no order


def _same(record, fields):
    """Whether a record has these fields already; True is not 1 here."""
    return all(name in record and _text(record[name]) == _text(value) for name, value in fields.items())
