"""`unosql query`."""
import itertools
import json

from . import database, odd
from .terminal import Failure, compact, print_json, print_table, say
from unosql.documents.condition import compile
from unosql.documents.query import search

ROWS = 100  # of a table; JSON has no limit of its own


def run(source, key, name, where, limit, order_by, fields, as_json, times):
    """Print records of a collection. where: JSON text or None. order_by, fields: "a,-b" or None. times: Times."""
    where = parse(where)
    with database.reading(source, key) as catalog:
        collection = database.collection(catalog, name)
        tests = compile(times.settled(collection).condition(where))
        rows = search(collection, tests, limit=limit if as_json or limit is not None else ROWS + 1,
                      order_by=names(order_by), fields=names(fields))
        remarks = odd.Remarks()
        rows = map(times.record, remarks.found(collection, rows))
        _print_lines(rows) if as_json else _print_rows(list(rows), limit)
    remarks.tell()
    return 0


def parse(where):
    """The condition in JSON text."""
    try:
        condition = json.loads(where) if where else None
    except ValueError as error:
        raise Failure("the condition is not JSON: %s; write it like '{\"age\": {\"gt\": 18}}'" % error) from None
    if condition is not None and not isinstance(condition, dict):
        raise Failure("the condition is not a JSON object; write it like '{\"age\": {\"gt\": 18}}'")
    return condition


def names(text):
    """The names in "a,b" as a list, or None."""
    return [name.strip() for name in text.split(",")] if text else None


def _print_lines(rows):
    for record in rows:
        print_json(record)


def _print_rows(rows, limit):
    shown = rows if limit is not None else rows[:ROWS]
    columns = columns_of(shown)
    print_table(columns, [[compact(record[name]) if name in record else "" for name in columns] for record in shown])
    if len(shown) < len(rows):
        say("only the first %d; --limit shows more, --json all" % ROWS)


def columns_of(records):
    """All names of fields: id first, then as they come, the other two of the database's own last."""
    found = dict.fromkeys(itertools.chain.from_iterable(records))
    first, last = [n for n in found if n == "id"], [n for n in ("timestamp", "version") if n in found]
    return first + [n for n in found if n not in first + last] + last
