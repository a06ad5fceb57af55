"""MongoDB's Extended JSON, both kinds, as plain JSON values: what mongoexport writes."""
import re
from datetime import datetime, timedelta, timezone

from .rows import fail
from .terminal import shown
from .times import iso

_WHOLE = re.compile("-?[0-9]{1,19}")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def plain(value, where):
    """A value whose dates, numbers and ids are plain ones. where: for messages. Failure when one is malformed."""
    if isinstance(value, list):
        return [plain(part, where) for part in value]
    if not isinstance(value, dict):
        return value
    if (name := next(iter(value), None)) in _KINDS and (len(value) == 1 or set(value) == {"$binary", "$type"}):
        try:
            return _KINDS[name](value[name])
        except (ValueError, TypeError, KeyError, OverflowError):
            fail(where, "not what MongoDB writes as %s: %s" % (name, shown(repr(value[name]))[:80]))
    return {name: plain(part, where) for name, part in value.items()}


def _date(value):
    """ISO 8601, of milliseconds since 1970 or of text."""
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return iso(moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    return iso(_EPOCH + timedelta(milliseconds=_int(value["$numberLong"] if isinstance(value, dict) else value)))


def _int(value):
    """A whole number, of its digits."""
    if isinstance(value, bool) or not isinstance(value, int) and not _WHOLE.fullmatch(_text(value)):
        raise ValueError
    return int(value)


def _double(value):
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        value = float(_text(value))
    return float(value)


def _decimal(text):
    """A number where that has the same digits, else the text."""
    number = float(_text(text))
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
    "$oid": _text, "$date": _date, "$numberInt": _int, "$numberLong": _int, "$numberDouble": _double, "$numberDecimal": _decimal,
    "$binary": _binary, "$uuid": _text, "$symbol": _text, "$undefined": lambda _: None,
}
