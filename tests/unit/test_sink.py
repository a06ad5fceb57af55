"""`unosql sink` on real servers: mosquitto, nats-server and PostgreSQL, with devices that are real databases.

The same random schedules as for a sink in RAM run on PostgreSQL; a fleet of 1,000 devices is equal to what PostgreSQL has;
sinks, brokers, PostgreSQL and devices are killed in the midst of their work; and nobody is held up by what others send.
"""
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib

import psycopg
import pytest
from paho.mqtt import client as paho

import here
import show_fleet
import sync_world
from chaos import Chaos, PutBack
from fleet import Device, Fleet, Sink, unosql
from memory_sink import MemorySink
from postgres_sink import PostgresSink
from servers import PASSWORD, Mosquitto, Nats, Postgres, free_port, wait_for

sys.path.insert(0, str(here.ROOT / "pc"))
from unosql_pc.sink import protocol, schema, sending  # noqa: E402
from unosql_pc.sink.inbox import Inbox  # noqa: E402
from unosql_pc.sink.protocol import Torn, parse  # noqa: E402
from unosql_pc.sink.service import Service  # noqa: E402
from unosql_pc.sink.store import Store  # noqa: E402
from unosql_pc.terminal import Failure  # noqa: E402

READINGS = {"1": ["readings", 1, 1]}
SETTINGS = {"2": ["settings", 1, 0]}


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def mosquitto():
    with Mosquitto() as server:
        yield server


@pytest.fixture
def dsn(postgres):
    return postgres.database()


@pytest.fixture
def store(dsn):
    store = Store(dsn)
    store.connect()
    yield store
    store.close()


def message(lines=(), f=0, t=None, c=READINGS, **more):
    """A message of lines [(number, id, change, fields)]; see FORMAT.md."""
    t = f + len(lines) if t is None else t
    header = dict({"e": "epoch", "f": f, "t": t, "b": f, "n": len(lines), "S": "session", "s": "nonce", "l": t, "w": 817003600, "z": 2000, "c": c}, **more)
    told = [b"[%d,%d,1,%d,817000060%s]" % (number, id, change, b"," + fields if fields else b"") for number, id, change, fields in lines]
    return b"\n".join([json.dumps(header).encode(), *told])


def hello(**more):
    return message(**dict({"hello": 1, "C": None, "c": {}}, **more))


def told(store, *payloads, device="pump"):
    """[(say, h)] of the answers to messages that come together."""
    answers = store.take([(device, parse(payload)) for payload in payloads])
    return [(answer.get("say"), answer["h"]) for _, answer in answers]


def ask(dsn, query, *arguments):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query, arguments).fetchall()


# -- the store against the model


@pytest.mark.parametrize("first", [0, 1000])
def test_random_schedules_end_well_in_postgresql(first, dsn):
    wrong = {}
    for seed in range(first, first + 20):
        sink = PostgresSink(dsn)
        if problems := sync_world.run(seed, sink=sink):
            wrong[seed] = problems
        sink.close()
    assert wrong == {}


def test_a_record_that_came_with_a_later_change_only(dsn):
    sink = PostgresSink(dsn)
    assert sync_world.changed_before_all_is_put_back(sink) == []
    sink.close()


def test_it_answers_and_stores_as_the_sink_in_ram_does(dsn):
    """The same messages, step by step: of schedules with all faults."""
    compared = []
    for seed in range(2000, 2030):
        sink, model = PostgresSink(dsn), MemorySink()
        model.stream.life = sink.stream.life
        rng = random.Random(seed)
        world = sync_world.World(sink=sink)
        world.sink = Both(sink, model)
        for _ in range(120):
            sync_world.step(world, rng, ("corrections", "evicting", "images", "disorder", "replacing", "downlink"))
        for epoch, source in model.sources.items():
            for number in source.collections:
                assert sink.missing(epoch, number) == model.missing(epoch, number)
                assert sorted(line[:4] for line in sink.lineage(epoch, number)) == sorted(line[:4] for line in model.lineage(epoch, number))
                compared.append(len(sink.lineage(epoch, number)))
        assert set(sink.state) == {key for key, line in model.state.items() if line.fields is not None}
        sink.close()
    assert len(compared) > 30 and sum(compared) > 150


class Both:
    """Two sinks that must answer alike."""

    def __init__(self, *sinks):
        self.sinks = sinks

    def receive(self, payload):
        answers = [sink.receive(payload) for sink in self.sinks]
        assert json.loads(answers[0]) == json.loads(answers[1])
        return answers[0]

    def push(self):
        messages = [sink.push() for sink in self.sinks]
        assert messages[0] == messages[1]
        return messages[0]

    @property
    def stream(self):
        return self

    @property
    def confirmed(self):
        assert self.sinks[0].stream.confirmed == self.sinks[1].stream.confirmed
        return self.sinks[0].stream.confirmed

    def add(self, *item):
        numbers = [sink.stream.add(*item) for sink in self.sinks]
        assert numbers[0] == numbers[1]
        return numbers[0]


# -- what a message leaves in PostgreSQL


def test_rows_and_times(store, dsn):
    told(store, hello())
    assert told(store, message([(1, 1, 1, b'{"celsius":21.5}')])) == [(None, 1)]
    (row,) = ask(dsn, "select device, at, id, doc, version, change from fleet.readings")
    assert row[0] == "pump" and row[2:] == (1, {"celsius": 21.5}, 1, 1)
    assert row[1].isoformat().replace("+00:00", "") == "2025-11-21T00:27:40"
    (skew,) = ask(dsn, "select skew from unosql.source")[0]
    assert abs(skew - (817003600 + 946684800 - time.time())) < 60


def test_clocks_of_1970_and_of_devices_that_know_no_time(store, dsn):
    told(store, hello())
    told(store, message([(1, 1, 1, b"{}")], z=1970))
    told(store, b"\n".join([message(f=1, t=3, n=2), b"[1,2,1,2,30,{}]", b"[1,3,1,3,4000000000000000000,{}]"]))
    years = [at and at.year for at, in ask(dsn, "select at from fleet.readings order by id")]
    assert years == [1995, 2000, None]
    assert all(late for late, in ask(dsn, "select received > now() - interval '1 minute' from fleet.readings"))


def test_a_clock_that_was_set_puts_times_right(store, dsn):
    """Of the changes that the device names, in messages of before and the same one; nonsense in `_clock` changes nothing."""
    clock, c = {"9": ["_clock", 1, 1]}, {**READINGS, **SETTINGS, "9": ["_clock", 1, 1]}
    told(store, hello())
    told(store, message([(1, 1, 1, b"{}"), (1, 2, 2, b"{}")]), message([(2, 1, 3, b"{}"), (1, 3, 4, b"{}")], f=2, c={**READINGS, **SETTINGS}))
    told(store, message([(1, 4, 5, b"{}"), (9, 1, 6, b'{"since":1,"seconds":3600}'), (1, 5, 7, b"{}")], f=4, c=c))
    hours = "select id, extract(hour from at at time zone 'UTC')::int from fleet.%s order by id"
    assert ask(dsn, hours % "readings") == [(1, 0), (2, 1), (3, 1), (4, 1), (5, 0)] and ask(dsn, hours % "settings") == [(1, 1)]
    for n, nonsense in enumerate((b"[]", b'{"since":0,"seconds":4300000000}', b'{"since":"x","seconds":1}', b'{"since":0}', None)):
        told(store, message([(9, 2 + n, 8 + n, nonsense)], f=7 + n, c=clock))
    assert ask(dsn, hours % "readings") == [(1, 0), (2, 1), (3, 1), (4, 1), (5, 0)] and told(store, hello()) == [(None, 12)]


def test_state_is_what_the_device_has(store, dsn):
    told(store, hello())
    told(store, message([(2, 1, 1, b'{"a":1}'), (2, 2, 2, b'{"a":2}'), (2, 3, 3, b'{"a":3}')], c=SETTINGS))
    told(store, message([(2, 2, 4, b'{"a":5}'), (2, 3, 5, None)], f=3, c=SETTINGS), message([(2, 2, 6, b'{"a":6}')], f=5, c=SETTINGS))
    assert ask(dsn, "select id, doc from fleet.settings order by id") == [(1, {"a": 1}), (2, {"a": 6})]
    told(store, message([(2, 4, 7, b"{}")], f=6, c={"2": ["settings", 2, 0]}))
    assert ask(dsn, "select id from fleet.settings order by id") == [(2,), (4,)]


def test_a_cleared_state_goes_when_its_name_has_a_new_number(store, dsn):
    told(store, hello())
    told(store, message([(2, 1, 1, b'{"a":1}')], c=SETTINGS), message([(5, 1, 2, b'{"a":2}')], f=1, c={"5": ["settings", 1, 0]}))
    assert ask(dsn, "select number, id, doc from fleet.settings join unosql.state_settings using (source, id, doc)") == [(5, 1, {"a": 2})]


def test_a_state_may_become_a_log(store, dsn):
    """What came as state stays; what goes from the device from now on is no removal, and no gap."""
    told(store, hello())
    told(store, message([(1, 1, 1, b"{}"), (1, 2, 2, b"{}")], c={"1": ["readings", 1, 0]}))
    assert told(store, message([(1, 3, 3, b"{}")], f=2, c={"1": ["readings", 3, 1]})) == [(None, 3)]
    assert [ask(dsn, "select id from unosql.%s_readings order by id" % kind) for kind in ("state", "log")] == [[(1,), (2,)], [(3,)]]
    assert ask(dsn, "select count(*) from unosql.gap") == [(0,)]
    assert {name for name, in ask(dsn, "select relname from pg_class where relnamespace = 'fleet'::regnamespace")} == {"readings", "readings_log"}


def test_names_that_are_no_names_of_tables(store, dsn):
    names = ['"; drop table x', "ä" * 64, "ä" * 63 + "b", "Log", "log"]
    told(store, hello())
    collections = {str(n): [name, 1, 1] for n, name in enumerate(names, 1)}
    assert told(store, message([(n, 1, n, b"{}") for n in range(1, 6)], c=collections)) == [(None, 5)]
    found = ask(dsn, "select name, relation from unosql.collection")
    assert {name for name, _ in found} == set(names) and len({relation for _, relation in found}) == 5
    for _, relation in found:
        with psycopg.connect(dsn) as connection:
            assert connection.execute(psycopg.sql.SQL("select count(*) from {}").format(schema.table(relation))).fetchone() == (1,)


BAD = {"NUL": b'{"a":"\\u0000"}', "half a character": b'{"a":"\\ud800"}', "no number": b'{"a":NaN}', "cut off": b'{"a":1', "no text": b'{"a":"\xff"}',
       "deep": b"[" * 100_000 + b"]" * 100_000, "nothing": b" "}


@pytest.mark.parametrize("case", BAD)
def test_what_postgresql_refuses_is_a_dead_letter_and_keeps_nobody(case, store, dsn):
    devices = ["d%d" % n for n in range(9)]
    store.take([(device, parse(hello())) for device in devices])
    messages = [(device, parse(message([(1, 1, 1, b"{}"), (1, 2, 2, BAD[case] if device == "d5" else b"{}"), (1, 3, 3, b"{}")]))) for device in devices]
    answers = store.take(messages)
    assert [(device, answer["h"]) for device, answer in answers] == [(device, 3) for device in devices]
    assert ask(dsn, "select count(*) from fleet.readings") == [(26,)]
    (dead,) = ask(dsn, "select device, id, change, payload, length(error) > 5 from unosql.dead")
    assert dead == ("d5", 2, 2, BAD[case], True)


def test_too_many_collections_are_dead_letters_until_more_are_allowed(dsn):
    store = Store(dsn, tables=1)
    told(store, hello())
    told(store, message([(1, 1, 1, b'{"a":1}'), (2, 1, 2, b'{"b":2}')], c=dict(READINGS, **SETTINGS)))
    assert ask(dsn, "select id, error from unosql.dead") == [(1, "there are too many collections: --tables allows more")]
    store.close()
    assert unosql(dsn, "dead", "--retry", "1")[0] == 0
    assert ask(dsn, "select id, doc, change from fleet.settings") == [(1, {"b": 2}, 2)] and ask(dsn, "select count(*) from unosql.dead") == [(0,)]


def test_a_torn_message_of_a_group_takes_nothing_with_it(store, dsn):
    told(store, hello())
    assert told(store, message([(7, 1, 1, b"{}")]), message([(1, 1, 1, b"{}")])) == [(None, 1)]
    assert store.counts["torn"] == 1 and ask(dsn, "select id from fleet.readings") == [(1,)]


def test_two_stores_at_once_take_each_message_once(dsn):
    """As two sinks that hear the same, and devices that come for the first time."""
    stores = [Store(dsn), Store(dsn)]
    messages = [[("d%d" % n, parse(payload)) for n in range(40)] for payload in
                [hello()] + [message([(1, id, id, b"{}")], f=id - 1) for id in range(1, 15)]]
    answers = [[], []]

    def work(i):
        for group in messages:
            shuffled = random.Random(i).sample(group, len(group))
            answers[i].append({device: answer["h"] for device, answer in stores[i].take(shuffled)})

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(set(last.values()) == {14} for last in (answers[0][-1], answers[1][-1]))
    assert ask(dsn, "select count(*), count(distinct (device, id)) from fleet.readings") == [(40 * 14, 40 * 14)]
    for store in stores:
        store.close()


def test_a_copy_of_a_device_hides_nothing_of_the_other(store, dsn):
    """A fork leaves an abandoned branch behind; when that goes on after all, it counts."""
    told(store, hello(), message([(1, 1, 1, b"{}"), (1, 2, 2, b"{}")]))
    told(store, hello(e="copy", S="copy", x=["epoch", 1]), message([(1, 2, 2, b"{}")], f=0, t=2, n=1, e="copy", S="copy"))
    seen = "select epoch, id from fleet.readings join unosql.source using (source) order by 1, 2"
    assert ask(dsn, seen) == [("copy", 2), ("epoch", 1)]
    told(store, message([(1, 3, 3, b"{}")], f=2))
    assert ask(dsn, seen) == [("copy", 2), ("epoch", 1), ("epoch", 2), ("epoch", 3)]
    assert ask(dsn, "select epoch from unosql.source where present") == [("epoch",)]


ODD = [None, True, 0, 1, -1, 1.5, 1 << 61, 1 << 63, 10 ** 400, "", "a", "\0", "\ud800", "x" * 70, [], [1], ["a", 0], ["epoch", 1 << 61], {},
       {"1": ["a\0", 1, 1]},
       {"1": ["readings", 1 << 61, 1]}, {"1": ["r", 1, []]}, {"-1": ["r", 1, 0]},
       {"1" * 30: ["r", 1, 0]}]

FIELDS = b"{}", b"1", b"{", b'"\xff"', None, b'{"since":0,"seconds":1}'


def mutated(rng):
    """A message of which something is odd."""
    lines = [(rng.choice((1, 2, 9, 1 << 61)), rng.choice((1, 2, 1 << 61)), change, rng.choice(FIELDS)) for change in range(1, rng.randrange(2, 5))]
    c = {"1": ["readings", 1, 1], "2": ["settings", 1, 0], "9": ["_clock", 1, 1]}
    payload = hello(d=None, m=500) if rng.random() < 0.3 else message(lines, c=c)
    header, *rest = payload.split(b"\n")
    header = json.loads(header)
    for name in rng.sample(sorted({*header, "x", "d", "m", "C"}), rng.randrange(3)):
        header[name] = rng.choice(ODD)
    data = bytearray(b"\n".join([json.dumps(header).encode(), *rest]))
    if rng.random() < 0.3:
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def test_no_message_is_too_odd(store, dsn):
    """Whatever comes, a group is taken, and others are answered."""
    rng, taken = random.Random(5), 0
    told(store, hello(), device="good")
    for n in range(600):
        group = [("good", parse(message([(1, n + 1, n + 1, b"{}")], f=n)))]
        for _ in range(3):
            try:
                group.append(("odd%d" % rng.randrange(50), parse(mutated(rng))))
                taken += 1
            except Torn:
                pass
        assert ("good", n + 1) in [(device, answer["h"]) for device, answer in store.take(group) if isinstance(answer, dict)]
    assert taken > 500 and store.counts["dead"] > 20
    assert ask(dsn, "select count(*) from fleet.readings where device = 'good'") == [(600,)]


def test_a_fault_of_ours_keeps_nobody(dsn, monkeypatch):
    """As the fault of a hello without "C" was: the message that finds it has no answer, all others do."""
    decide = protocol.decide

    def faulty(message, source, sources):
        return {}["C"] if message.header["s"] == "fatal" else decide(message, source, sources)

    monkeypatch.setattr(protocol, "decide", faulty)
    inbox, carrier, store = Inbox(), Carrier(), Store(dsn)
    service = Service(inbox, store, carrier)
    for n in range(20):
        inbox.put("d%d" % n, hello(s="fatal" if n == 13 else "nonce"))
    thread = threading.Thread(target=service.run)
    thread.start()
    wait_for(lambda: len(carrier.sent) >= 19)
    service.stop()
    thread.join()
    assert sorted(carrier.sent) == sorted("d%d" % n for n in range(20) if n != 13) and store.counts["refused"] == 1
    store.close()


class Carrier:
    """Of nothing. sent: the devices that were answered."""

    failure = None

    def __init__(self):
        self.sent = []

    def answer(self, device, payload):
        self.sent.append(device)


# -- tables that are not the sink's


WRONG = {
    "foreign": ("create schema unosql; create table unosql.users(id int)", "not a sink's"),
    "another version": ("update unosql.meta set version = 99", "of version 99"),
    "no version": ("delete from unosql.meta", "of version None"),
    "a column less": ("alter table unosql.source drop column abandoned cascade", "source lacks abandoned"),
    "a table less": ("drop table unosql.gap", "gap lacks"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_tables_are_refused(case, dsn):
    if case != "foreign":
        Store(dsn).connect()
    with psycopg.connect(dsn) as connection:
        connection.execute(WRONG[case][0])
    with pytest.raises(Failure, match=WRONG[case][1]):
        Store(dsn).connect()
    code, out, err = unosql(dsn, "run", "--mqtt", "mqtt://127.0.0.1:%d" % free_port())
    assert code == 2 and "Traceback" not in err and WRONG[case][1] in err.splitlines()[-1]


SHAPE = """
select 'column', table_schema, table_name, column_name, data_type || is_nullable || coalesce(column_default, '') || is_identity
  from information_schema.columns where table_schema in ('unosql', 'fleet')
union all select 'index', schemaname, tablename, indexname, indexdef from pg_indexes where schemaname = 'unosql'
union all select 'view', schemaname, viewname, '', definition from pg_views where schemaname = 'fleet'
"""


def test_the_schema_that_is_printed_is_the_one_that_is_made(postgres, store, dsn):
    told(store, hello())
    told(store, message([(1, 1, 1, b"{}"), (2, 1, 2, b"{}"), (3, 1, 3, b"{}")], c=dict(READINGS, **SETTINGS, **{"3": ["settings", 1, 1]})))
    made = sorted(ask(dsn, SHAPE)), sorted(ask(dsn, "select * from unosql.collection"))
    store.close()
    code, printed, _ = unosql("", "schema", "--log", "readings", "--state", "settings", "--log", "settings")
    dsn = postgres.database()
    assert code == 0 and ask(dsn, "select count(*) from pg_namespace where nspname = 'unosql'") == [(0,)]
    with psycopg.connect(dsn) as connection:
        connection.execute(printed)
    found = sorted(ask(dsn, SHAPE)), sorted(ask(dsn, "select * from unosql.collection"))
    assert found == made


def test_a_user_who_may_make_no_table_takes_what_was_made(dsn):
    with psycopg.connect(dsn) as connection:
        connection.execute(unosql("", "schema", "--log", "readings", "--state", "settings")[1])
        connection.execute("drop role if exists humble")
        connection.execute("create role humble login password '%s'" % PASSWORD)
        connection.execute("grant usage on schema unosql, fleet to humble")
        connection.execute("grant select, insert, update, delete on all tables in schema unosql to humble")
    humble = Store(dsn.replace("unosql:", "humble:", 1))
    humble.connect()
    assert told(humble, hello()) == [(None, 0)]
    assert told(humble, message([(1, 1, 1, b'{"a":1}'), (2, 1, 2, b'{"b":2}')], c=dict(READINGS, **SETTINGS))) == [(None, 2)]
    humble.close()
    assert ask(dsn, "select doc from fleet.readings union all select doc from fleet.settings") == [({"a": 1},), ({"b": 2},)]
    with psycopg.connect(dsn) as connection:
        connection.execute("drop owned by humble; drop role humble")


def test_there_is_no_sink_to_ask(dsn):
    code, _, err = unosql(dsn, "devices")
    assert code == 2 and err == "unosql: error: this database has no schema unosql: no sink has ever run on it\n"


def test_a_database_that_only_reads_is_tried_again_and_again(mosquitto, postgres, dsn):
    """As a standby, or one whose disk is full: what comes is not lost, and the sink says what it waits for."""
    def only_reading(on):
        with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
            connection.execute("alter database %s set default_transaction_read_only = %s" % (dsn.rpartition("/")[2], on))
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (dsn.rpartition("/")[2],))

    with Sink(mosquitto, dsn) as sink, Fleet(mosquitto.port, [Device("d1"), Device("d2")]) as fleet:
        fleet.run(0.5)
        only_reading("on")
        fleet.run(1.5)
        assert "read-only" in sink.log() and fleet.waiting()
        only_reading("off")
        fleet.drain()
        assert fleet.problems(dsn) == [] and "Traceback" not in sink.log()


def test_a_message_that_is_refused_as_a_whole_keeps_nobody(store, dsn, monkeypatch):
    told(store, hello(), device="good")
    monkeypatch.setattr(Store, "_refusal", lambda self, line: None)
    messages = [(device, parse(message([(1, 1, 1, fields)]))) for device, fields in (("bad", b"{"), ("good", b"{}"))]
    store.take([("bad", parse(hello()))])
    assert [(device, answer["h"]) for device, answer in store.take(messages)] == [("good", 1)] and store.counts["refused"] == 1


def test_what_waits_is_bounded():
    inbox = Inbox(most=3, bytes=100)
    for n in range(5):
        inbox.put("d%d" % n, b"x")
    assert inbox.dropped == 2 and inbox.group(10, 0, 0) == [("d0", b"x"), ("d1", b"x"), ("d2", b"x")]
    inbox.put("d", bytes(101))
    assert inbox.dropped == 3 and inbox.group(10, 0, 0) == []


# -- the whole, on real brokers


def test_a_thousand_devices(mosquitto, dsn):
    devices = [Device("d%d" % n, seed=1) for n in range(1000)]
    with Sink(mosquitto, dsn) as sink, Fleet(mosquitto.port, devices) as fleet:
        for device in devices:
            for _ in range(12):
                device.work()
        fleet.run(5, rate=2)
        fleet.drain(90)
        assert fleet.problems(dsn) == []
        assert ask(dsn, "select count(*), sum(greatest(last - h, 0)) from unosql.source") == [(1000, 0)]
        assert ask(dsn, "select count(*) from unosql.gap") == [(0,)]
        page = urllib.request.urlopen("http://127.0.0.1:%d" % sink.metrics).read().decode()
        stored = sum(len(device.written) for device in devices)
        assert stored > 12_000 and ask(dsn, "select count(*) from fleet.readings") == [(stored,)]
        assert "unosql_fleet_devices 1000.0" in page and records_of(sink) >= stored


@pytest.mark.parametrize("broker, qos", [(Mosquitto, 0), (Nats, 1)])
def test_everything_is_killed(broker, qos):
    with Postgres() as postgres, broker() as server:
        dsn = postgres.database()
        devices = [Device("d%d" % n, seed=qos) for n in range(20)]
        with Sink(server, dsn) as sink, Fleet(server.port, devices, qos) as fleet:
            chaos = Chaos(qos, 0.5, sink=sink, broker=server, postgres=postgres, device=lambda: random.choice(devices).crash())
            fleet.run(9, rate=10, disturb=chaos)
            fleet.drain()
            assert fleet.problems(dsn) == [] and min(chaos.killed.values()) >= 2
            assert ask(dsn, "select count(*) from unosql.gap") == [(0,)] and ask(dsn, "select count(*) from unosql.source") == [(20,)]
            assert "Traceback" not in sink.log()


def test_devices_on_micropython_are_killed(mosquitto, dsn, tmp_path):
    """unosql.mqtt as it is in images: all that was inserted arrives, whenever a device dies."""
    with Sink(mosquitto, dsn):
        programs = show_fleet.Programs(5, tmp_path, mosquitto.port, 0.02, 150)
        end = time.monotonic() + 6
        try:
            while time.monotonic() < end:
                time.sleep(0.3)
                programs.replace_one()
            wait_for(lambda: all(process.poll() is not None for process in programs.running.values()), 60)
            assert [process.returncode for process in programs.running.values()] == [0] * 5, [log.read_text() for log in tmp_path.glob("*.log")]
        finally:
            programs.end()
        for device, n, least, most in ask(dsn, "select device, count(*), min(id), max(id) from fleet.readings group by device"):
            assert (n, least) == (most, 1) and most >= 150
        assert ask(dsn, "select count(distinct device), count(distinct (source, id)) = count(*) from fleet.readings") == [(5, True)]
        assert ask(dsn, "select count(*) from unosql.gap") == [(0,)]


def test_the_fleet_that_is_shown_ends_with_ctrl_c():
    with tempfile.TemporaryDirectory(prefix="unosql-shown-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL's user has a folder in it
        process = subprocess.Popen([sys.executable, str(here.RUNS / "show_fleet.py"), "--every", "0.2"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, env=dict(os.environ, TMPDIR=folder), start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a job in the background ignores it
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[0].startswith("PostgreSQL: "), lines
        wait_for(lambda: fleet_is_there(lines[0].split()[1], 10), text=str(lines))
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0 and "Traceback" not in rest, rest
        assert folder not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout and os.listdir(folder) == []


def fleet_is_there(dsn, devices):
    try:
        return ask(dsn, "select count(distinct device) from fleet.readings") == [(devices,)]
    except psycopg.Error:
        return False


class Server:
    """What sends down: numbers as commands, settings and records; wanted: {device: {(collection, key): value}}."""

    def __init__(self, dsn, devices):
        self.dsn, self.devices, self.rng = dsn, devices, random.Random(3)
        self.ordered = {device.name: 0 for device in devices}
        self.wanted = {device.name: {} for device in devices}

    def send(self):
        name = self.rng.choice(list(self.ordered))
        kind = self.rng.choice(("do", "set", "put", "del"))
        number, key = self.ordered[name] + 1, str(self.rng.randrange(5))
        words = {"do": ["run", str(number)], "set": [key, str(number)], "put": ["prices", key, '{"n": %d}' % number], "del": ["prices", key]}[kind]
        try:
            sending.send(self.dsn, name, kind, words, None)
        except Failure as failure:  # PostgreSQL is away
            assert "PostgreSQL" in str(failure)
            return
        self.ordered[name] += kind == "do"
        if kind == "del":
            self.wanted[name].pop(("prices", int(key)), None)
        elif kind != "do":
            self.wanted[name]["_config" if kind == "set" else "prices", key if kind == "set" else int(key)] = number


def there(device):
    """What came down to a device, as wanted has it."""
    return {(name, record["key"]): record.get("n", record.get("value")) for name in ("_config", "prices") for record in device.db.all(name)}


def test_what_goes_down_arrives_once(mosquitto):
    with Postgres() as postgres:
        dsn = postgres.database()
        devices = [Device("d%d" % n, down=["prices"]) for n in range(6)]
        server = Server(dsn, devices)
        with Sink(mosquitto, dsn) as sink, Fleet(mosquitto.port, devices) as fleet:
            fleet.drain()  # all are known
            chaos = Chaos(1, 0.8, sink=sink, broker=mosquitto, postgres=postgres)

            def disturb():
                chaos()
                if server.rng.random() < 0.2:
                    server.send()

            end = time.monotonic() + 60
            while sum(server.ordered.values()) < 15 or min(chaos.killed.values()) < 1:
                assert time.monotonic() < end
                fleet.run(0.5, rate=2, disturb=disturb)
            fleet.drain()
            while ask(dsn, "select count(*) from unosql.stream where next - 1 > confirmed") != [(0,)]:
                assert time.monotonic() < end
                fleet.run(0.2, rate=0)
            fleet.drain()
            assert fleet.problems(dsn) == []
            for device in devices:
                assert device.ran == list(range(1, server.ordered[device.name] + 1))
                assert there(device) == server.wanted[device.name]
            results = ask(dsn, "select device, count(*), count(distinct doc ->> 'n') from fleet._results group by device order by device")
            assert results == [(name, n, n) for name, n in sorted(server.ordered.items()) if n]
            lines = [json.loads(line) for line in unosql(dsn, "sent", "d1", "--json")[1].splitlines()]
            assert lines and {line["state"] for line in lines} == {"applied"}
            assert [line["result"] for line in lines if '"do"' in line["item"]] == ['{"result": %d}' % -n for n in range(1, server.ordered["d1"] + 1)]
            assert "Traceback" not in sink.log()


def test_a_database_put_back_and_images_put_back(mosquitto, dsn):
    """Of what the devices had dropped by then, each id is announced."""
    devices = [Device("d%d" % n, keep=10 * (n % 2)) for n in range(10)]
    with Sink(mosquitto, dsn) as sink, Fleet(mosquitto.port, devices) as fleet:
        fleet.run(2)
        fleet.drain()
        put_back = PutBack(dsn, sink)
        put_back()
        devices[0].take_image()
        fleet.run(2)
        fleet.drain()
        put_back()
        fleet.run(2)
        fleet.drain()
        assert fleet.problems(dsn) == []
        lost = ask(dsn, "select count(*) from unosql.gap")[0][0]
        assert lost >= 5
        devices[0].put_image_back()
        fleet.run(1)
        fleet.drain()
        assert fleet.problems(dsn) == []
        assert "lost: ids" in sink.log() and "fork" in sink.log()


@pytest.mark.parametrize("kind", ["hearing the same", "--share", "--shard", "--nats"])
def test_a_second_sink_beside_the_first(kind, mosquitto, dsn):
    """One is killed, then the other ends. With shards nobody does a dead one's work, so it has to come back."""
    with Nats() if kind == "--nats" else contextlib.nullcontext(mosquitto) as broker:
        more = {"hearing the same": ([], []), "--share": (["--share", "s"],) * 2, "--shard": (["--shard", "1/2"], ["--shard", "2/2"]),
                "--nats": (["--nats", "nats://127.0.0.1:%d" % getattr(broker, "native", 0)],) * 2}[kind]
        devices = [Device("d%d" % n) for n in range(30)]
        with Sink(broker, dsn, *more[0]) as one, Sink(broker, dsn, *more[1]) as two, Fleet(broker.port, devices) as fleet:
            fleet.run(2)
            took = [records_of(sink) for sink in (one, two)]
            one.kill()
            fleet.run(1)
            one.start()
            two.stop()
            assert two.process.returncode == 0 and "Traceback" not in two.log()
            if kind == "--shard":
                two.start()
            fleet.run(1)
            fleet.drain()
            assert fleet.problems(dsn) == []
            assert min(took) > 0 and "Traceback" not in one.log()


def records_of(sink):
    """How many records a sink has stored, as it tells."""
    page = urllib.request.urlopen("http://127.0.0.1:%d" % sink.metrics).read().decode()
    return float(re.search(r"unosql_sink_records_total ([\d.]+)", page)[1])


def test_nats_that_goes_and_refuses(dsn):
    with Nats() as server:
        with Sink(server, dsn, "--nats", "nats://127.0.0.1:%d" % server.native) as sink, Fleet(server.port, [Device("d")]) as fleet:
            fleet.run(0.5)
            server.kill()
            server.start()
            fleet.run(0.5)
            fleet.drain()
            assert fleet.problems(dsn) == [] and "Traceback" not in sink.log()
            sink.stop()
            assert sink.process.returncode == 0
    with Nats('authorization { users: [ { user: "a", password: "b", permissions: { subscribe: ["x"] } } ] }\n') as server:
        for password, text in (("wrong", "NATS refuses: "), ("b", "NATS does not let a read unosql.1.*.up")):
            code, _, err = unosql(dsn, "run", "--nats", "nats://a@127.0.0.1:%d" % server.native, UNOSQL_SINK_PASSWORD=password)
            assert code == 2 and text in err.splitlines()[-1] and "Traceback" not in err


WORTHLESS = [b"", b"\xff\x00", b"{", b"x" + bytes(30), zlib.compress(b"{" + bytes(2 << 20)), b"{" + bytes(2 << 20), message(t=5), hello(e="forged"),
             message([(1, 1, 1, b"{}")], e="forged")]


def test_what_others_send_holds_nobody_up(mosquitto, dsn):
    """Forged, torn, stale, doubled, oversized and foreign messages, all the time."""
    devices = [Device("d%d" % n) for n in range(10)]
    rng = random.Random(1)
    evil = paho.Client(paho.CallbackAPIVersion.VERSION2, "evil")
    evil.connect("127.0.0.1", mosquitto.port)
    evil.loop_start()
    seen = []
    evil.on_message = lambda client, _, message: seen.append((message.topic, message.payload))
    evil.subscribe("unosql/1/+/up")

    def disturb():
        name = rng.choice(list(fleet.devices))
        payload = rng.choice(WORTHLESS)
        if rng.random() < 0.02:
            evil.publish("unosql/1/%s/up" % rng.choice([name, "stranger", "a.b", "x" * 65]), payload)
            evil.publish("unosql/1/%s/down" % name, rng.choice([b"", b"[]", b'{"h":9999,"s":"x","e":"y"}']))
        if seen and rng.random() < 0.05:
            evil.publish(*rng.choice(seen[-300:]))  # what a device sent, again

    with Sink(mosquitto, dsn) as sink, Fleet(mosquitto.port, devices) as fleet:
        fleet.run(5, disturb=disturb)
        evil.disconnect()
        evil.loop_stop()
        fleet.drain()
        assert fleet.problems(dsn) == []
        assert "Traceback" not in sink.log() and "torn" in sink.log()
        assert ask(dsn, "select count(*) from unosql.dead where error like 'torn%%'")[0][0] >= 1
        assert ask(dsn, "select count(*) from unosql.source where device = 'x'") == [(0,)]


def test_a_sink_ends_when_told(mosquitto, dsn):
    with Sink(mosquitto, dsn) as sink:
        for number in (signal.SIGINT, signal.SIGTERM):
            sink.stop(number)
            assert sink.process.returncode == 0 and sink.log().count("ended;") == 1 + (number == signal.SIGTERM)
            sink.start()
        assert "Traceback" not in sink.log() and "Keyboard" not in sink.log()


def test_a_sink_waits_for_what_is_not_there_yet(dsn):
    with Mosquitto() as broker:
        broker.stop()
        sink = Sink(broker, dsn)
        starting = threading.Thread(target=sink.start)
        starting.start()
        wait_for(lambda: "Connection refused; trying again" in sink.log() if (sink.folder / "log").exists() else False)
        broker.start()
        starting.join()
        sink.__exit__()


def test_wrong_passwords_end_it_with_a_line(mosquitto, dsn):
    code, _, err = unosql(dsn, "run", "--mqtt", "mqtt://127.0.0.1:%d" % mosquitto.port, UNOSQL_POSTGRES=dsn.replace(PASSWORD, "wrong"), PGPASSWORD="wrong")
    assert code == 2 and "Traceback" not in err and "password authentication failed" in err.splitlines()[-1]
    with Mosquitto("allow_anonymous false\n") as broker:
        code, _, err = unosql(dsn, "run", "--mqtt", "mqtt://sink@127.0.0.1:%d" % broker.port, UNOSQL_SINK_PASSWORD="wrong")
        assert code == 2 and "Traceback" not in err and err.splitlines()[-1].startswith("unosql: error: the broker refuses")


def test_wrong_arguments(dsn):
    for arguments, text in ((["--mqtt", "http://x"], "--mqtt takes"), (["--mqtt", "mqtt://x:99999"], "--mqtt takes"),
                            (["--mqtt", "mqtt://a:b@x"], "for all to see"),
                            (["--mqtt", "mqtt://x", "--shard", "0/2"], "--shard takes"), (["--nats", "mqtt://x"], "--nats takes"),
                            (["--mqtt", "mqtt://127.0.0.1", "--metrics", "9464"], "--metrics takes"),
                            (["--mqtt", "mqtt://x", "--password-file", "/nowhere"], "/nowhere: No such file")):
        code, _, err = unosql(dsn, "run", *arguments)
        assert code == 2 and text in err.splitlines()[-1] and "Traceback" not in err
    code, _, err = unosql(dsn, "devices", "--postgres", "postgresql://u:p@127.0.0.1/x")
    assert code == 2 and "for all to see" in err


# -- the commands


def test_devices_gaps_and_dead_letters_are_told(store, dsn):
    told(store, hello(), message([(1, 4, 1, b"{}"), (1, 2, 2, b"{}"), (1, 5, 3, b"{}")], l=10))
    told(store, message([(1, 6, 4, b'{"a":"\\u0000"}')], f=3))
    told(store, hello(), device="valve")
    lines = [json.loads(line) for line in unosql(dsn, "devices", "--json")[1].splitlines()]
    assert [(d["device"], d["h"], d["waiting"], d["lost"], d["dead"]) for d in lines] == [("pump", 4, 0, 2, 1), ("valve", 0, 0, 0, 0)]
    (gap,) = [json.loads(line) for line in unosql(dsn, "gaps", "--json")[1].splitlines()]
    assert (gap["device"], gap["collection"], gap["first"], gap["last"], gap["lost"]) == ("pump", "readings", 1, 3, 2)
    assert unosql(dsn, "gaps", "valve", "--json")[1] == ""
    (dead,) = [json.loads(line) for line in unosql(dsn, "dead", "pump", "--json")[1].splitlines()]
    assert dead["id"] == 6 and dead["payload"] == '{"a":"\\u0000"}'
    assert unosql(dsn, "dead", "--retry", "1")[0] == 2
    assert unosql(dsn, "dead", "--drop", "1")[0] == 0 and unosql(dsn, "dead", "--json")[1] == ""
    assert "there is no dead letter 1" in unosql(dsn, "dead", "--drop", "1")[2]
    assert "pump" in unosql(dsn, "devices")[1]


def test_a_device_is_renamed_and_forgotten(store, dsn):
    told(store, hello(), message([(1, 1, 1, b"{}")]))
    told(store, hello(e="other"), device="valve")
    assert "there is a device valve" in unosql(dsn, "rename", "pump", "valve")[2]
    assert "no device nobody" in unosql(dsn, "rename", "nobody", "x")[2]
    assert unosql(dsn, "rename", "pump", "a.b")[0] == 2
    assert unosql(dsn, "rename", "pump", "engine")[0] == 0
    assert told(store, message([(1, 2, 2, b"{}")], f=1), device="engine") == [(None, 2)]
    assert ask(dsn, "select device, id from fleet.readings order by id") == [("engine", 1), ("engine", 2)]
    assert "--yes" in unosql(dsn, "forget", "engine")[2]
    assert unosql(dsn, "forget", "engine", "--yes")[0] == 0
    assert ask(dsn, "select device from unosql.source") == [("valve",)] and ask(dsn, "select count(*) from unosql.log_readings") == [(0,)]
    with pytest.raises(Torn):
        parse(b"")


def test_a_device_sends_again_what_it_still_has(store, dsn):
    """Rows that the device has dropped stay; the others are deleted, and come once more."""
    told(store, hello(), message([(1, id, id, b"{}") for id in range(1, 9)]), message([(2, 1, 9, b'{"a":1}')], f=8, c=SETTINGS))
    told(store, message([(1, 9, 10, b"{}")], f=9, c={"1": ["readings", 6, 1]}))
    assert "--from takes 0 to 9" in unosql(dsn, "replay", "pump", "--from", "10")[2] and "no device x" in unosql(dsn, "replay", "x")[2]
    assert unosql(dsn, "replay", "pump")[0] == 0
    assert [id for id, in ask(dsn, "select id from fleet.readings order by id")] == [1, 2, 3, 4, 5]
    assert told(store, message(f=10, b=10)) == [("back", 0)]
    again = message([(1, id, id, b"{}") for id in (6, 7, 8)] + [(2, 1, 9, b'{"a":1}'), (1, 9, 10, b"{}")], t=10, c={"1": ["readings", 6, 1], **SETTINGS})
    assert told(store, again) == [(None, 10)]
    assert [id for id, in ask(dsn, "select id from fleet.readings order by id")] == list(range(1, 10)) and ask(dsn, "select count(*) from unosql.gap") == [(0,)]
    assert unosql(dsn, "replay", "pump", "--from", "7")[0] == 0
    told(store, message([(1, 9, 10, b"{}")], f=7, t=10, n=1, c={"1": ["readings", 9, 1]}))
    assert ask(dsn, "select lo, hi from unosql.gap") == [(8, 9)]  # dropped meanwhile


def test_what_cannot_be_sent_is_refused(store, dsn):
    told(store, hello())
    for words, text in (
            (["pump", "set", "x"], "after set comes NAME JSON"), (["pump", "set", "x", "{"], "is no JSON"), (["pump", "put", "p", "1", "2"], "is an object"),
            (["pump", "do", "x", "1", "2"], "after do comes"), (["x", "do", "y"], "no device x"), (["pump", "set", "x", "1", "--for", "5"], "for commands"),
            (["pump", "set", "x", '"%s"' % ("a" * 500)], "takes messages of 512 bytes, this needs 6")):
        code, _, err = unosql(dsn, "send", *words)
        assert code == 2 and text in err and "Traceback" not in err
    assert ask(dsn, "select count(*) from unosql.item") == [(0,)]
    told(store, hello(m=2000, d=None))
    assert unosql(dsn, "send", "pump", "set", "x", '"%s"' % ("a" * 500))[0] == 0
    (sent,) = [json.loads(line) for line in unosql(dsn, "sent", "--json")[1].splitlines()]
    assert (sent["device"], sent["number"], sent["state"], sent["result"]) == ("pump", 1, "waits", None)


def test_items_go_down_after_an_answer_and_again_until_they_are_confirmed(store, dsn):
    def down(*payloads):
        return [json.loads(m) if isinstance(m, bytes) else m for _, m in store.take([("pump", parse(payload)) for payload in payloads])]

    (answer,) = down(hello(m=512, d=None))
    g = answer["d"][0]
    assert answer["d"] == [g, 0] and store.due() == []
    assert unosql(dsn, "send", "pump", "do", "valve", '{"open":true}', "--for", "3600")[0] == 0
    ((device, payload),) = store.due()
    item = json.loads(payload)["i"][0]
    assert device == "pump" and json.loads(payload)["S"] == "session" and item[:4] == [1, "do", "valve", {"open": True}]
    assert 3500 < item[4] - time.time() < 3700
    assert store.due() == []  # not again at once
    answer, again = down(hello(m=512, d=[g, 0], S="later"))
    assert again == {"e": "epoch", "S": "later", "g": g, "i": [item]}
    assert len(down(message(S="later", d=[g, 1], c={}, s="next"))) == 1
    assert [json.loads(line)["state"] for line in unosql(dsn, "sent", "--json")[1].splitlines()] == ["applied"]
    assert len(down(hello(m=512, d=[g, 1], S="third"))) == 1
    assert down(hello(m=512, d="x", S="fourth")) == [] and store.counts["torn"] == 1
