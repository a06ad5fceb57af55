"""Records as stored: v(version) v(timestamp) v(change) and the user's fields as JSON."""

import json
import sys

from .. import state
from ..codec import pack_uint
from ..native import native
from .arguments import called
from .own import check_own
from .text import is_sound, joined, mended

# What the database sets itself.
META = ("id", "timestamp", "version")
_DEPTH = 16
# MicroPython writes into JSON what the __repr__() of a class says, if it has one: it takes no other types, named tuples neither.
_TYPES = "NoneType bool int str float dict list tuple OrderedDict"


def dumps(value, name="record"):
    """Return the JSON of a value as UTF-8 bytes, with surrogate pairs joined. ValueError names text that is not Unicode."""
    if sys.implementation.name == "cpython":  # MicroPython writes UTF-8 anyway, and could not read surrogate pairs
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    else:
        text = json.dumps(value, separators=(",", ":"))
    data = text.encode("utf-8", "surrogatepass")
    if not native.is_ascii(data):
        if not is_sound(data):
            return dumps(joined(value, name))
    return data


def loads(data, thorough=False):
    """Return the value of stored JSON. Text that is not Unicode, from earlier versions, is mended: see text.mended().

    thorough: overlong forms too, which make no trouble until they are stored again.
    """
    if native.is_ascii(data) if thorough or not state.strict else b"\xed" not in data:  # which surrogates start with
        try:
            return json.loads(data)
        except UnicodeError:
            pass
    return json.loads(data if is_sound(data) else mended(data))


def check(record, name="record", own=False):
    """Raise ValueError that names the part of a record that can't be stored.

    own: whether an id, timestamp or version can. All three, as the database sets them, always can: those of a record that
    was read, which may be written again.
    """
    if not isinstance(record, dict):
        raise ValueError("%s: %s is not a dict" % (name, called(record)))
    flaw = _flaw(record, _DEPTH)
    if flaw:
        raise ValueError(name + flaw)
    if not own and ("id" in record or "timestamp" in record or "version" in record):
        check_own(record, name, META)


def pack(version, timestamp, change, fields):
    """Return the bytes of a record. fields: a checked dict; id, timestamp and version in it are left out."""
    for name in META:
        if name in fields:
            fields = {k: v for k, v in fields.items() if k not in META}
            break
    return pack_uint(version) + pack_uint(timestamp) + pack_uint(change) + dumps(fields)


def header(raw):
    """Return (version, timestamp, change, offset of the JSON) of a stored record."""
    return native.unpack_uint(raw, 0, 3)


def picked(record, names):
    """Return those of a record's fields that have one of these names."""
    return {name: record[name] for name in names if name in record}


def restamp(raw, change):
    """Return a stored record with another change number."""
    version, timestamp, _, i = header(raw)
    return pack_uint(version) + pack_uint(timestamp) + pack_uint(change) + raw[i:]


def unpack(raw, id):
    """Return the record as users see it."""
    version, timestamp, _, i = header(raw)
    record = loads(raw[i:])
    record["id"] = id
    record["timestamp"] = timestamp
    record["version"] = version
    return record


def _flaw(value, depth):
    """Return None, or where in value and why it can't be stored, as "['a'][2]: NaN is not JSON"."""
    if sys.implementation.name != "cpython" and type(value).__name__ not in _TYPES:
        return ": %s is not JSON" % called(value)
    if value is None or isinstance(value, (bool, int, str)):
        return None
    if isinstance(value, float):
        return None if value - value == 0 else ": %s is not JSON" % value
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        return ": %s is not JSON" % called(value)
    return ": nested deeper than %d" % _DEPTH if depth < 0 else _flaw_within(items, depth, isinstance(value, dict))


def _flaw_within(items, depth, is_dict):
    for key, value in items:
        if is_dict and not isinstance(key, str):
            return ": the key %r is not a string" % (key,)
        flaw = _flaw(value, depth - 1)
        if flaw:
            return "[%r]%s" % (key, flaw)
