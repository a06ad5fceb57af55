"""`unosql query`: records, or sums of them."""
from typing import NamedTuple

from . import database, odd, strict_json, summing, writing
from .terminal import Failure, compact, print_json, print_table, say, shown
from unosql.documents.condition import compile
from unosql.documents.query import search

ROWS = 100  # of a table; other forms have no limit of their own
columns_of = writing.columns_of


class Query(NamedTuple):
    """What is asked for. where: JSON text or None. order_by, fields: lists or None. sums: summing.Sums or None."""

    where: str | None = None
    limit: int | None = None
    order_by: list | None = None
    fields: list | None = None
    sums: object = None


def run(source, key, name, query, times, output=None):
    """Print what is found in a collection. output: "rows" (JSON lines), a form or a file; None: a table for people."""
    _check(query)
    with database.reading(source, key) as catalog:
        remarks = odd.Remarks()
        table = writing.Table(name, _found(catalog, name, query, times, remarks, output), () if times.raw else times.fields)
        _print(table, query.limit, output)
    remarks.tell()
    return 0


def _check(query):
    if query.limit is not None and query.limit < 0:
        raise Failure("--limit %d: less than none" % query.limit)
    if query.sums and query.fields:
        raise Failure("--fields is for records; a sum names its fields itself")


def _found(catalog, name, query, times, remarks, output):
    """The rows asked for, with times as text: a list, but an iterator where lines are printed as they come."""
    collection = database.collection(catalog, name)
    tests = compile(times.settled(collection).condition(parse(query.where)))
    if query.sums:
        found = summing.rows(remarks.found(collection, search(collection, tests)), query.sums)
        found = summing.ordered(found, query.order_by)[: query.limit]
        return [_timed(row, times, query.sums) for row in found]
    limit = ROWS + 1 if output is None and query.limit is None else query.limit
    rows = remarks.found(collection, search(collection, tests, limit, 0, query.order_by, query.fields))
    rows = map(times.record, rows)
    return rows if output == "rows" else list(rows)


def _timed(row, times, sums):
    """A row of sums with its times as text, those of "min_timestamp" and the like too."""
    own = {"%s_%s" % pair: pair[1] for pair in sums.functions if pair[0] in ("min", "max", "first", "last")}
    return {name: times.text(value) if own.get(name, name) in times.fields else value for name, value in row.items()}


def _print(table, limit, output):
    if output is None:
        _print_rows(list(table), limit)
    elif output == "rows":
        for record in table:
            print_json(record)
    elif output in writing.FORMS:
        writing.show(output, [table], False)
    else:
        total = writing.write(writing.form_of(output), output, [table], False)
        say("%d rows written to %s" % (total, shown(output)))


def parse(where):
    """The condition in JSON text."""
    try:
        condition = strict_json.loads(where) if where else None
    except (ValueError, RecursionError) as error:
        raise Failure("the condition: %s; write it like '{\"age\": {\"gt\": 18}}'" % strict_json.reason(error)) from None
    if condition is not None and not isinstance(condition, dict):
        raise Failure("the condition is not a JSON object; write it like '{\"age\": {\"gt\": 18}}'")
    return condition


def names(text):
    """The names in "a,b" as a list, or None for None. Failure where one is empty."""
    found = None if text is None else [name.strip() for name in text.split(",")]
    if found and not all(found):
        raise Failure("%r is not names of fields, as a,b" % text)
    return found


def _print_rows(rows, limit):
    first = rows if limit is not None else rows[:ROWS]
    print_records(first)
    if len(first) < len(rows):
        say("only the first %d; --limit shows more, --json all" % ROWS)


def print_records(records):
    """A table for people."""
    columns = columns_of(records)
    print_table(columns, [[compact(record[name]) if name in record else "" for name in columns] for record in records])
