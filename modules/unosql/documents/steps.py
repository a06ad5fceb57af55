"""Calls in steps: generators that yield where others may come between, and return the call's result.

Where a generator yields rows, `...` is none of them: only such a place.
"""

from ..errors import StorageFullError


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


def again(catalog, batch, *arguments):
    """Steps of batch(*arguments), and once more if that finds no room: what was removed before it has been reclaimed by then."""
    try:
        return (yield from batch(*arguments))
    except StorageFullError:  # within a transaction nothing can be reclaimed
        if catalog.in_transaction or catalog.store.is_short:
            raise
    return (yield from batch(*arguments))
