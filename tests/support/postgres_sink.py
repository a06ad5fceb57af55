"""The sink's store in PostgreSQL as the model of the protocol takes a sink: with what MemorySink has."""
import json

import psycopg
from psycopg import sql

import memory_sink  # noqa: F401  unosql_pc lies on its path
from unosql_pc.sink import protocol, schema, streams
from unosql_pc.sink.protocol import Line
from unosql_pc.sink.store import Store
from unosql_pc.sink.transaction import stored

DEVICE = "pump"
TABLES = ("source", "gap", "found", "dead", "stream", "item")


class Tables:
    """All that a sink's database holds, as one value."""

    def __init__(self, connection):
        self._connection = connection

    def _names(self):
        relations = [relation for relation, in self._connection.execute("select relation from unosql.collection")]
        return [*TABLES, *relations]

    def saved(self):
        with self._connection.transaction():
            self._connection.execute("set transaction isolation level repeatable read")
            return {table: self._connection.execute(sql.SQL("select * from {}").format(schema.table(table))).fetchall() for table in self._names()}

    def put_back(self, saved):
        """Tables that were made since stay, and are empty."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table in self._names():
                cursor.execute(sql.SQL("delete from {}").format(schema.table(table)))
                for row in saved.get(table, ()):
                    values = [json.dumps(value) if isinstance(value, (dict, list)) else value for value in row]
                    cursor.execute(sql.SQL("insert into {} overriding system value values ({})").format(
                        schema.table(table), sql.SQL(", ").join([sql.Placeholder()] * len(row))), values)


class PostgresSink:
    """Of one device, in a database that is emptied."""

    def __init__(self, dsn):
        self.store = Store(dsn)
        self.store.connect()
        self.reader = psycopg.connect(dsn, autocommit=True)
        self.put_back({})

    def close(self):
        self.store.close()
        self.reader.close()

    def receive(self, payload):
        answers = self.store.take([(DEVICE, protocol.parse(payload))])
        return json.dumps(answers[0][1]).encode() if answers else None

    def saved(self):
        return Tables(self.reader).saved()

    def put_back(self, saved):
        Tables(self.reader).put_back(saved)

    # -- what goes down

    @property
    def stream(self):
        return Stream(self.reader)

    def push(self):
        """Return what is to go down to the device that was let in last, bytes, or None."""
        with self.reader.transaction():
            stream = streams.load(self.reader, [DEVICE]).get(DEVICE)
            source = stream and self._source(stream.epoch)
            return source and streams.message(stream, source.source.session)

    # -- what the model looks at

    def _source(self, epoch):
        row = self.reader.execute("select source, present, device, epoch, h, session, came, virgin, parent, fork, collections from unosql.source"
                                  " where epoch = %s", (epoch,)).fetchone()
        return stored(row) if row else None

    def _lines(self, there, number, is_log, upto):
        known = there.source.collections.get(number)
        relation = known and schema.Relations(self.reader, 0).find(known.name, is_log)
        if not relation:
            return []
        found = self.reader.execute(sql.SQL("select number, id, version, change, 0, doc::text from {} where source = %s and number = %s and change <= %s")
                                    .format(schema.table(relation)), (there.number, number, upto))
        return [Line(*line, doc and doc.encode()) for *line, doc in found]

    def lineage(self, epoch, number, upto=memory_sink.NEVER - 1):
        there = self._source(epoch)
        if not there:
            return []
        rest = self.lineage(there.source.parent, number, min(upto, there.source.fork)) if there.source.parent else []
        return self._lines(there, number, True, upto) + rest

    def missing(self, epoch, number, upto=memory_sink.NEVER - 1):
        there = self._source(epoch)
        if not there:
            return set()
        found = {id for id, in self.reader.execute(
            "select id from unosql.gap, generate_series(lo, hi - 1) id where source = %(s)s and number = %(n)s and told <= %(u)s except"
            " select id from unosql.found where source = %(s)s and number = %(n)s and change <= %(u)s", {"s": there.number, "n": number, "u": upto})}
        return found | (self.missing(there.source.parent, number, min(upto, there.source.fork)) if there.source.parent else set())

    @property
    def state(self):
        """{(epoch, number, id): Line} of all state."""
        found = {}
        for epoch, in self.reader.execute("select epoch from unosql.source").fetchall():
            there = self._source(epoch)
            for number in there.source.collections:
                found.update({(epoch, number, line.id): line for line in self._lines(there, number, False, memory_sink.NEVER)})
        return found


class Stream:
    """What the model does with a downlink.Stream, on that in PostgreSQL."""

    def __init__(self, connection):
        self._connection = connection

    def add(self, *item):
        with self._connection.transaction():
            stream = streams.load(self._connection, [DEVICE]).get(DEVICE) or streams.new(self._connection)
            number = stream.add(*item)
            streams.save(self._connection, DEVICE, stream)
            return number

    @property
    def confirmed(self):
        return self._connection.execute("select coalesce(max(confirmed), 0) from unosql.stream").fetchone()[0]

    @property
    def life(self):
        return self._connection.execute("select g from unosql.meta").fetchone()[0]
