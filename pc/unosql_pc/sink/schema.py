"""The sink's tables in PostgreSQL: made once, checked at each connection.

Schema `unosql` has what the sink knows, and a table for each collection; schema `fleet` has a view for each collection, which is
for users. A log is only appended to and has no unique index: the cursor makes it exact. A state has a row for each record.
"""
import secrets

from psycopg import sql

from ..terminal import Failure

VERSION = 1
_LOCK = 0x756E6F73716C  # of those who change tables

_TABLES = """
create schema unosql;
create schema if not exists fleet;
create table unosql.meta(version int not null, g text not null);
create table unosql.source(
  source bigint generated always as identity primary key, device text not null, epoch text not null,
  h bigint not null default 0, session text, came text, virgin boolean not null default true, parent text, fork bigint not null default 0,
  collections jsonb not null default '{}', last bigint not null default 0, skew double precision,
  made timestamptz not null default now(), seen timestamptz not null default now(),
  present boolean not null default true, abandoned bigint, unique(device, epoch)) with (fillfactor = 50);
create table unosql.collection(name text not null, log boolean not null, relation text not null unique, primary key(name, log));
create table unosql.gap(source bigint not null, number bigint not null, lo bigint not null, hi bigint not null, told bigint not null,
  at timestamptz not null default now());
create index on unosql.gap(source, number);
create table unosql.found(source bigint not null, number bigint not null, id bigint not null, change bigint not null, primary key(source, number, id));
create table unosql.dead(dead bigint generated always as identity primary key, device text not null, source bigint, number bigint, id bigint,
  version bigint, change bigint, stamp timestamptz, at timestamptz not null default now(), payload bytea not null, error text not null);
create table unosql.stream(device text primary key, next bigint not null, confirmed bigint not null, epoch text, room bigint not null,
  pushed timestamptz);
create index on unosql.stream(device) where next - 1 > confirmed;
create table unosql.item(device text not null, number bigint not null, item jsonb not null, made timestamptz not null default now(),
  primary key(device, number));
"""
_COLUMNS = {
    "source": "source device epoch h session came virgin parent fork collections last skew made seen present abandoned",
    "collection": "name log relation",
    "gap": "source number lo hi told at",
    "found": "source number id change",
    "stream": "device next confirmed epoch room pushed",
    "item": "device number item made",
    "dead": "dead device source number id version change stamp at payload error",
}
_LOG = """
create table {table}(source bigint not null, number bigint not null, id bigint not null, version bigint not null, change bigint not null,
  at timestamptz, received timestamptz not null default now(), doc jsonb);
create index on {table}(source, at);
create index on {table} using brin(received);
create view {view} as select s.device, r.at, r.id, r.doc, r.version, r.received, r.change, r.source from {table} r join unosql.source s using (source)
  where r.doc is not null and (s.abandoned is null or r.change <= s.abandoned);
"""
_STATE = """
create table {table}(source bigint not null, number bigint not null, id bigint not null, version bigint not null, change bigint not null,
  at timestamptz, received timestamptz not null default now(), doc jsonb not null, primary key(source, number, id));
create view {view} as select s.device, r.id, r.doc, r.at, r.version, r.received, r.change, r.source from {table} r join unosql.source s using (source)
  where s.present;
"""


_META = "insert into unosql.meta values ({version}, {g})"
_COLLECTION = "insert into unosql.collection values ({name}, {log}, {relation})"


class WrongSchema(Failure):
    """The database has tables that are not this sink's."""


def ensure(connection, create=True):
    """Make the tables where there are none, with create; WrongSchema when those that are there do not fit."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        if connection.execute("select to_regnamespace('unosql')").fetchone()[0]:
            _check(connection)
        elif create:
            connection.execute(_TABLES)
            connection.execute(_meta())
        else:
            raise WrongSchema("this database has no schema unosql: no sink has ever run on it")


def _meta():
    return sql.SQL(_META).format(version=VERSION, g=secrets.token_hex(8))


def _made(name, is_log, relation, view):
    """The statements that make the table of a collection and its view, and note them."""
    names = {"table": table(relation), "view": sql.Identifier("fleet", view)}
    yield sql.SQL(_LOG if is_log else _STATE).format(**names)
    yield sql.SQL(_COLLECTION).format(name=name, log=is_log, relation=relation)


def text(collections):
    """The SQL that a sink runs on an empty database, and then for collections: [(name, whether it is a log)]."""
    statements, taken = [sql.SQL(_TABLES.strip()), _meta()], set()
    for name, is_log in collections:
        relation, view = next(names for names in _names(name, is_log) if taken.isdisjoint(names))
        taken |= {relation, view}
        statements += _made(name, is_log, relation, view)
    return "".join(statement.as_string(None).strip().rstrip(";") + ";\n" for statement in statements)


def _check(connection):
    there = {}
    for table, column in connection.execute("select table_name, column_name from information_schema.columns where table_schema = 'unosql'"):
        there.setdefault(table, set()).add(column)
    if "version" not in there.get("meta", ()):
        raise WrongSchema("the schema unosql of this database is not a sink's: it has no table meta; take another database")
    row = connection.execute("select version from unosql.meta").fetchone()
    if not row or row[0] != VERSION:
        raise WrongSchema("the schema unosql is of version %s, this sink's is %d" % (row and row[0], VERSION))
    for table, columns in _COLUMNS.items():
        missing = set(columns.split()) - there.get(table, set())
        if missing:
            raise WrongSchema("the table unosql.%s lacks %s" % (table, ", ".join(sorted(missing))))


class Relations:
    """Which table has which collection. most: tables that are made, at most; more collections than that are refused."""

    def __init__(self, connection, most):
        self._connection = connection
        self._most = most
        self._names = None

    def forget(self):
        """What was made in a transaction that did not end well is not there."""
        self._names = None

    def of(self, name, is_log):
        """Return the name of the table of a collection, which is made; None: there are too many."""
        return self.find(name, is_log) or self._made(name, is_log)

    def find(self, name, is_log):
        """Return the name of the table of a collection, or None."""
        if self._names is None:
            self._names = {(n, log): relation for n, log, relation in self._connection.execute("select name, log, relation from unosql.collection")}
        return self._names.get((name, is_log))

    def _made(self, name, is_log):
        self._connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        self._names = None  # another sink may have made it
        if self.find(name, is_log):
            return self.find(name, is_log)
        if len(self._names) >= self._most:
            return None
        relation, view = self._free_names(name, is_log)
        for statement in _made(name, is_log, relation, view):
            self._connection.execute(statement)
        self._names[name, is_log] = relation
        return relation

    def _free_names(self, name, is_log):
        """Names of a table and a view that nothing has yet."""
        for relation, view in _names(name, is_log):
            taken = self._connection.execute(
                "select 1 from pg_class where (relnamespace = to_regnamespace('unosql') and relname = %s) or (relnamespace = to_regnamespace('fleet')"
                " and relname = %s)", (relation, view)).fetchone()
            if not taken:
                return relation, view
        raise WrongSchema("there is no name left for a table of %r" % name)


def _names(name, is_log):
    """Yield pairs of names for a table and a view, the best first; PostgreSQL cuts names behind 63 bytes."""
    kind, short = "log" if is_log else "state", name.encode()[:48].decode(errors="ignore")
    for end in ["", "_" + kind] + ["_%s_%d" % (kind, n) for n in range(2, 1000)]:
        yield "%s_%s%s" % (kind, short, end.replace("_" + kind, "")), short + end


def table(relation):
    return sql.Identifier("unosql", relation)
