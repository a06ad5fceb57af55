"""Checks of what users pass."""


def check_number(name, n, lo=0, hi=1 << 62):
    """Raise ValueError, with the argument's name, unless n is an int and lo <= n <= hi."""
    if not isinstance(n, int) or not lo <= n <= hi:
        raise ValueError("%s is a number from %d to %d, not %r" % (name, lo, hi, n))


def check_name(name):
    """Raise ValueError unless it may be a collection's name."""
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise ValueError("the name of a collection is a string of 1 to 64 characters, not %r" % (name,))


def check_strings(name, strings):
    """Return a list or tuple of str as a list; ValueError with the argument's name for anything else."""
    if not isinstance(strings, (list, tuple)) or not all(isinstance(s, str) for s in strings):
        raise ValueError("%s is a list of strings, not %r" % (name, strings))
    return list(strings)
