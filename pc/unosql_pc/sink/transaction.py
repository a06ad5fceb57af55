"""What a group of messages changes: decided one by one, written together.

    transaction = Transaction(connection, relations)
    transaction.load(messages)                  # locks their sources, in order: two sinks wait for each other, but never in a circle
    answer = transaction.take(device, message)
    transaction.finish()                        # writes rows and cursors; the caller commits, then answers
"""
import json
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

import psycopg
from psycopg import sql

from . import clocks, downlink, protocol, rows, schema, streams
from .past import Past

_LOADED = "source, present, device, epoch, h, session, came, virgin, parent, fork, collections"
_UPDATE = """
update unosql.source s set h = k.h, session = k.session, came = k.came, virgin = k.virgin, collections = k.collections::jsonb, last = k.last,
  skew = k.skew, seen = now()
from unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::bigint[], %s::float8[])
  as k(source, h, session, came, virgin, collections, last, skew)
where s.source = k.source
"""
_UPSERT = sql.SQL("""
insert into {table} ({columns}) select {columns} from staged on conflict (source, number, id) do update
  set version = excluded.version, change = excluded.change, at = excluded.at, received = now(), doc = excluded.doc
""")
_DELETE = sql.SQL("""
delete from {} t using unnest(%s::bigint[], %s::bigint[], %s::bigint[]) as k(source, number, id)
where t.source = k.source and t.number = k.number and t.id = k.id
""")
_FOUND = """
insert into unosql.found select k.* from unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) as k(source, number, id, change)
where exists (select 1 from unosql.gap g where g.source = k.source and g.number = k.number and g.lo <= k.id and k.id < g.hi)
order by change on conflict do nothing
"""
STAGED = "create temp table staged(%s) on commit delete rows" % (
    "source bigint, number bigint, id bigint, version bigint, change bigint, at timestamptz, doc jsonb")
_DEAD = """
insert into unosql.dead(device, source, number, id, version, change, stamp, payload, error)
values (%s, %s, %s, %s, %s, %s, timestamptz '2000-01-01 UTC' + %s * interval '1 second', %s, %s)
"""


class Again(psycopg.Error):
    """Another sink was faster: the group is to be taken again."""


@dataclass
class Stored:
    """A Source with the number that it has in the database. is_present: whether it is its device's. last, skew: what that told last."""

    number: int
    source: protocol.Source
    is_present: bool = True
    last: int = 0
    skew: float | None = None


def stored(row):
    """Return the Stored of a row of _LOADED."""
    number, is_present, _, epoch, *state, collections = row
    known = {int(n): protocol.Known(**told) for n, told in collections.items()}
    return Stored(number, protocol.Source(epoch, *state, known), is_present)


class Transaction:
    """bad: {change: error} of lines that PostgreSQL does not take, of the one message there is then."""

    def __init__(self, connection, relations, bad=None):
        self.connection = connection
        self.relations = relations
        self.counts = Counter()
        self.told = []  # what the log says when it is committed
        self._bad = bad or {}
        self._sources = {}  # {(device, epoch): Stored or None}
        self._touched = {}
        self._streams = {}  # {device: Stream} of those that take what goes down
        self._sessions = {}  # {device: session to which something may go down}
        self._logs = defaultdict(list)  # {name of a table: [bytes]}
        self._states = defaultdict(dict)  # {name: {(source, number, id): bytes, None: it goes}}
        self._removed, self._gaps, self._found, self._dead = [], [], [], []
        self._steps = []  # [(Stored, what clocks.step() found)]

    def load(self, messages):
        """messages: [(device, Message)]."""
        keys = sorted({(device, message.header["e"]) for device, message in messages})
        self._sources = dict.fromkeys(keys)
        for row in self.connection.execute(
                "select %s from unnest(%%s::text[], %%s::text[]) as k(device, epoch) join unosql.source using (device, epoch) order by source"
                " for update of source" % _LOADED, ([d for d, _ in keys], [e for _, e in keys])):
            self._sources[row[2], row[3]] = stored(row)
        if devices := {device for device, message in messages if streams.is_told(message)}:
            self._streams = streams.load(self.connection, devices)

    def source(self, device, epoch):
        """Return the Stored of a source, loaded or not, or None."""
        if (device, epoch) not in self._sources:
            row = self.connection.execute("select %s from unosql.source where device = %%s and epoch = %%s" % _LOADED, (device, epoch)).fetchone()
            self._sources[device, epoch] = stored(row) if row else None
        return self._sources[device, epoch]

    # -- a message

    def take(self, device, message):
        """Return the answer, a dict. Torn: nothing of the message is taken."""
        downlink.cursor(message.header)
        key = device, message.header["e"]
        had = self.source(*key)
        source, decision = protocol.decide(message, had and had.source, Past(self, device))
        if source:
            there = had or self._made(device, source)
            self._note(there, message.header)
            if decision.lines and not there.is_present:
                self._return(device, there)
            if streams.is_told(message):
                self._note_stream(device, there, message, decision.answer)
            self._keep(device, there, decision, rows.epoch_of(message.header))
        self._count(device, message, decision)
        return decision.answer

    def _made(self, device, source):
        row = self.connection.execute(
            "insert into unosql.source(device, epoch, parent, fork) values (%s, %s, %s, %s) on conflict do nothing returning source",
            (device, source.epoch, source.parent, source.fork)).fetchone()
        if not row:
            raise Again
        self._sources[device, source.epoch] = made = Stored(row[0], source, False)
        self._set_present(device, made)
        if source.parent:
            self.connection.execute("update unosql.source set abandoned = least(abandoned, %s) where device = %s and epoch = %s",
                                    (source.fork, device, source.parent))
            self.counts["forks"] += 1
            self.told.append("%s: a fork of its epoch %s at change %d" % (device, source.parent, source.fork))
        return made

    def _note_stream(self, device, there, message, answer):
        if device not in self._streams and message.is_hello:
            self._streams[device] = streams.new(self.connection)
        if device in self._streams:
            streams.note(self._streams[device], message, answer)
            self._sessions[device] = there.source.session

    def _return(self, device, there):
        """A source goes on that another one had followed: there are two devices of that name, or an old message came late."""
        self._set_present(device, there)
        self.connection.execute("update unosql.source set abandoned = null where source = %s", (there.number,))
        self.told.append("%s: epoch %s goes on beside a later one: are there two devices of that name?" % (device, there.source.epoch))

    def _set_present(self, device, there):
        self.connection.execute("update unosql.source set present = source = %s where device = %s and present <> (source = %s)",
                                (there.number, device, there.number))
        for (name, _), other in self._sources.items():
            if other and name == device:
                other.is_present = other is there

    def _note(self, there, header):
        there.last = header.get("l", header["t"])
        if "w" in header:
            there.skew = header["w"] - rows.epoch_of(header) + 946_684_800 - time.time()
        self._touched[there.number] = there

    def _keep(self, device, there, decision, epoch):
        known = there.source.collections
        for number, first in decision.removed:
            self._remove(there, number, first)
        for line in decision.lines:
            collection = known[line.number]
            table = self.relations.of(collection.name, collection.is_log)
            if error := self._bad.get(line.change) or table is None and "there are too many collections: --tables allows more":
                self._bury(device, there.number, line, epoch, error)
            elif collection.is_log:
                self._logs[table].append(rows.packed(there.number, line, epoch))
                if collection.name == clocks.NAME and (step := clocks.step(line)):
                    self._steps.append((there, step))
            else:
                self._states[table][there.number, line.number, line.id] = line.fields and rows.packed(there.number, line, epoch)
        self._gaps.extend((there.number, number, lo, hi, there.source.h) for number, lo, hi in decision.gaps)
        self._found.extend((there.number, number, id, there.source.h) for number, id in decision.found)
        for number, lo, hi in decision.gaps:
            self.told.append("%s: %d records of %s are lost: ids %d to %d" % (device, hi - lo, known[number].name, lo, hi - 1))

    def _remove(self, there, number, first):
        table = self.relations.of(there.source.collections[number].name, False)
        if table:
            self._removed.append((table, there.number, number, first))
            waiting = self._states[table]
            for key in [key for key in waiting if key[:2] == (there.number, number) and key[2] < first]:
                del waiting[key]

    def _bury(self, device, number, line, epoch, error):
        seconds = min(line.timestamp - epoch, 1 << 37)
        self._dead.append((device, number, line.number, line.id, line.version, line.change, seconds, line.fields or b"", error))
        self.told.append("%s: dead letter, change %d: %s" % (device, line.change, error))

    def _count(self, device, message, decision):
        say = (decision.answer or {}).get("say")
        self.counts["hellos" if message.is_hello else "batches"] += 1
        self.counts["records"] += len(decision.lines)
        if say is None and not message.is_hello:
            self.counts["skipped"] += len(message.lines) - len(decision.lines)
        if say:
            self.counts["say_" + say] += 1
        self.counts["gaps"] += sum(hi - lo for _, lo, hi in decision.gaps)

    # -- all of it

    def finish(self):
        """Write everything; return the messages that are to go down after the answers: [(device, bytes)]."""
        self.flush()
        for there, step in self._steps:
            clocks.put_right(self.connection, self.relations, there.number, there.source.collections.values(), step)
        if self._touched:
            self.connection.execute(_UPDATE, self._columns())
        for device in self._sessions:
            streams.save(self.connection, device, self._streams[device])
        found = [(device, streams.message(self._streams[device], session)) for device, session in self._sessions.items()]
        return streams.pushed(self.connection, [(device, payload) for device, payload in found if payload])

    def _columns(self):
        """Return the columns of what changed of the sources, as lists."""
        found = [(there.number, there.source.h, there.source.session, there.source.came, there.source.is_virgin,
                  json.dumps({number: asdict(known) for number, known in there.source.collections.items()}), there.last, there.skew)
                 for there in self._touched.values()]
        return [list(column) for column in zip(*found)]

    def flush(self):
        """Write the rows that wait: what asks for the rows of a source then finds them."""
        for table, *key in self._removed:
            self.connection.execute(sql.SQL("delete from {} where source = %s and number = %s and id < %s").format(schema.table(table)), key)
        for table, packed in self._logs.items():
            self._copy(schema.table(table), packed)
        for table, records in self._states.items():
            self._change_state(table, records)
        self._write_gaps()
        if self._dead:
            with self.connection.cursor() as cursor:
                cursor.executemany(_DEAD, self._dead)
            self.counts["dead"] += len(self._dead)
        for waiting in (self._removed, self._logs, self._states, self._gaps, self._found, self._dead):
            waiting.clear()

    def _copy(self, table, packed):
        with self.connection.cursor() as cursor, cursor.copy(sql.SQL("copy {} (%s) from stdin (format binary)" % rows.COLUMNS).format(table)) as copy:
            copy.write(rows.HEAD + b"".join(packed) + rows.END)

    def _change_state(self, table, records):
        gone = [key for key, packed in records.items() if packed is None]
        there = [packed for packed in records.values() if packed is not None]
        if gone:
            self.connection.execute(_DELETE.format(schema.table(table)), [list(column) for column in zip(*gone)])
        if there:
            self._copy(sql.Identifier("staged"), there)
            self.connection.execute(_UPSERT.format(table=schema.table(table), columns=sql.SQL(rows.COLUMNS)))
            self.connection.execute("delete from staged")

    def _write_gaps(self):
        if self._gaps:
            with self.connection.cursor() as cursor:
                cursor.executemany("insert into unosql.gap values (%s, %s, %s, %s, %s)", self._gaps)
        if self._found:
            self.connection.execute(_FOUND, [list(column) for column in zip(*self._found)])
