"""Sums over groups of records, in the order of the groups. Imported only by those who ask.

Where an index or the id has that order each group is complete when the next begins. Elsewhere as many groups as RAM has room
for are summed at a time, the lowest first: the records are read again for those behind.
"""

from .. import heap
from . import keys
from .arguments import called, check_strings, settle
from .condition import kind, lookup, same
from .ordering import encode
from .query import Plan, explained

_TOP = 1 << 62
# Bytes of free heap for each group that is summed at the same time, and how many these are at the least and the most.
_SHARE = 1024
_FEW = 8
_MANY = 1024
_ABOVE_NULL = b"\x11"


def aggregate(collection, tests, columns):
    """Return a generator of rows, dicts; see core.aggregate(), with `...` in between. ValueError names the argument that is wrong."""
    return _aggregate(collection, tests, **columns)


def _aggregate(collection, tests, group_by=None, bucket=None, count=None, sum=None, avg=None, min=None, max=None, first=None, last=None):
    fields, bucket = _grouping(group_by, bucket)
    columns = []
    asked = (("count", count), ("sum", sum), ("avg", avg), ("min", min), ("max", max), ("first", first), ("last", last))
    for operator, names in asked:
        columns += _columns(operator, names)
    names = fields + ["bucket"] * bool(bucket) + [column[0] for column in columns]
    if len(set(names)) < len(names):
        raise ValueError("two columns of one name in %r: give a dict of names and fields" % (names,))
    if not (fields or bucket or tests) and columns and all(name in ("min", "max") and _index(collection, field) for _, name, field in columns):
        return _extremes(collection, columns)
    groups = _Groups(Plan(collection, tests, _order(group_by, bucket)), fields, bucket, columns)
    return groups.in_order() if groups.plan.sorted or not (fields or bucket) else groups.in_passes()


def explain(collection, tests, group_by=None, bucket=None):
    """Tell how aggregate() would find the records."""
    return explained(Plan(collection, tests, _order(group_by, bucket)))


def _order(group_by, bucket):
    """Return the order of groups, and of records within them: as query.Plan takes it."""
    fields, bucket = _grouping(group_by, bucket)
    fields = fields + [bucket[0]] if bucket else fields
    if "id" in fields:
        fields = fields[: fields.index("id")]
    return [(field, False) for field in fields + ["id"]]


def distinct(collection, tests, field):
    """Yield the different values of a field, in order, and `...` in between. With an index it reads one record a value."""
    check_strings("field", [field])
    index = None if tests else _index(collection, field)
    if not index:
        for row in _aggregate(collection, tests, field):
            yield ... if row is ... else row[field]
        return
    prefix = index.prefix(collection)
    lo = prefix
    while True:
        record = _first(collection, index, lo, False)
        if not record:
            return
        value = lookup(record, field)
        _check(value, field, record)
        yield value
        lo = keys.above(prefix + encode(value))


# -- what users pass


def _grouping(group_by, bucket):
    """Return (list of fields, (field, seconds) or None)."""
    fields = [group_by] if isinstance(group_by, str) else [] if group_by is None else group_by
    fields = check_strings("group_by", fields)
    if bucket is not None:
        if kind(bucket) != 4 or list(map(kind, bucket)) != [3, 2] or bucket[1] <= 0:
            raise ValueError("bucket is a field and the width of its buckets, as ('timestamp', 3600), not %r" % (bucket,))
        bucket = settle(bucket[0], "bucket"), bucket[1]
    return fields, bucket


def _columns(operator, names):
    """Return (name in rows, operator, field or None) for what an operator is given."""
    if names is None or names is False:
        return []
    if names is True and operator == "count":
        return [("count", "count", None)]
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, dict):
        names = {operator + "_" + field: field for field in check_strings(operator, names)}
    fields = check_strings(operator, list(names.values()))
    return [(name, operator, field) for name, field in zip(check_strings(operator, list(names)), fields)]


# -- groups


class _Groups:
    """plan: a query.Plan. fields, bucket: what groups have in common. columns: of the rows.

    A group is [id of its first record, what it has in common, state of each column].
    """

    def __init__(self, plan, fields, bucket, columns):
        self.plan = plan
        self._fields = fields
        self._bucket, self._width = bucket or (None, 0)
        self._columns = columns

    def in_order(self):
        """Yield the rows, and `...` at each record, where those of a group follow each other."""
        group = None
        for record in self.plan.records():
            common = None if record is ... else self._common(record)
            if common:
                if group is None:
                    group = self._group(record, common)
                elif common != group[1] or self._fields and not all(map(same, common, group[1])):
                    yield self._row(group)
                    group = self._group(record, common)
                self._add(group, record)
            yield ...
        if group or not (self._fields or self._bucket):
            yield self._row(group or self._group({}, ()))

    def in_passes(self):
        """The same where they do not."""
        last, behind = b"", 0
        while behind is not None:
            groups, behind = {}, None
            most = _room()
            for record in self.plan.records():
                common = None if record is ... else self._common(record)
                key = common and b"".join([encode(value, _TOP) for value in common])
                if key and key > last:
                    waits = self._sum(groups, most, key, record, common)
                    if waits and (behind is None or waits < behind):
                        behind = waits
                yield ...
            for key in sorted(groups):
                last = key
                yield self._row(groups.pop(key))
            if behind and not self.plan.index:
                self.plan.lo = max(self.plan.lo, behind)

    def _sum(self, groups, most, key, record, common):
        """Add a record to its group, if that is among the lowest; return the first id of what must wait for the next pass."""
        waits = None
        if key not in groups:
            if len(groups) >= most:
                top = max(groups)
                if key > top:
                    return record["id"]
                waits = groups.pop(top)[0]
            groups[key] = self._group(record, common)
        self._add(groups[key], record)
        return waits

    def _common(self, record):
        """Return what a record has in common with its group, a list; None: it is in none, since it lacks the bucket's number."""
        common = []
        for field in self._fields:
            value = lookup(record, field)
            _check(value, field, record)
            common.append(value)
        if self._bucket:
            at = lookup(record, self._bucket)
            if kind(at) != 2:
                return None
            common.append(int(at // self._width) * self._width)
        return common or (0,)

    def _group(self, record, common):
        return [record.get("id"), common] + [[0, 0] if column[1] in _ADDED else None for column in self._columns]

    def _add(self, group, record):
        i = 1
        for _, operator, field in self._columns:
            i += 1
            value = field is None or lookup(record, field)
            if value is None:
                continue
            if operator in _ADDED:
                if operator != "count":
                    _check(value, field, record, True)
                    group[i][0] += value
                group[i][1] += 1
                continue
            if operator in ("min", "max"):
                place = _check(value, field, record), value
            else:
                place = lookup(record, self._bucket) if self._bucket else 0, record["id"], value
            if group[i] is None or (place < group[i] if operator in ("min", "first") else place > group[i]):
                group[i] = place

    def _row(self, group):
        names = self._fields + ["bucket"] * bool(self._bucket)
        row = dict(zip(names, group[1]))
        for i, column in enumerate(self._columns):
            row[column[0]] = _shown(column[1], group[2 + i])
        return row


_ADDED = ("count", "sum", "avg")


def _shown(operator, state):
    """Return what a row has of a column's state; None where no record had the field."""
    if operator == "count":
        return state[1]
    if operator not in _ADDED:
        return state and state[-1]
    if not state[1]:
        return None
    return state[0] / state[1] if operator == "avg" else state[0]


def _room():
    """How many groups to sum at the same time."""
    free = heap.free()
    return _MANY if free is None else max(_FEW, min(free // _SHARE, _MANY))


def _check(value, field, record, number=False):
    """Return the kind of a value that has an order, or is a number. ValueError for others."""
    k = kind(value)
    if k > 3 or number and k != 2:
        raise ValueError("%r of record %d is %s, which %s" % (field, record["id"], called(value), "is no number" if number else "has no order"))
    return k


# -- by the ends of an index


def _index(collection, field):
    """Return an index that has all records in the exact order of a field, or None."""
    for index in collection.indexes():
        if index.fields[0] == field and index.is_exact and index.serves([]):
            return index


def _extremes(collection, columns):
    """Yield the one row of the least and greatest values, each read at an end of an index."""
    row = {}
    for name, operator, field in columns:
        index = _index(collection, field)
        record = _first(collection, index, index.prefix(collection) + _ABOVE_NULL, operator == "max")
        value = lookup(record, field) if record else None
        if value is not None:
            _check(value, field, record)
        row[name] = value
    yield row


def _first(collection, index, lo, reverse):
    """Return the first record of an index from a key on, or the last one, or None."""
    for key, id in index.ids(collection, lo, keys.above(index.prefix(collection)), reverse):
        record = index.fetch(collection, key, id)
        if record:
            return record
