"""Sync over MQTT: through losses, cuts and lies of the network all arrives once, and what a drained device costs."""
import time

from runner import Skip, again, column, fresh, raises, same
from unosql.port import ms
from wire import Broker, Sink, length

try:
    from unosql.courier import later
    from unosql.mqtt import Over, Sync
except ImportError:  # an image of a small board
    Sync = None

PATIENCE = 0.05


def filled(n=30, name="testdb", **options):
    if not Sync:
        raise Skip("needs unosql.mqtt")
    db = fresh(name, **options)
    for i in range(n):
        db.insert("readings", {"celsius": i / 2})
    return db


def over(db, broker, **options):
    options = dict({"logs": {"readings": 0}, "patience": PATIENCE, "chunk": 200}, **options)
    return Sync(db, "pump-7", "nowhere", dial=broker.dial, **options)


def nap(seconds=0.005):
    time.sleep_ms(int(seconds * 1000)) if hasattr(time, "sleep_ms") else time.sleep(seconds)


def until(sync, holds, seconds=20):
    """step() until holds()."""
    for _ in range(int(seconds / 0.005)):
        if holds():
            return
        if not sync.step():
            nap()
    raise AssertionError("%r" % sync.status())


def drained(sync, seconds=20):
    until(sync, lambda: sync.status()["waiting"] == 0, seconds)


def check(db, sink, n=30):
    same(sink.ids(), list(range(1, n + 1)))
    same(db.count("readings"), 0)
    same(db.verify(), [])


def test_all_records_arrive_and_go():
    db, broker = filled(), Broker()
    sync = over(db, broker, password="secret", will=("unosql/1/pump-7/gone", "x"))
    same(sync.status()["connected"], False)
    drained(sync)
    check(db, broker.sink)
    status = sync.status()
    same([status[name] for name in ("connected", "online", "unanswered", "error")], [True, True, 0, None])
    same(broker.logins, [[b"pump-7", b"pump-7", b"secret"]])
    same(broker.will, [b"unosql/1/pump-7/gone", b"x"])
    same(broker.dials, 1)
    db.insert("readings", {})
    drained(sync)
    same(broker.sink.lines[-1][1], 31)
    sync.close()
    same(broker.wire.is_closed, True)


def test_a_drained_device_costs_a_message_a_heartbeat():
    db, broker = filled(3), Broker()
    sync = over(db, broker, heartbeat=0.4, patience=5)
    drained(sync)
    before, start, began = len(broker.sink.messages), broker.wire.sent, ms()
    while ms(began) < 2000:
        sync.step()
        nap(0.02)
    told = broker.sink.messages[before:]
    assert 2 <= len(told) <= 6, len(told)
    same([header["n"] for header in told], [0] * len(told))
    assert broker.wire.sent - start < 300 * len(told)  # and nothing else
    same(broker.pings, 0)
    same(broker.dials, 1)


def test_a_stream_that_takes_and_gives_few_bytes_at_a_time():
    for pieces in (1, 7):
        db, broker = filled(12, "by%d" % pieces), Broker(pieces=pieces)
        sync = over(db, broker, qos=1, patience=60)
        drained(sync)
        same(broker.dials, 1)
        check(db, broker.sink, 12)


def test_messages_and_answers_are_lost():
    for many in (2, 5):
        db, broker = filled(20, "lost%d" % many), Broker()
        broker.lose = lambda n: n * 7919 % 10 < many
        drained(over(db, broker))
        check(db, broker.sink, 20)


def test_connections_that_break_anywhere():
    db, broker = filled(10), Broker()
    sync = over(db, broker)
    for limit in list(range(0, 140, 13)) + [400, 500, 530, 600]:
        broker.limit = limit
        for _ in range(40):
            sync.step()
            nap(0.001)
        assert not sync.status()["connected"] or limit > 100
        sync.close()
    broker.limit = 1 << 30
    drained(sync)
    check(db, broker.sink, 10)


def test_a_wrong_password_loses_nothing():
    db, broker = filled(), Broker()
    broker.refuses = 4
    sync = over(db, broker)
    for _ in range(60):
        sync.step()
        nap(0.001)
    same(sync.status()["error"], "the broker refuses the user or the password")
    same(db.count("readings"), 30)
    same(broker.sink.messages, [])
    broker.refuses = 0
    drained(sync)
    check(db, broker.sink)


def test_brokers_that_are_not_there_are_called_later_and_later():
    db, broker = filled(1), Broker()
    broker.is_down = True
    sync = over(db, broker)
    for _ in range(100):
        sync.step()
        nap()
    assert 1 <= broker.dials <= 3, broker.dials
    assert sync.status()["error"]
    for tries, most in ((0, 1000), (3, 8000), (20, 300000), (1000, 300000)):
        found = [later(1, tries) for _ in range(50)]
        assert most // 2 <= min(found) < max(found) <= most, (tries, found)


def test_what_is_silent_or_no_broker_is_left():
    db, broker = filled(5), Broker()
    broker.is_dumb = True
    sync = over(db, broker)
    until(sync, lambda: sync.status()["error"] == "no broker answers")
    broker.is_dumb, broker.garbage = False, b"\xff" * 9
    until(sync, lambda: sync.status()["error"] == "what answers is no broker")
    broker.garbage = b""
    drained(sync)
    broker.is_dumb = True
    db.insert("readings", {})
    until(sync, lambda: sync.status()["error"] == "the broker is silent")
    broker.is_dumb = False
    drained(sync)
    check(db, broker.sink, 6)


def test_a_sink_that_is_away_costs_no_connections():
    db, broker = filled(5), Broker()
    sync = over(db, broker, heartbeat=0.2)
    drained(sync)
    db.insert("readings", {})
    broker.sink.is_away, dials = True, broker.dials
    until(sync, lambda: sync.status()["unanswered"] >= 4)
    same(broker.dials, dials)
    assert broker.pings
    same(sync.status()["error"], "no answer from the sink")
    broker.sink.is_away = False
    drained(sync)
    same(sync.status()["error"], None)
    check(db, broker.sink, 6)


def test_foreign_answers_change_nothing():
    db, broker = filled(5), Broker()
    sync = over(db, broker)
    until(sync, lambda: sync.status()["connected"])
    broker.sink.is_away = True
    sync.step()
    for message in (b"", b"{", b"\xff" * 40, b'{"e":1}', b'{"e":"x","s":"y","h":99}', b"[" * 300, b'{"e":"x","s":"y","h":-1}'):
        broker.push(message)
    broker.push(b"x" * 5000)  # larger than what a device has room for
    broker.wire.down += b"\x30\1\0" + b"\x30\0" + b"\xd0\0" + b"\x40\2\0\1"
    until(sync, lambda: not broker.wire.down)
    same(db.count("readings"), 5)
    broker.sink.is_away = False
    drained(sync)
    same(broker.dials, 1)
    check(db, broker.sink, 5)


def test_a_sink_that_asks_to_wait_is_left_alone():
    db, broker = filled(20), Broker()
    broker.sink.says = {"wait": 1}
    sync = over(db, broker, patience=0.5)
    until(sync, lambda: broker.sink.messages and not broker.wire.down)
    before = len(broker.sink.messages)
    for _ in range(60):
        sync.step()
        nap(0.001)
    same(len(broker.sink.messages), before)
    broker.sink.says = {"wait": -5, "more": "x"}
    drained(sync)
    check(db, broker.sink, 20)


def test_a_word_that_is_not_known_is_no_storm():
    db, broker = filled(3), Broker()
    broker.sink.says = {"say": "torn"}
    sync = over(db, broker, patience=0.5)
    for _ in range(100):
        sync.step()
        nap(0.001)
    assert 1 <= len(broker.sink.messages) < 8, len(broker.sink.messages)
    same(db.count("readings"), 3)


def test_records_are_collected_for_a_while():
    db, broker = filled(1), Broker()
    sync = over(db, broker, every=0.5, chunk=2000)
    drained(sync)
    for _ in range(3):
        sync.step()
    before = len(broker.sink.messages)
    for _ in range(20):
        db.insert("readings", {})
        sync.step()
        nap(0.001)
    drained(sync)
    assert len(broker.sink.messages) - before <= 3
    check(db, broker.sink, 21)


def test_it_goes_on_after_a_restart():
    db, broker = filled(40), Broker()
    sync = over(db, broker)
    until(sync, lambda: sync.status()["base"] > 10)
    base = sync.status()["base"]
    sync.close()
    db = again(db)
    sync = over(db, broker)
    same(sync.status()["base"], base)
    drained(sync)
    check(db, broker.sink, 40)


def test_in_a_transaction_nothing_is_sent():
    db, broker = filled(3), Broker()
    sync = over(db, broker)
    drained(sync)
    with db.transaction():
        db.insert("readings", {})
        n = len(broker.sink.messages)
        for _ in range(10):
            sync.step()
        same(len(broker.sink.messages), n)
    drained(sync)
    check(db, broker.sink, 4)


def test_two_devices_and_one_sink():
    db, sink = filled(0), Sink()
    other = fresh("other")
    syncs = [(over(db, Broker(sink)), db), (Sync(other, "pump-8", "x", dial=Broker(sink).dial, prefix="a/b"), other)]
    for sync, database in syncs:
        for i in range(5):
            database.insert("notes", {"i": i})
        drained(sync)
        sync.close()
    same(column([{"id": line[1]} for line in sink.lines], "id"), [1, 2, 3, 4, 5] * 2)
    same(len(sink.h), 2)


def run(coroutine):
    try:
        import asyncio
    except ImportError:
        raise Skip("needs asyncio")
    return asyncio.run(coroutine)


async def _in_a_task(sync, holds):
    import asyncio

    task = asyncio.create_task(sync.run())
    for _ in range(2000):
        if holds():
            break
        await asyncio.sleep(0.01)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    assert holds()


def test_run_is_a_task():
    db, broker = filled(), Broker()
    sync = over(db, broker)
    run(_in_a_task(sync, lambda: sync.status()["waiting"] == 0))
    check(db, broker.sink)


async def _beside_tasks(db, broker):
    import asyncio

    from unosql.aio import Unosql

    shared = Unosql(db)
    sync = over(shared, broker)
    task = asyncio.create_task(sync.run())
    for i in range(10):
        await shared.insert("readings", {"n": i})
        async with shared.transaction():
            await shared.insert("readings", {"n": i})
            await asyncio.sleep(0.02)
            await shared.insert("readings", {"n": i})
    for _ in range(1000):
        if not await shared.count("readings"):
            break
        await asyncio.sleep(0.02)
    task.cancel()


def test_run_beside_tasks_that_write():
    """While one of them is in a transaction nothing is sent, and nothing fails."""
    db, broker = filled(0), Broker()
    run(_beside_tasks(db, broker))
    check(db, broker.sink, 30)


class Client:
    """A client as mqtt_as has it. lost: publish() raises OSError so many times."""

    def __init__(self, sink, topic):
        import asyncio

        self.sink, self.topic, self.lost = sink, topic, 2
        self.up, self._some, self._messages = asyncio.Event(), asyncio.Event(), []
        self.queue, self.topics, self.hears = self, [], False
        self.up.set()

    def isconnected(self):
        return True

    def renew(self):
        """A new connection, of which another task has taken note."""
        self.hears = False
        self.up.clear()

    async def subscribe(self, topic, qos):
        self.topics.append((topic, qos))
        self.hears = True

    async def publish(self, topic, message, retain, qos):
        same((topic, retain), (self.topic % "up", False))
        if self.lost:
            self.lost -= 1
            raise OSError(110)
        self._messages.append((b"of/others", b"{}", False))
        answer = self.sink.receive(message)
        if answer and self.hears:
            self._messages.append(((self.topic % "down").encode(), answer, False))
        self._some.set()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._messages:
            self._some.clear()
            await self._some.wait()
        return self._messages.pop(0)


async def _over_a_client(db, sink):
    client = Client(sink, "unosql/1/pump-7/%s")
    sync = Over(db, "pump-7", client, logs={"readings": 0}, patience=PATIENCE, chunk=200, heartbeat=0.4)
    await _in_a_task(sync, lambda: sync.status()["waiting"] == 0)
    same(set(client.topics), {("unosql/1/pump-7/down", 0)})
    same(sync.take(b"of/others", b"{}"), False)
    times, told = len(client.topics), len(sink.messages)
    await _in_a_task(sync, lambda: len(sink.messages) >= told + 3)
    same([header["hello"] for header in sink.messages[told:]], [1, 1, 1])
    same(len(client.topics), times)  # a heartbeat costs no subscription
    client.renew()
    db.insert("readings", {})
    await _in_a_task(sync, lambda: sync.status()["waiting"] == 0)
    same(len(client.topics) > times, True)
    sink.is_away = True
    db.insert("readings", {})
    await _in_a_task(sync, lambda: sync.status()["error"])
    same(sync.status()["error"], "no answer from the sink")
    sink.is_away = False
    await _in_a_task(sync, lambda: sync.status()["waiting"] == 0)
    same(sync.status()["error"], None)


def test_over_a_client_of_mqtt_as():
    db, sink = filled(), Sink()
    run(_over_a_client(db, sink))
    check(db, sink, 32)


def server_at():
    """Return a socket that listens on this machine, and its port."""
    try:
        import socket
    except ImportError:
        raise Skip("needs socket")
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for port in range(18831, 18931):
        try:
            server.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            break
        except OSError:
            pass
    server.listen(1)
    return server, port


class Wary:
    """TLS as MicroPython has it, to a broker with another's certificate: a ValueError, whose text begins with a line's end."""

    def wrap_socket(self, plain, server_hostname):
        self.host = server_hostname
        raise ValueError("\nThe certificate is not correctly signed by the trusted CA")


def test_a_certificate_that_is_not_trusted():
    """step() does not raise, and the connection is closed."""
    db = filled(3)
    server, port = server_at()
    tls = Wary()
    sync = Sync(db, "pump-7", "127.0.0.1", port, ssl=tls, patience=0.5)
    sync.step()
    same(sync.status()["error"], "The certificate is not correctly signed by the trusted CA")
    same((tls.host, sync.status()["connected"], sync.status()["waiting"]), ("127.0.0.1", False, 3))
    connection = server.accept()[0]
    same(connection.recv(1), b"")
    connection.close()
    server.close()


def test_over_sockets():
    """A server on this machine, in the same thread: it answers one step later."""
    db, broker = filled(), Broker()
    server, port = server_at()
    sync = Sync(db, "pump-7", "127.0.0.1", port, logs={"readings": 0}, chunk=200)
    sync.step()
    connection = server.accept()[0]
    connection.setblocking(False)
    broker.dial()
    until(sync, lambda: _passed_on(connection, broker.wire) or sync.status()["waiting"] == 0)
    check(db, broker.sink)
    connection.close()
    until(sync, lambda: not sync.status()["connected"])
    same(sync.status()["error"], "the broker has ended the connection")
    server.close()
    sync.step()


def _passed_on(connection, wire):
    try:
        data = connection.recv(300)
    except OSError:
        data = b""
    wire.write(data)
    if wire.down:
        connection.send(wire.down)
        wire.down = b""


def test_arguments():
    db = filled(0)
    for name, value in (("qos", 2), ("prefix", "a/+"), ("prefix", ""), ("heartbeat", 0), ("patience", "1"), ("every", -1)):
        raises(ValueError, name, Sync, db, "pump-7", "x", **{name: value})
    raises(ValueError, "device", Sync, db, "a.b", "x")
    raises(ValueError, "chunk", Sync, db, "a", "x", chunk=1)
    same(length(321), b"\xc1\2")
