"""Checks of what users pass."""

from ..native import native
from .text import joined


def called(value):
    """Return what a value is, in words: "an int", "a dict", "None"."""
    name = type(value).__name__ or "ellipsis"  # so on MicroPython
    return "None" if value is None else ("an " if name[0] in "aeiouAEIOU" else "a ") + name


def check_number(name, n, lo=0, hi=1 << 62):
    """Raise ValueError, with the argument's name, unless n is an int, which True is not, and lo <= n <= hi."""
    if not isinstance(n, int) or isinstance(n, bool) or not lo <= n <= hi:
        raise ValueError("%s is an int from %d to %d, not %r" % (name, lo, hi, n))


def check_name(name):
    """Return a collection's name, with surrogate pairs joined. ValueError when it can't be one."""
    if not isinstance(name, str) or not 0 < len(name) <= (640 if "\ufffd" in name else 64):  # see text.escaped()
        raise ValueError("the name of a collection is a string of 1 to 64 characters, not %r" % (name,))
    return settle(name, "the name of a collection")


def check_strings(name, strings):
    """Return a list or tuple of str as a list; ValueError with the argument's name for anything else."""
    if not isinstance(strings, (list, tuple)) or not all(isinstance(s, str) for s in strings):
        raise ValueError("%s is a list of strings, not %r" % (name, strings))
    return list(settle(strings, name))


def settle(value, name):
    """Return a JSON value as it would be stored: value itself, or a copy with surrogate pairs joined.

    ValueError names the place of text that is not Unicode.
    """
    if _is_ascii(value):
        return value
    return joined(value, name)


def _is_ascii(value):
    if isinstance(value, str):
        return native.is_ascii(value)
    if isinstance(value, (dict, list, tuple)):
        for part in value:  # without a generator, which takes RAM
            if not _is_ascii(part) or isinstance(value, dict) and not _is_ascii(value[part]):
                return False
    return True
