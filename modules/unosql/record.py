"""Records as stored: v(version) v(timestamp) v(change) and the user's fields as JSON."""

import json
import sys

from .codec import pack_uint, unpack_uint

# What the database sets itself; users' values for these are ignored.
META = ("id", "timestamp", "version")
_DEPTH = 16
_COMPACT = {"separators": (",", ":")}
if sys.implementation.name == "cpython":  # MicroPython writes UTF-8 anyway, and could not read surrogate pairs
    _COMPACT["ensure_ascii"] = False


def dumps(value):
    """Return the JSON of a value as UTF-8 bytes."""
    return json.dumps(value, **_COMPACT).encode()


def check(record, name="record"):
    """Raise ValueError that names the part of a record that can't be stored."""
    if not isinstance(record, dict):
        raise ValueError("%s: a %s is not a dict" % (name, type(record).__name__))
    flaw = _flaw(record, _DEPTH)
    if flaw:
        raise ValueError(name + flaw)


def pack(version, timestamp, change, fields):
    """Return the bytes of a record. fields: a checked dict; id, timestamp and version in it are left out."""
    for name in META:
        if name in fields:
            fields = {k: v for k, v in fields.items() if k not in META}
            break
    return pack_uint(version) + pack_uint(timestamp) + pack_uint(change) + dumps(fields)


def header(raw):
    """Return (version, timestamp, change, offset of the JSON) of a stored record."""
    version, i = unpack_uint(raw, 0)
    timestamp, i = unpack_uint(raw, i)
    change, i = unpack_uint(raw, i)
    return version, timestamp, change, i


def restamp(raw, change):
    """Return a stored record with another change number."""
    version, timestamp, _, i = header(raw)
    return pack_uint(version) + pack_uint(timestamp) + pack_uint(change) + raw[i:]


def unpack(raw, id):
    """Return the record as users see it."""
    version, timestamp, _, i = header(raw)
    record = json.loads(raw[i:])
    record["id"] = id
    record["timestamp"] = timestamp
    record["version"] = version
    return record


def _flaw(value, depth):
    """Return None, or where in value and why it can't be stored, as "['a'][2]: NaN is not JSON"."""
    if value is None or isinstance(value, (bool, int, str)):
        return None
    if isinstance(value, float):
        return None if value - value == 0 else ": %s is not JSON" % value
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return ": a %s is not JSON" % type(value).__name__
    return ": nested deeper than %d" % _DEPTH if depth < 0 else _flaw_within(items, depth, isinstance(value, dict))


def _flaw_within(items, depth, is_dict):
    for key, value in items:
        if is_dict and not isinstance(key, str):
            return ": the key %r is not a string" % (key,)
        flaw = _flaw(value, depth - 1)
        if flaw:
            return "[%r]%s" % (key, flaw)
