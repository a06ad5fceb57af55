"""Counts, sums and the like of records, by groups."""
import re
from typing import NamedTuple

from .terminal import Failure, shown
from unosql.documents.condition import lookup
from unosql.documents.ordering import encode

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WHOLE = 1 << 62  # of a text, rather than its first bytes


class Sums(NamedTuple):
    """What is asked for. group_by: fields. bucket: (field, seconds) or None. count: bool. functions: [(function, field)]."""

    group_by: list
    bucket: tuple | None
    count: bool
    functions: list

    def __bool__(self):
        return bool(self.count or self.functions or self.group_by or self.bucket)


def bucket(text):
    """("timestamp", 3600) of "timestamp:1h", or None. Failure when it is not like that."""
    if not text:
        return None
    found = re.fullmatch(r"(.+):(\d+)([smhdw])", text)
    if not found or not int(found[2]):
        raise Failure("--bucket %s: write a field and a length of time, as timestamp:1h; s, m, h, d, w" % shown(text))
    return found[1], int(found[2]) * _SECONDS[found[3]]


def rows(records, sums):
    """The groups as dicts, in the order of what they are grouped by. Without groups one dict. Failure when two of its names are one."""
    groups, names = {}, _names(sums)
    for i, name in enumerate(names):
        if name in names[:i]:
            raise Failure("two columns would be called %s" % shown(name))
    for record in records:
        keys = [lookup(record, field) for field in sums.group_by]
        if sums.bucket:
            keys.insert(0, _start(record, *sums.bucket))
        encoded = tuple(_comparable(key) for key in keys)
        group = groups.get(encoded)
        if group is None:
            group = groups[encoded] = _Group(keys, sums)
        group.add(record)
    if not groups and not sums.group_by and not sums.bucket:
        groups[()] = _Group([], sums)
    return [groups[key].row() for key in sorted(groups)]


def _names(sums):
    """Those of a row: what it is grouped by, how many there are, and what is made of them."""
    return ([sums.bucket[0]] if sums.bucket else []) + sums.group_by + (["count"] if _counts(sums) else []) + [
        "%s_%s" % part for part in sums.functions]


def _counts(sums):
    return sums.count or not sums.functions


def ordered(found, fields):
    """Rows in the order of fields as "-count"."""
    for field in reversed(fields or ()):
        name = field.removeprefix("-")
        found.sort(key=lambda row: _comparable(row.get(name)), reverse=name != field)
    return found


def _start(record, field, seconds):
    """The start of the time that a record's field falls into; None where it has none."""
    value = lookup(record, field)
    return value // seconds * seconds if _is_number(value) else None


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _comparable(value):
    """Bytes that sort as values do; lists and dicts by their text."""
    return encode(value, _WHOLE) + (repr(value).encode() if isinstance(value, (list, dict)) else b"")


class _Group:
    def __init__(self, keys, sums):
        self._keys, self._sums = keys, sums
        self._count = 0
        self._parts = [_PARTS[function](field) for function, field in sums.functions]

    def add(self, record):
        self._count += 1
        for part in self._parts:
            value = lookup(record, part.field)
            if value is not None:
                part.add(value, record)

    def row(self):
        counted = [self._count] if _counts(self._sums) else []
        return dict(zip(_names(self._sums), self._keys + counted + [part.value() for part in self._parts]))


class _Sum:
    """Of numbers; anything else is a Failure."""

    def __init__(self, field):
        self.field, self._sum, self._n = field, 0, 0

    def add(self, value, record):
        if not _is_number(value):
            raise Failure("%s of record %s is %s, no number to add" % (shown(self.field), record["id"], shown(repr(value)[:40])))
        self._sum += value
        self._n += 1

    def value(self):
        return self._sum


class _Average(_Sum):
    def value(self):
        return self._sum / self._n if self._n else None


class _Least:
    """In the order that values have in the database: false, true, numbers, strings, lists and dicts."""

    _best = None

    def __init__(self, field):
        self.field, self._value = field, None

    def add(self, value, record):
        encoded = _comparable(value)
        if self._best is None or self._beats(encoded):
            self._best, self._value = encoded, value

    def _beats(self, encoded):
        return encoded < self._best

    def value(self):
        return self._value


class _Greatest(_Least):
    def _beats(self, encoded):
        return encoded > self._best


class _First(_Least):
    """By id, since that is the order in which records come."""

    def _beats(self, encoded):
        return False


class _Last(_Least):
    def _beats(self, encoded):
        return True


class _Distinct:
    """How many different values."""

    def __init__(self, field):
        self.field, self._seen = field, set()

    def add(self, value, record):
        self._seen.add(_comparable(value))

    def value(self):
        return len(self._seen)


_PARTS = {"sum": _Sum, "avg": _Average, "min": _Least, "max": _Greatest, "first": _First, "last": _Last, "distinct": _Distinct}
