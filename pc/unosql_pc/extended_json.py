"""MongoDB's Extended JSON, both kinds, as plain JSON values: what mongoexport writes."""
from datetime import datetime, timedelta, timezone

from .rows import fail
from .times import iso

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain(value, where):
    """A value whose dates, numbers and ids are plain ones. where: for messages. Failure when one is malformed."""
    if isinstance(value, list):
        return [plain(part, where) for part in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (name := next(iter(value))) in _KINDS:
        try:
            return _KINDS[name](value[name])
        except (ValueError, TypeError, KeyError, OverflowError):
            fail(where, "not what MongoDB writes as %s: %s" % (name, value[name]))
    return {name: plain(part, where) for name, part in value.items()}


def _date(value):
    """ISO 8601, of milliseconds since 1970 or of text."""
    if isinstance(value, dict):
        value = int(value["$numberLong"])
    if isinstance(value, str):
        return iso(datetime.fromisoformat(value).astimezone(timezone.utc))
    return iso(_EPOCH + timedelta(milliseconds=value))


def _decimal(text):
    """A number where that has the same digits, else the text."""
    number = float(text)
    if number == int(number) if abs(number) < 1 << 53 else False:
        return int(number) if text.lstrip("-").isdecimal() else number
    return number if repr(number) == text else text


def _text(value):
    if not isinstance(value, str):
        raise TypeError
    return value


def _binary(value):
    """Base64, as it is there."""
    return _text(value["base64"] if isinstance(value, dict) else value)


_KINDS = {
    "$oid": _text, "$date": _date, "$numberInt": int, "$numberLong": int, "$numberDouble": float, "$numberDecimal": _decimal,
    "$binary": _binary, "$uuid": _text, "$symbol": _text, "$undefined": lambda _: None,
}
