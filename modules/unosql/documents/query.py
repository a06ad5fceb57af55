"""Searches: choose a way to the records, walk it, and bring them into order.

Whatever the way, the records come in the same order: as asked for, ties by id; by id when nothing was asked for.
"""

from ..codec import pack_uint
from . import keys
from .arguments import check_number, check_strings
from .condition import lookup, matches
from .ordering import bounds, complement, encode
from .record import header, picked, unpack

# Ids that a search by a range of an index sorts in RAM; when there are more it reads all records in order.
_WINDOW = 512
# Spare places when only the best records are kept, so that sorting them is rare.
_SPARE = 16
_TOP = 1 << 62


class Reader:
    """Reads records as stored. Where their ids go on one by one a scan has them, at a tenth of what a search costs."""

    def __init__(self, collection):
        self._collection = collection
        self._last = self._step = 0
        self._rows = None

    def raw(self, id):
        """Return the record with an id, or None."""
        step = id - self._last
        self._last = id
        if step == self._step and step in (1, -1):
            if not self._rows:
                self._rows = self._collection.scan(id) if step > 0 else self._collection.scan(0, id + 1, True)
            found = next(self._rows, None)
            if found and found[0] == id:
                return found[1]
        self._step, self._rows = step, None
        return self._collection.raw(id)


class Plan:
    """How to find the records that tests hold for, in an order: a list of (field, descending) that ends with id.

    kind: "id", "index" or "scan". index: an Index or None. lo, hi: where to search, ids or keys of the store.
    range: whether a comparison narrows that. sorted: whether records are met in order. reverse: backwards.
    raw: with kind "id", the record as stored that was met, for who wants to change it.

    Walking yields `...` each time that it has looked at something that is not to be had: others may come between.

    It is about the records there are when it is made; those who walk may write. So inserts are left out by their ids, and
    where a write may move a record ahead of the walk only those count that stand where they stood at its start.
    """

    def __init__(self, collection, tests, order):
        self.collection = collection
        self.number = collection.number
        self.next = collection.next
        self.tests = tests
        self.order = order
        self.raw = None
        self._equal = {test[1]: test[2] for test in tests if test[0] == "eq"}
        # a field that is equal in all records found does not matter for their order
        self._open = [part for part in order if part[0] == "id" or part[0] not in self._equal]
        self._scan()
        for index in collection.indexes():
            if self.kind != "id" and index.serves(tests):
                self._consider(index)

    def _scan(self):
        self.kind, self.index, self.rank = "scan", None, (0, False, False)
        self.lo, self.hi = _id_range(self.tests)
        self.range = self.lo > 0 or self.hi < _TOP
        self._set_order(["id"])
        if self.hi - self.lo <= 1:
            self.kind, self.range, self.sorted = "id", False, True

    def _consider(self, index):
        """Use an index if that is better than what was found before."""
        equal = 0
        while equal < len(index.fields) and index.fields[equal] in self._equal:
            equal += 1
        rest = index.fields[equal:]
        range = _value_range(self.tests, rest[0]) if rest else None
        order = rest + ["id"]
        served = (index.is_exact or not rest) and _same_way(self._open, order)
        rank = (equal, range is not None, served)
        if rank <= self.rank or rank == (0, False, True) and self._open[0][0] == "id":
            return
        self.kind, self.index, self.rank, self.range = "index", index, rank, rank[1]
        prefix = index.prefix(self.collection) + b"".join([encode(self._equal[field]) for field in index.fields[:equal]])
        lo, hi = range or (b"", None)
        self.lo = prefix + lo
        self.hi = keys.above(prefix) if hi is None else prefix + hi
        self._set_order(order, served)

    def _set_order(self, fields, served=True):
        self.sorted = served and _same_way(self._open, fields)
        self.reverse = self.sorted and self._open[0][1]
        # backwards by values, but ties by id forwards
        self.grouped = self.reverse and not self._open[-1][1]

    # -- walking

    def records(self):
        """Yield the records in the plan's own order, and `...`."""
        if not self.index:
            if not self._is_there():
                return
            for id, raw in self._stored():
                record = unpack(raw, id)
                yield record if matches(self.tests, record) else ...
        else:
            change, reader = self.collection.catalog.change, Reader(self.collection)
            for key, id in self._entries():
                record = self.index.fetch(self.collection, key, id, reader.raw(id))
                met = record and matches(self.tests, record) and self._stood(key, id, change)
                yield record if met else ...

    def _stored(self):
        lo, hi = self.lo, min(self.hi, self.next)
        if self.kind != "id":
            return self.collection.scan(lo, hi, self.reverse)
        self.raw = self.collection.raw(lo) if lo < hi else None
        return ((lo, self.raw),) if self.raw else ()

    def _is_there(self):
        """Whether the collection was neither cleared nor dropped meanwhile."""
        return self.collection.number == self.number

    def _stood(self, key, id, change):
        """Whether a record's entry in the index is the one that it had at a change."""
        if self.collection.catalog.change == change or header(self.collection.raw(id))[2] <= change:
            return True
        old = self.collection.version_at(id, change)
        return old is not None and self.index.key_of(self.collection, unpack(old, id)) == key

    def _entries(self):
        """Yield (key, id) of the index's entries."""
        entries = self._ids(self.lo, self.hi, self.reverse)
        return self._regrouped(entries) if self.grouped else entries

    def _ids(self, lo, hi, reverse=False):
        if self._is_there():
            for key, id in self.index.ids(self.collection, lo, hi, reverse):
                if id < self.next:
                    yield key, id
                if not self._is_there():
                    return

    def _regrouped(self, entries):
        """Turn entries with equal values round: they come backwards, and are wanted by ascending ids."""
        group = only = None  # only: the entry of a group that has one so far
        for key, id in entries:
            values = key[: -len(pack_uint(id))]
            if values != group:
                if only:
                    yield only
                group, only = values, (key, id)
            elif only:
                only = None
                yield from self._ids(values, keys.above(values))
        if only:
            yield only

    def by_id(self, reverse):
        """Yield the records by their ids, though the index has them in another order."""
        ids = []
        for _, id in self._entries():
            ids.append(id)
            yield ...
            if len(ids) > _WINDOW:
                ids = None
                self._scan()
                yield from self.records()
                return
        ids.sort(reverse=reverse)
        yield from self._fetched(ids)

    def _fetched(self, ids):
        for id in ids:
            record = self.collection.get(id) if self._is_there() else None
            yield record if record and matches(self.tests, record) else ...

    def best(self, most):
        """Yield the records in order, `most` at most (None: all); keeps no more than their keys in RAM."""
        found = []
        for record in self.records():
            yield ...
            if record is ...:
                continue
            found.append((_sort_key(record, self.order), record["id"]))
            if most is not None and len(found) >= 2 * most + _SPARE:
                found.sort()
                found = found[:most]
        found.sort()
        yield from self._fetched([id for _, id in found[:most]])

    def ordered(self, most):
        """Return a generator of at least the first `most` records in order."""
        if self.sorted:
            return self.records()
        if self._open[0][0] == "id":
            return self.by_id(self._open[0][1])
        return self.best(most)


def explain(collection, tests, limit=None, skip=0, order_by=None, fields=None):
    """Tell how search() would find the records."""
    return explained(Plan(collection, tests, _order(order_by)))


def explained(plan):
    """Return a dict of plan, index, range, sorted."""
    return {"plan": plan.kind, "index": plan.index and list(plan.index.fields), "range": plan.range, "sorted": plan.sorted}


def search(collection, tests, limit=None, skip=0, order_by=None, fields=None):
    """Return a generator of records. ValueError names the argument that is wrong."""
    return (record for record in walk(collection, tests, limit, skip, order_by, fields) if record is not ...)


def walk(collection, tests, limit=None, skip=0, order_by=None, fields=None):
    """The same, with `...` in between."""
    check_number("limit", 0 if limit is None else limit)
    check_number("skip", skip)
    fields = None if fields is None else check_strings("fields", fields)
    if limit == 0:
        return iter(())
    most = None if limit is None else skip + limit
    return _limited(Plan(collection, tests, _order(order_by)), skip, most, fields)


def _limited(plan, skip, most, fields):
    i = 0
    for record in plan.ordered(most):
        if record is ...:
            yield ...
            continue
        i += 1
        if i > skip:
            yield record if fields is None else picked(record, ["id"] + fields)
        if i == most:
            return


def _order(order_by):
    """Parse "age", "-age" or a list of such into a list of (field, descending) that ends with id."""
    if order_by is None:
        order_by = []
    order = []
    for name in check_strings("order_by", [order_by] if isinstance(order_by, str) else order_by) + ["id"]:
        field = name[1:] if name[:1] == "-" else name
        order.append((field, field != name))
        if field == "id":
            return order


def _same_way(order, fields):
    """Whether walking by fields, which end with id, forwards or backwards, is the order wanted."""
    if len(order) != len(fields) or order[-1][1] > order[0][1]:
        return False
    for (field, descending), wanted in zip(order, fields):
        if field != wanted or descending != order[0][1] and field != "id":
            return False
    return True


def _sort_key(record, order):
    parts = []
    for field, descending in order:
        encoded = encode(lookup(record, field), _TOP)
        parts.append(complement(encoded) if descending else encoded)
    return b"".join(parts)


def _id_range(tests):
    """The lowest id, and the one above the highest, that tests on the id leave."""
    lo, hi = 0, _TOP
    for operator, field, n, _ in tests:
        if field != "id" or not isinstance(n, int) or isinstance(n, bool):
            continue
        if operator in ("eq", "gte", "gt"):
            lo = max(lo, n + (operator == "gt"))
        if operator in ("eq", "lte", "lt"):
            hi = min(hi, n + (operator != "lt"))
    return lo, hi


def _value_range(tests, field):
    """The encodings (lowest, end) that comparisons leave of a field, or None when there are none. Wider is no harm."""
    found = None
    for operator, name, value, _ in tests:
        if name != field or operator not in ("gt", "gte", "lt", "lte"):
            continue
        encoded = encode(value)
        limits = bounds(encoded)
        if limits:
            lo, hi = found or limits
            if operator[0] == "g":
                lo = max(lo, encoded)
            else:
                hi = min(hi, keys.above(encoded))
            found = lo, hi
    return found
