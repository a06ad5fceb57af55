"""Conditions on records: what find() and its kin take, compiled once and then checked against each record.

A compiled condition is a list of tests (operator, field, argument, prepared argument), of which all must hold.
"""

from .arguments import called, settle

_MISSING = object()
_JOINTS = "or", "and", "not"


def kind(value):
    """Return a small number for the JSON type of a value: only values of one kind are ever equal or ordered."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, (int, float)):
        return 2
    if isinstance(value, str):
        return 3
    if isinstance(value, (list, tuple)):
        return 4
    if isinstance(value, dict):
        return 5
    raise ValueError("%s is not JSON" % called(value))


def same(a, b):
    """Whether two JSON values are equal; unlike Python's ==, true is not 1, at any depth."""
    k = kind(a)
    if k != kind(b):
        return False
    if k < 4:
        return a == b
    if len(a) != len(b):
        return False
    for key in range(len(a)) if k == 4 else a:
        if k == 5 and key not in b or not same(a[key], b[key]):
            return False
    return True


def lookup(record, field, default=None):
    """Return a field's value. "a.b" is the key "a.b", or else key b of the dict a."""
    if field in record:
        return record[field]
    for name in field.split("."):
        if not isinstance(record, dict) or name not in record:
            return default
        record = record[name]
    return record


def matches(tests, record):
    """Whether all tests hold for a record."""
    for operator, field, argument, prepared in tests:
        if not _OPERATORS[operator](record, field, argument, prepared):
            return False
    return True


def compile(key, value=...):
    """Compile what users pass: None, a dict, a field and its value, or a list of each.

    value: `...` when it was not given. TypeError when it is missing or too much, ValueError names what else is wrong.
    """
    if key is None or isinstance(key, dict):
        if value is not ... and value is not None:
            raise TypeError("the value %r has no field: the condition is %r" % (value, key))
        key = settle(key or {}, "condition")
        tests = []
        for name, wanted in key.items():
            tests += _compile_item(name, wanted)
        return tests
    if not isinstance(key, (str, list, tuple)):
        hint = "; {'id': %d} is the record with that id" % key if isinstance(key, int) else ""
        raise TypeError("a condition is a dict, or the name of a field and its value, not %r%s" % (key, hint))
    if value is ...:
        raise TypeError("%r has no value: give one after it, None too must be said" % (key,))
    if isinstance(key, str):
        return [_pair(key, value)]
    if not isinstance(value, (list, tuple)) or len(key) != len(value):
        raise ValueError("a list of fields needs a list of as many values")
    return list(map(_pair, key, value))


def between(field, start, end):
    """Return the condition start <= field <= end. ValueError unless both are numbers, or both strings."""
    if field in _JOINTS:
        raise ValueError("%r joins conditions: a field of that name can't be compared" % field)
    if kind(start) != kind(end) or kind(start) not in (2, 3):
        raise ValueError("start and end are two numbers or two strings, not %r and %r" % (start, end))
    return {field: {"gte": start, "lte": end}}


def fields(tests):
    """Yield the fields that tests are about."""
    for _, field, _, parts in tests:
        if field is not None:
            yield field
        else:
            for part in parts:
                yield from fields(part)


def implies(tests, others):
    """Whether tests contain all the others: a record that they hold for passes the others as well."""
    for o in others:
        if not any(t[:2] == o[:2] and same(t[2], o[2]) for t in tests):
            return False
    return True


def _pair(field, value):
    """A field and its value. A dict with operators in it could be meant in two ways: ValueError."""
    if isinstance(value, dict) and any(isinstance(name, str) and name.lstrip("$") in _OPERATORS for name in value):
        raise ValueError(
            "the value has operators in it: write {%r: %r} to compare by these, {%r: {'eq': %r}} with this dict"
            % (field, value, field, value)
        )
    return _equality(settle(field, "condition"), settle(value, "condition"))


def _equality(field, value):
    if not isinstance(field, str):
        raise ValueError("a field's name is a string, not %r" % (field,))
    kind(value)
    return "eq", field, value, None


def _compile_item(name, wanted):
    if name in _JOINTS:
        return [(name, None, wanted, _compile_parts(name, wanted))]
    if not isinstance(wanted, dict):
        return [_equality(name, wanted)]
    if not wanted:
        raise ValueError("no operator for %r" % name)
    return [compile_operator(name, operator, wanted[operator]) for operator in wanted]


def _compile_parts(name, wanted):
    if name == "not":
        wanted = [wanted]
    if not isinstance(wanted, (list, tuple)) or not all(isinstance(part, dict) for part in wanted):
        raise ValueError("%r takes %s" % (name, "a condition" if name == "not" else "a list of conditions"))
    return list(map(compile, wanted))


def compile_operator(field, operator, argument):
    """Compile one comparison of a field, whatever that is called."""
    _equality(field, argument)
    if operator not in _OPERATORS or operator in _JOINTS:
        known = ", ".join(sorted(set(_OPERATORS) - set(_JOINTS)))
        raise ValueError("unknown operator %r for %r, not of %s; a dict is compared by {'eq': {...}}" % (operator, field, known))
    prepared = None
    if operator == "in" and kind(argument) != 4:
        raise ValueError("'in' takes a list")
    if operator == "exists" and argument not in (True, False):
        raise ValueError("'exists' takes True or False")
    if operator == "regex":
        prepared = _compile_regex(argument)
    return operator, field, argument, prepared


def _compile_regex(pattern):
    import re

    try:
        return re.compile(pattern)
    except Exception as error:  # CPython's class for it is not a ValueError, MicroPython has none
        raise ValueError("regex %r: %s" % (pattern, error))


def _is_less(a, b, or_equal=False):
    """Whether a < b, or else a <= b, for two values of the same ordered type: booleans, numbers or strings."""
    k = kind(a)
    return 0 < k < 4 and k == kind(b) and (a <= b if or_equal else a < b)


def _contains(record, field, argument, _):
    value = lookup(record, field)
    if isinstance(value, str):
        return isinstance(argument, str) and argument in value
    return kind(value) == 4 and _has(value, argument)


def _has(values, value):
    """Whether one of a list's values is the same."""
    for other in values:
        if same(other, value):
            return True
    return False


def _regex(record, field, _, prepared):
    value = lookup(record, field)
    return isinstance(value, str) and prepared.search(value) is not None


def _any(parts, record, wanted):
    """Whether one of several conditions holds for a record, or if wanted is False does not."""
    for part in parts:
        if matches(part, record) is wanted:
            return True
    return False


_OPERATORS = {
    "eq": lambda record, field, a, _: same(lookup(record, field), a),
    "ne": lambda record, field, a, _: not same(lookup(record, field), a),
    "gt": lambda record, field, a, _: _is_less(a, lookup(record, field)),
    "gte": lambda record, field, a, _: _is_less(a, lookup(record, field), True),
    "lt": lambda record, field, a, _: _is_less(lookup(record, field), a),
    "lte": lambda record, field, a, _: _is_less(lookup(record, field), a, True),
    "in": lambda record, field, a, _: _has(a, lookup(record, field)),
    "contains": _contains,
    "regex": _regex,
    "exists": lambda record, field, a, _: (lookup(record, field, _MISSING) is not _MISSING) == bool(a),
    "or": lambda record, _, a, parts: _any(parts, record, True),
    "and": lambda record, _, a, parts: not _any(parts, record, False),
    "not": lambda record, _, a, parts: not matches(parts[0], record),
}
