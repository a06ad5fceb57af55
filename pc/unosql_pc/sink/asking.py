"""`unosql sink devices|gaps|dead|forget|rename`: what the sink's database knows, and small changes to it."""
import contextlib
import json

import psycopg
from psycopg import sql

from ..terminal import Failure, print_json, print_table, say, shown
from . import rows, schema
from .protocol import Line
from .store import last_line

_DEVICES = """
select device, epoch, h, greatest(last - h, 0) as waiting, seen, extract(epoch from now() - seen)::float8 as age, skew,
  ((select coalesce(sum(hi - lo), 0) from unosql.gap g where g.source = s.source)
    - (select count(*) from unosql.found f where f.source = s.source))::bigint as lost,
  (select count(*) from unosql.dead d where d.device = s.device) as dead,
  (select count(*) from unosql.source o where o.device = s.device) as epochs
from unosql.source s where present and (%(device)s::text is null or device = %(device)s) order by device
"""
_GAPS = """
select s.device, s.epoch, s.collections -> g.number::text ->> 'name' as collection, g.lo as first, g.hi - 1 as last,
  g.hi - g.lo - (select count(*) from unosql.found f where f.source = g.source and f.number = g.number and f.id >= g.lo and f.id < g.hi) as lost, g.at
from unosql.gap g join unosql.source s using (source) where %(device)s::text is null or s.device = %(device)s order by s.device, g.at, g.number, g.lo
"""
_LETTER = """
select source, d.number, id, version, change, floor(extract(epoch from stamp - timestamptz '2000-01-01 UTC'))::bigint, payload,
  collections -> d.number::text
from unosql.dead d join unosql.source using (source) where dead = %s
"""
_DEAD = """
select d.dead, d.device, s.collections -> d.number::text ->> 'name' as collection, d.id, d.at, d.error, d.payload
from unosql.dead d left join unosql.source s using (source) where %(device)s::text is null or d.device = %(device)s order by d.dead
"""
_INSERT = "insert into {} as t (%s) values (%%s, %%s, %%s, %%s, %%s, timestamptz '2000-01-01 UTC' + %%s * interval '1 second', %%s)" % rows.COLUMNS
_UNLESS_NEWER = """
 on conflict (source, number, id) do update set version = excluded.version, change = excluded.change, at = excluded.at, received = now(),
  doc = excluded.doc where t.change < excluded.change
"""


@contextlib.contextmanager
def opened(dsn):
    """A connection to a sink's database, in one transaction. Failure says what is wrong."""
    try:
        with psycopg.connect(dsn, connect_timeout=10, application_name="unosql sink") as connection:
            schema.ensure(connection, create=False)
            yield connection
    except psycopg.Error as error:
        raise Failure("PostgreSQL: %s" % last_line(error)) from None


def _asked(dsn, query, device):
    """Return (names of columns, rows)."""
    with opened(dsn) as connection:
        cursor = connection.execute(query, {"device": device})
        return [column.name for column in cursor.description], cursor.fetchall()


def show(names, found, as_json):
    """Print rows as a table, or as JSON lines."""
    if as_json:
        for row in found:
            print_json({name: _plain(value) for name, value in zip(names, row)})
    else:
        print_table(names, [["" if value is None else _plain(value) for value in row] for row in found])


def _plain(value):
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else round(value, 1) if isinstance(value, float) else value


def devices(dsn, device, as_json):
    """Print a line for each device: how far it is, what waits there, when it was heard of."""
    show(*_asked(dsn, _DEVICES, device), as_json)
    return 0


def gaps(dsn, device, as_json):
    """Print the ids that never came: the device had dropped them."""
    show(*_asked(dsn, _GAPS, device), as_json)
    return 0


def dead(dsn, device, as_json, retry=None, drop=None):
    """Print what PostgreSQL did not take, or try one again, or drop it."""
    if retry is not None:
        return _retry(dsn, retry)
    if drop is not None:
        return _drop(dsn, drop)
    show(*_asked(dsn, _DEAD, device), as_json)
    return 0


def _drop(dsn, number):
    with opened(dsn) as connection:
        if not connection.execute("delete from unosql.dead where dead = %s", (number,)).rowcount:
            raise Failure("there is no dead letter %d" % number)
    return 0


def _retry(dsn, number):
    """Store a dead letter as it would have been. Of state a later change stays."""
    with opened(dsn) as connection:
        row = connection.execute(_LETTER, (number,)).fetchone()
        if not row:
            raise Failure("there is no dead letter %d with a record" % number)
        source, *line, known = row
        _store(connection, source, Line(*line), known)
        connection.execute("delete from unosql.dead where dead = %s", (number,))
    say("stored")
    return 0


def _store(connection, source, line, known):
    relation = schema.Relations(connection, 1 << 30).of(known["name"], known["is_log"])
    values = (source, line.number, line.id, line.version, line.change, line.timestamp, line.fields.decode() or None)
    query = sql.SQL(_INSERT + ("" if known["is_log"] else _UNLESS_NEWER)).format(schema.table(relation))
    connection.execute(query, values)


def forget(dsn, device, is_sure):
    """Delete all that came from a device."""
    with opened(dsn) as connection:
        sources = [source for source, in connection.execute("select source from unosql.source where device = %s for update", (device,))]
        if not sources:
            raise Failure("no device %s was ever here" % shown(device))
        if not is_sure:
            raise Failure("this deletes all records of %s: say so with --yes" % shown(device))
        relations = [relation for relation, in connection.execute("select relation from unosql.collection")]
        for relation in ["gap", "found", *relations, "source"]:
            connection.execute(sql.SQL("delete from {} where source = any(%s)").format(schema.table(relation)), (sources,))
        for table in ("dead", "stream", "item"):
            connection.execute(sql.SQL("delete from {} where device = %s").format(schema.table(table)), (device,))
    return 0


def rename(dsn, old, new):
    """Let what came from a device be of another name, before the device takes that."""
    with opened(dsn) as connection:
        if connection.execute("select 1 from unosql.source where device = %s", (new,)).fetchone():
            raise Failure("there is a device %s already" % shown(new))
        if not connection.execute("update unosql.source set device = %s where device = %s", (new, old)).rowcount:
            raise Failure("no device %s was ever here" % shown(old))
        for table in ("dead", "stream", "item"):
            connection.execute(sql.SQL("update {} set device = %s where device = %s").format(schema.table(table)), (new, old))
    return 0


def replay(dsn, device, change):
    """Let a device send again what changed after `change`. Rows go that it has still; what it dropped stays.

    Which those are, the oldest ids tell that it told last. What it drops meanwhile becomes a gap.
    """
    with opened(dsn) as connection:
        row = connection.execute("select source, h, collections from unosql.source where device = %s and present for update", (device,)).fetchone()
        if not row:
            raise Failure("no device %s was ever here" % shown(device))
        source, h, collections = row
        if not 0 <= change < h:
            raise Failure("%s has sent changes 1 to %d: --from takes 0 to %d" % (shown(device), h, h - 1))
        for number, known in collections.items():
            if known["is_log"]:
                known["next_id"] = _reopened(connection, source, int(number), known, change)
        connection.execute("update unosql.source set h = %s, collections = %s where source = %s", (change, json.dumps(collections), source))
    say("%s sends again from change %d on, when it is there" % (shown(device), change))
    return 0


def _reopened(connection, source, number, known, change):
    """Forget the rows and gaps of a log that its device has still; return the id that is next then."""
    relation = schema.Relations(connection, 0).find(known["name"], True)
    first = known["first"]
    if relation:
        connection.execute(sql.SQL("delete from {} where source = %s and number = %s and change > %s and id >= %s").format(schema.table(relation)),
                           (source, number, change, first))
        kept = sql.SQL("select coalesce(max(id), 0) from {} where source = %s and number = %s").format(schema.table(relation))
        first = max(first, connection.execute(kept, (source, number)).fetchone()[0] + 1)
    for table, id in (("gap", "lo"), ("found", "id")):
        connection.execute("delete from unosql.%s where source = %%s and number = %%s and %s >= %%s" % (table, id), (source, number, first))
    return min(known["next_id"], first)
