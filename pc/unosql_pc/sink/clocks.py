"""Clocks that were set: what a device tells of that in its log `_clock`, and how the times of its records are put right."""
import json

from psycopg import sql

from . import schema

NAME = "_clock"
_MOST = 1 << 32  # seconds; a larger step is none
_UPDATE = "update {} set at = at + %s * interval '1 second' where source = %s and change > %s and change < %s"


def step(line):
    """Return (since, until, seconds) of a line of `_clock`: changes in between have a time that is so many seconds too low; or None."""
    try:
        told = json.loads(line.fields or b"null")
        since, seconds = told["since"], told["seconds"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return None
    if not all(type(n) is int and abs(n) < most for n, most in ((since, 1 << 62), (seconds, _MOST))):
        return None
    return since, line.change, seconds


def put_right(connection, relations, number, collections, found):
    """Correct the times of a source's rows. collections: its Knowns. found: (since, until, seconds)."""
    since, until, seconds = found
    tables = {relations.find(known.name, known.is_log) for known in collections}
    for relation in sorted(tables - {None}):
        connection.execute(sql.SQL(_UPDATE).format(schema.table(relation)), (seconds, number, since, until))
