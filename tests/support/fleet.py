"""A fleet in one process: real databases in RAM with their sessions, one connection to a broker for all of them.

    fleet = Fleet(port, [Device("d1"), ...])
    fleet.run(3)                # seconds of work, on the wire all the time
    fleet.drain()               # until the sink has everything
    assert fleet.problems(dsn) == []
"""
import os
import queue
import random
import subprocess
import sys
import time
from collections import Counter

import psycopg
from paho.mqtt import client as paho

import here
from media import FlashMedium
from servers import PASSWORD, Server, free_port
from unosql import shared, state
from unosql.core import Unosql
from unosql.sync import Session

PATIENCE = 1.0  # seconds until a device sends again
LOG, STATE = "readings", "settings"


class Device:
    """keep: how many records stay when the sink has them. down: collections that are the server's. ran: arguments of commands."""

    def __init__(self, name, keep=0, seed=0, down=None):
        self.name, self.keep, self.down, self.ran = name, keep, down, []
        self.medium = FlashMedium(16)
        self.rng = random.Random("%s %d" % (name, seed))
        self.written = {}  # {id: n} of the log
        self.sent_at, self.image = 0, None
        self.open()

    def open(self):
        self.db = Unosql(self.name, storage=self.medium.storage(), log_level="NONE", memtable=2048)
        self.session = Session(self.db, self.name, {LOG: self.keep}, down=self.down)

    def crash(self):
        """Lose what is in RAM, and start again from the flash."""
        del shared.databases[self.db._database._identity]
        state.held.clear()
        self.medium.device.restart()
        self.open()

    def take_image(self):
        """Of the flash. What does so resets the board."""
        self.image = bytes(self.medium.device.image), dict(self.written)
        self.crash()

    def image_back_and_forth(self):
        """Take an image, and the next time put that back."""
        if self.image:
            self.put_image_back()
            self.image = None
        else:
            self.take_image()

    def put_image_back(self):
        self.medium.device.image[:] = self.image[0]
        self.written = dict(self.image[1])
        self.crash()

    def take(self, payload):
        self.session.receive(payload)
        while self.session.work({"run": self.run}):
            pass

    def run(self, argument):
        """A command."""
        self.ran.append(argument)
        return -argument

    def work(self):
        x = self.rng.random()
        if x < 0.7:
            self.insert()
        elif x < 0.75:
            for _ in range(15):
                self.insert()
        elif x < 0.95:
            self.db.upsert(STATE, "name", self.rng.randrange(8), {"value": self.rng.random()})
        else:
            self.db.delete(STATE, "name", self.rng.randrange(8))

    def insert(self):
        n = len(self.written) + 1
        self.written[self.db.insert(LOG, {"n": n, "celsius": 20 + n % 9 + 0.5, "where": "room-%d" % (n % 7)})] = n

    def records(self):
        """{id: record} of the state."""
        return {record["id"]: record for record in self.db.all(STATE)}


class Fleet:
    """qos: of what goes up. user: (name, password). topics: where answers come from. seals: {device: Sealed} of those that seal."""

    def __init__(self, port, devices, qos=0, prefix="unosql", user=None, topics=None, seals=None):
        self.devices = {device.name: device for device in devices}
        self.prefix, self.qos, self.seals = prefix, qos, seals or {}
        self.answers = queue.SimpleQueue()
        self.said = Counter()
        self.client = client = paho.Client(paho.CallbackAPIVersion.VERSION2, "fleet-%d" % id(self))
        client.max_queued_messages_set(0)
        if user:
            client.username_pw_set(*user)
        client.on_connect = lambda *_: [client.subscribe(topic) for topic in topics or [prefix + "/1/+/down"]]
        client.on_message = lambda _, __, message: self.answers.put((message.topic.split("/")[-2], message.payload))
        client.reconnect_delay_set(1, 1)
        client.connect_async("127.0.0.1", port)
        client.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.client.disconnect()
        self.client.loop_stop()

    def step(self):
        """Take what came, send what is due; return whether anything happened."""
        busy = False
        while not self.answers.empty():
            name, payload = self.answers.get()
            busy = True
            if name in self.devices:
                self.devices[name].take(self._opened(name, payload))
        now = time.monotonic()
        for device in self.devices.values():
            busy = self._serve(device, now) or busy
        return busy

    def _serve(self, device, now):
        message = device.session.message()
        if message is None and device.session.waiting and now - device.sent_at > PATIENCE:
            device.session.resend()
            self.said["again"] += 1
            message = device.session.message()
        if message:
            device.sent_at = now
            self.said["sent"] += 1
            if device.name in self.seals:
                message = b"\1" + self.seals[device.name].seal(bytes(message), b"u1u" + device.name.encode())
            self.client.publish("%s/1/%s/up" % (self.prefix, device.name), bytes(message), qos=self.qos)
        return bool(message)

    def _opened(self, name, payload):
        if name not in self.seals:
            return payload
        try:
            return self.seals[name].unseal(payload[1:], b"u1d" + name.encode()) if payload[:1] == b"\1" else b""
        except ValueError:
            return b""

    def run(self, seconds, rate=10, disturb=None):
        """Work: each device writes `rate` times a second. disturb(): called all the time."""
        end, last = time.monotonic() + seconds, time.monotonic()
        due = 0.0
        while time.monotonic() < end:
            now = time.monotonic()
            due += (now - last) * rate * len(self.devices)
            last = now
            while due >= 1:
                random.choice(list(self.devices.values())).work()
                due -= 1
            if disturb:
                disturb()
            if not self.step():
                time.sleep(0.002)

    def drain(self, seconds=60):
        """Until nothing waits any more; a new session finds out whether the sink was put back."""
        for device in self.devices.values():
            device.session.connect()
        end = time.monotonic() + seconds
        while waiting := self.waiting():
            assert time.monotonic() < end, "%d devices wait: %s" % (len(waiting), waiting[:5])
            if not self.step():
                time.sleep(0.002)

    def waiting(self):
        """The names of devices that have something which the sink has not, or does not know their session yet."""
        return [device.name for device in self.devices.values() if device.session.waiting or not device.session.is_online
                or device.session.status()["waiting"]]

    def problems(self, dsn):
        """What differs between the devices and PostgreSQL, as a list. Lost records have to be announced."""
        with psycopg.connect(dsn) as connection:
            rows, lost, states = _logs(connection), _gaps(connection), _states(connection)
        found = []
        for name, device in self.devices.items():
            there = rows.get(name, Counter())
            ids = dict(there.keys())
            if there.total() > len(ids):
                found.append("%s: %d rows of %d records" % (name, there.total(), len(ids)))
            if silent := set(device.written) - set(ids) - lost.get(name, set()):
                found.append("%s: silently lost %s" % (name, sorted(silent)[:5]))
            if wrong := [id for id, n in ids.items() if device.written.get(id) != n]:
                found.append("%s: wrong %s" % (name, wrong[:5]))
            if states.get(name, {}) != {id: _fields(record) for id, record in device.records().items()}:
                found.append("%s: state differs" % name)
        return found


def _fields(record):
    return {name: value for name, value in record.items() if name not in ("id", "timestamp", "version")}


def _logs(connection):
    """{device: Counter of (id, n)}: what is of the device's present past."""
    found = {}
    if connection.execute("select to_regclass('unosql.log_readings')").fetchone()[0]:
        for device, *key in connection.execute("select device, id, (doc ->> 'n')::int from unosql.log_readings join unosql.source using (source)"
                                               " where doc is not null and (abandoned is null or change <= abandoned)"):
            found.setdefault(device, Counter())[tuple(key)] += 1
    return found


def _gaps(connection):
    found = {}
    for device, lo, hi in connection.execute("select device, lo, hi from unosql.gap join unosql.source using (source)"):
        found.setdefault(device, set()).update(range(lo, hi))
    return found


def _states(connection):
    found = {}
    if connection.execute("select to_regclass('fleet.settings')").fetchone()[0]:
        for device, id, doc in connection.execute("select device, id, doc from fleet.settings"):
            found.setdefault(device, {})[id] = doc
    return found


class Sink(Server):
    """`unosql sink run` as a process. more: arguments."""

    NAME = "python3"

    def __init__(self, broker, dsn, *more):
        super().__init__()
        self.broker, self.dsn, self.more = broker, dsn, more
        self.metrics = free_port()

    def command(self):
        carrier = [] if "--nats" in self.more else ["--mqtt", "mqtt://127.0.0.1:%d" % self.broker.port]
        return [sys.executable, "-m", "unosql_pc", "sink", "run", *carrier, "--metrics", "127.0.0.1:%d" % self.metrics, *self.more]

    def options(self):
        return {"env": environment(self.dsn)}

    def is_up(self):
        assert self.process.poll() is None, self.log()
        return self.log().count("connected to") > self.log().count("ended;") and "connected to" in self.log()[self.begun:]

    def start(self, seconds=30):
        self.begun = len(self.log()) if (self.folder / "log").exists() else 0
        super().start(seconds)


def environment(dsn):
    return dict(os.environ, PYTHONPATH=str(here.ROOT / "pc"), UNOSQL_POSTGRES=dsn, PGPASSWORD=PASSWORD)


def unosql(dsn, *arguments, **more):
    """Run `unosql sink ...`; (exit code, stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "unosql_pc", "sink", *arguments], env=dict(environment(dsn), **more), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stdout, done.stderr
