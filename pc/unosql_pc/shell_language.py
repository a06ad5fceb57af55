"""What is typed in `unosql shell`: a call, a collection, then arguments: JSON, words, or name=value.

    find users {"age": {"gt": 18}} order_by=-age limit=3
"""
import ast
import json
import re

from . import strict_json
from .terminal import Failure

_NAME = re.compile(r"([a-z_]+)=")
_OPEN = {"{": "}", "[": "]"}


def parse(line):
    """Return (words and values, {name: value}). Failure when an argument does not end."""
    values, options, i = [], {}, 0
    while (i := _skipped(line, i)) < len(line):
        named = _NAME.match(line, i)
        value, i = _value(line, named.end() if named else i)
        if named:
            options[named[1]] = value
        else:
            values.append(value)
    return values, options


def _skipped(line, i):
    while i < len(line) and line[i].isspace():
        i += 1
    return i


def _value(line, i):
    """Return (a value, the index behind it)."""
    if line[i : i + 1] in ("{", "[", '"', "'"):
        return _structure(line, i)
    end = i
    while end < len(line) and not line[end].isspace():
        end += 1
    return word(line[i:end]), end


def word(text):
    """A number, true, false or null is that; a text otherwise."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if not isinstance(value, (str, list, dict)) else text


def _structure(line, i):
    """A value in JSON, or in Python's way to write it."""
    end = closing(line, i)
    if end is None:
        raise Failure("%s is not closed" % line[i : i + 20])
    text = line[i:end]
    try:
        return strict_json.loads(text), end
    except strict_json.Twice as error:
        raise Failure(str(error)) from None
    except (ValueError, RecursionError) as error:
        try:
            return ast.literal_eval(text), end
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise Failure("%s: %s" % (text[:40], strict_json.reason(error))) from None


def closing(line, i):
    """The index behind the value that starts at i, None when it does not end."""
    depth, quote = [], None
    while i < len(line):
        c = line[i]
        if quote:
            i += c == "\\"
            quote = None if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in _OPEN:
            depth.append(_OPEN[c])
        elif depth and c == depth[-1]:
            depth.pop()
        i += 1
        if not quote and not depth:
            return i
    return None
