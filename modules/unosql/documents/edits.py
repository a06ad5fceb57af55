"""Changes within records: paths, and operators as inc and push. Imported only for what is more than setting whole fields.

A step is (operator, field, argument). The place of a field is the tuple of the names that lead there in a record.
"""

from .arguments import called, check_number, check_strings, settle
from .condition import kind, same
from .record import META, check

_MISSING = object()


def editor(
    changes, kept, inc=None, min=None, max=None, push=None, keep=None, pull=None, unset=None, rename=None, replace=None
):
    """Return a function that changes the dict of a record's fields, or raises ValueError. The operators are core.update()'s.

    changes: checked. kept: the fields that `replace` leaves.
    """
    steps = [("set", field, value) for field, value in changes.items() if field not in META]
    steps += _pushes(push, keep)
    steps += _removals(() if unset is None else unset)
    for name, arguments in (("inc", inc), ("min", min), ("max", max), ("pull", pull), ("rename", rename)):
        steps += _steps(name, arguments)
    if replace is None:
        return lambda record: _edit(record, steps)
    if changes or steps:
        raise ValueError("replace: it has the whole record, so that nothing else can be changed")
    return _replacer(replace, kept)


def _replacer(fields, kept):
    check(fields, "replace")
    fields = settle(fields, "replace")

    def replace(record):
        record.clear()
        record.update(kept)
        record.update(fields)

    return replace


# -- what users pass


def _checked(name, arguments):
    arguments = {} if arguments is None else arguments
    check(arguments, name, True)
    for field in arguments:
        _check_field(name, field)
    return settle(arguments, name)


def _steps(name, arguments):
    """Return the steps of an operator that takes a dict of fields."""
    steps = []
    for field, argument in _checked(name, arguments).items():
        _check_argument(name, field, argument)
        steps.append((name, field, argument))
    return steps


def _pushes(elements, keep):
    """Return the steps of push: their argument is the element and the most that the list may have, 0: no bound."""
    elements, keep = _checked("push", elements), _checked("keep", keep)
    for field, most in keep.items():
        if field not in elements:
            raise ValueError("keep[%r]: nothing is pushed there" % field)
        check_number("keep[%r]" % field, most, 1, 1 << 16)
    return [("push", field, (element, keep.get(field, 0))) for field, element in elements.items()]


def _removals(fields):
    steps = []
    for field in check_strings("unset", [fields] if isinstance(fields, str) else fields):
        _check_field("unset", field)
        steps.append(("set", field, _MISSING))
    return steps


def _check_field(name, field):
    if field in META:
        raise ValueError("%s[%r]: the database sets id, timestamp and version itself" % (name, field))


def _check_argument(name, field, argument):
    k = kind(argument)
    if name == "inc" and k != 2 or name in ("min", "max") and not 0 < k < 4 or name == "rename" and k != 3:
        raise ValueError("%s[%r] can't be %r" % (name, field, argument))
    if name == "rename":
        _check_field(name, argument)


# -- what is done to a record


def _edit(record, steps):
    """Take the steps, all places being those before any of them. What comes out must be fit to be stored."""
    placed = sorted(_placed(record, steps), key=lambda step: step[0])
    for i in range(1, len(placed)):
        one, two = placed[i - 1][0], placed[i][0]  # a place comes right before those within it
        if two[: len(one)] == one:
            raise ValueError("two changes to one field: %r and %r" % (".".join(one), ".".join(two)))
    for place, operator, argument in placed:
        _step(record, place, operator, argument)
    check(record)


def _placed(record, steps):
    """Yield (place, operator, argument). A rename is two of them."""
    for operator, field, argument in steps:
        place = _place(record, field)
        if operator == "rename":
            yield place, "set", _MISSING
            place, argument = _place(record, argument), _value(record, place)
        yield place, operator, argument


def _place(record, field):
    """As condition.lookup() finds it: the key "a.b", or else key b of the dict a."""
    return (field,) if field in record else tuple(field.split("."))


def _value(record, place):
    for name in place[:-1]:
        record = _inner(record, name, place)
    return record.get(place[-1], _MISSING)


def _inner(record, name, place):
    inner = record.get(name, {})
    if not isinstance(inner, dict):
        raise ValueError("%r: %r is %s, not a dict" % (".".join(place), name, called(inner)))
    return inner


def _step(record, place, operator, argument):
    old = _value(record, place)
    new = _result(operator, old, argument, place)
    if new is not _MISSING:
        put(record, place, new)
    elif old is not _MISSING:
        del _holder(record, place)[place[-1]]


def put(record, place, value):
    """Set the value at a place, and make the dicts on the way that are missing. ValueError when one is no dict."""
    _holder(record, place)[place[-1]] = value


def _holder(record, place):
    """Return the dict of a place's last name. Those on the way are copies: what a caller gave is left alone."""
    for name in place[:-1]:
        inner = dict(_inner(record, name, place))
        record[name] = inner
        record = inner
    return record


def _result(operator, old, argument, place):
    """Return the new value of a field, _MISSING for none. ValueError when the operator does not fit the old one."""
    if operator == "set":
        return argument
    if old is _MISSING:
        return _MISSING if operator == "pull" else [argument[0]] if operator == "push" else argument
    if operator == "rename":
        if argument is _MISSING:
            return old
        raise ValueError("rename: there is a field %r already" % ".".join(place))
    if kind(old) != (4 if operator in ("pull", "push") else kind(argument)):
        raise ValueError("%s does not fit %r, %s" % (operator, ".".join(place), called(old)))
    return _CHANGE[operator](old, argument)


def _sum(old, argument):
    try:
        return old + argument
    except OverflowError:  # of a float and an int that is larger than any
        raise ValueError("inc: %s is too large" % argument)


_CHANGE = {
    "inc": _sum,
    "max": max,
    "min": min,
    "pull": lambda old, element: [other for other in old if not same(other, element)],
    "push": lambda old, argument: (list(old) + [argument[0]])[-argument[1] :],
}
