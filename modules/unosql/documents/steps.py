"""Calls in steps: generators that yield where others may come between, and return the call's result.

Where a generator yields rows, `...` is none of them: only such a place.
"""


def finish(steps):
    """Take all steps, and return what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def collected(rows):
    """Steps: return a list of the rows."""
    found = []
    for row in rows:
        if row is not ...:
            found.append(row)
        yield
    return found


def counted(rows):
    """Steps: return how many rows there are."""
    n = 0
    for row in rows:
        n += row is not ...
        yield
    return n
