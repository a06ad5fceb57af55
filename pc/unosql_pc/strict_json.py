"""JSON of files, without what Python lets pass: of a field that an object has twice the first value would be lost."""
import json


_DIGITS = 4300  # as many as Python takes by itself: more take very long


class Twice(ValueError):
    """An object has a field twice."""


def loads(text):
    """The value of a text. ValueError or RecursionError: see reason()."""
    return DECODER.decode(text)


def reason(error):
    """Why a text was refused, in words."""
    if isinstance(error, RecursionError):
        return "too deeply nested"
    if isinstance(error, json.JSONDecodeError):
        return "not JSON: %s at column %d" % (error.msg[:1].lower() + error.msg[1:].removesuffix(" at"), error.colno)
    return str(error) if isinstance(error, Twice) else "a number has too many digits"


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Twice("the field %r is there twice in an object" % next(name for name in names if names.count(name) > 1))
    return found


def _int(digits):
    if len(digits) > _DIGITS:
        raise ValueError("too many digits")
    return int(digits)


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_int)
