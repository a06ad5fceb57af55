"""JSON of files, without what Python lets pass: of a field that an object has twice the first value would be lost."""
import json


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
    return str(error) if isinstance(error, Twice) else "a number has too many digits"  # Python takes 4,300 of an int


def _unique(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Twice("the field %r is there twice in an object" % next(name for name in names if names.count(name) > 1))
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_unique)
