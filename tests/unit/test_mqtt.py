"""Devices on MicroPython, a real mosquitto, and a sink: what is killed, refused, forged or torn costs nothing."""
import json
import random
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paho.mqtt import client as paho

from here import ROOT
from memory_sink import MemorySink
from certificates import certificate
from media import FlashMedium
from servers import Mosquitto, Postgres, free_port, program, wait_for
from fleet import Sink, unosql
from unosql.core import Unosql
from unosql.mqtt import Sync
from unosql_pc.sink import sealing
from firmware import targets

DEVICE = ROOT / "tests" / "support" / "mqtt_device.py"
UP, DOWN = "unosql/1/pump-7/up", "unosql/1/pump-7/down"


class Carried:
    """A MemorySink at a broker."""

    def __init__(self, port, login=None):
        self.sink, self.lock, self.messages, self.torn = MemorySink(), threading.Lock(), 0, 0
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.reconnect_delay_set(1, 1)
        if login:
            self.client.username_pw_set(*login)
        self.client.on_connect = lambda client, *_: client.subscribe(UP)
        self.client.on_message = self.take
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def take(self, client, _, message):
        with self.lock:
            self.messages += 1
            try:
                answer = self.sink.receive(message.payload)
            except ValueError:
                self.torn += 1
                return
        if answer:
            client.publish(DOWN, answer)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Device:
    def __init__(self, bits, folder, port, password="", *key):
        self.command = [str(targets.unix(bits)), str(DEVICE), str(folder), str(port), password, *key]
        self.folder = folder
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self):
        """What it says at its end."""
        (self.folder / "stop").touch()
        output = self.process.communicate(timeout=60)[0]
        assert self.process.returncode == 0, output
        return json.loads(output.splitlines()[-1])


@pytest.fixture(params=(32, 64), ids=("unix32", "unix"))
def bits(request):
    return request.param


@pytest.fixture
def broker():
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def carried(broker):
    carried = Carried(broker.port)
    yield carried
    carried.close()


def check(sink, device, least):
    """Every record once, state as on the device; at least so many records. A hello that a dead device had sent may have made a fork."""
    epoch = device["status"]["epoch"]
    numbers = {known.name: number for source in sink.sources.values() for number, known in source.collections.items()}
    ids = [line.id for line in sink.lineage(epoch, numbers["readings"])]
    assert sorted(set(ids)) == list(range(1, device["next"]))
    assert len(ids) == len(set(ids)), (sink.sources, [id for id in ids if ids.count(id) > 1])
    assert len(ids) >= least and not sink.missing(epoch, numbers["readings"])
    assert device["left"] == 0 and device["status"]["waiting"] == 0
    state = {str(key[2]): json.loads(line.fields)["value"] for key, line in sink.state.items() if key[:2] == (epoch, numbers["settings"]) and line.fields}
    assert state == device["state"]


def test_all_arrives_whoever_is_killed(bits, broker, carried, tmp_path):
    rng, device = random.Random(bits), Device(bits, tmp_path, broker.port)
    for _ in range(10):
        time.sleep(rng.uniform(0.2, 1))
        if rng.random() < 0.6:
            device.kill()
            device.start()
        else:
            broker.kill()
            time.sleep(rng.uniform(0, 0.3))
            broker.start()
    check(carried.sink, device.end(), 100)
    assert carried.torn == 0


def test_forged_and_torn_answers_change_nothing(bits, broker, carried, tmp_path):
    device, rng = Device(bits, tmp_path, broker.port), random.Random(1)
    wait_for(lambda: carried.sink.rows)
    (epoch,) = carried.sink.sources
    forged = {"e": epoch, "s": "0" * 8, "h": 1 << 40}
    for _ in range(60):
        whole = json.dumps(forged).encode()
        for message in (whole, whole[: rng.randrange(len(whole))], rng.randbytes(rng.randrange(3000)), b"[" * 400, json.dumps(dict(forged, say="fork"))):
            carried.client.publish(DOWN, message)
        time.sleep(0.02)
    check(carried.sink, device.end(), 10)


@pytest.fixture
def guarded(tmp_path):
    """A broker with passwords, and rights by the name of the user."""
    passwords, rights = tmp_path / "passwords", tmp_path / "rights"
    passwords.touch(0o600)
    for user, password in (("pump-7", "right"), ("sink", "of the sink"), ("pump-8", "another")):
        subprocess.run([program("mosquitto_passwd"), "-b", passwords, user, password], check=True, capture_output=True)
    rights.write_text("pattern write unosql/1/%u/up\npattern read unosql/1/%u/down\nuser sink\ntopic read unosql/1/+/up\ntopic write unosql/1/+/down\n")
    for file in (passwords, rights):
        file.chmod(0o600)
    with Mosquitto("allow_anonymous false\npassword_file %s\nacl_file %s\n" % (passwords, rights)) as broker:
        yield broker


def test_a_wrong_password_and_then_the_right_one(bits, guarded, tmp_path):
    carried = Carried(guarded.port, ("sink", "of the sink"))
    try:
        device = Device(bits, tmp_path, guarded.port, "wrong")
        time.sleep(1)
        device.kill()
        assert carried.messages == 0
        device = Device(bits, tmp_path, guarded.port, "right")
        wait_for(lambda: carried.sink.rows)
        forger = paho.Client(paho.CallbackAPIVersion.VERSION2)
        forger.username_pw_set("pump-8", "another")
        forger.connect("127.0.0.1", guarded.port)
        forger.loop_start()
        for _ in range(20):
            forger.publish(UP, b"{}")
            forger.publish(DOWN, b"{}")
        check(carried.sink, device.end(), 10)
        assert carried.torn == 0
        forger.disconnect()
        forger.loop_stop()
    finally:
        carried.close()


def test_sealed_deflated_and_down_with_the_real_sink(bits, broker, tmp_path):
    """Commands, settings and records reach a device that is killed meanwhile, each once; what became of them is in PostgreSQL."""
    import psycopg

    key = tmp_path / "key"
    key.write_text("42" * 32)
    with Postgres() as postgres:
        dsn = postgres.database()
        with Sink(broker, dsn, "--key-file", str(key)):
            device = Device(bits, tmp_path, broker.port, "", sealing.key_of(sealing.read_key(key), "pump-7").hex())
            wait_for(lambda: "pump-7" in unosql(dsn, "devices")[1])
            for i in range(6):
                for words in (("do", "double", str(i)), ("set", "every", str(i)), ("put", "prices", str(i % 3), '{"euro": %d}' % i)):
                    code, _, error = unosql(dsn, "send", "pump-7", *words)
                    assert code == 0, error
                if i % 2:
                    device.kill()
                    device.start()
            wait_for(lambda: "waits" not in unosql(dsn, "sent", "pump-7")[1], text="all to be applied")
            done = device.end()
        assert done["status"]["waiting"] == 0 and done["every"] == 5 and done["prices"] == {"0": 3, "1": 4, "2": 5}
        with psycopg.connect(dsn) as connection:
            relation, = connection.execute("select relation from unosql.collection where name = '_results'").fetchone()
            results = [row for row, in connection.execute('select doc from "%s" order by (doc->>\'n\')::int' % relation)]
            epochs = connection.execute("select count(*) from unosql.source").fetchone()[0]
    assert [result["result"] for result in results] == [0, 2, 4, 6, 8, 10] or epochs > 1  # a fork may have results twice
    assert {result["result"] for result in results} == {0, 2, 4, 6, 8, 10}


def test_what_is_killed_in_its_first_message_is_told_apart(broker, carried, tmp_path):
    """The session is durable before its data: no restart makes a device begin anew."""
    device = Device(32, tmp_path, broker.port)
    for _ in range(12):
        before = carried.messages
        wait_for(lambda: carried.messages >= before + 2)
        device.kill()
        device.start()
    check(carried.sink, device.end(), 10)


def test_the_folder_of_a_device_holds_no_password(broker, carried, tmp_path):
    folder = tmp_path / "flash"
    folder.mkdir()
    device = Device(64, folder, broker.port, "a-secret-word")
    wait_for(lambda: carried.sink.rows)
    device.end()
    for file in Path(folder).rglob("*"):
        assert not file.is_file() or b"a-secret-word" not in file.read_bytes()


def test_over_tls(tmp_path):
    """On CPython: the unix ports have no ssl. A broker that the context does not trust gets nothing."""
    crt, key = certificate(tmp_path)
    port = free_port()
    with Mosquitto("allow_anonymous true\nlistener %d 127.0.0.1\ncertfile %s\nkeyfile %s\n" % (port, crt, key)) as broker:
        carried = Carried(broker.port)
        db = Unosql("tls", storage=FlashMedium(48).storage(), log_level="NONE", memtable=2048)
        db.insert_many("readings", [{"celsius": n} for n in range(200)])
        options = {"logs": {"readings": 0}, "patience": 2}
        wary = Sync(db, "pump-7", "127.0.0.1", port, ssl=ssl.create_default_context(), **options)
        wait_for(lambda: wary.step() or wary.status()["error"])
        assert "certificate" in wary.status()["error"] and carried.messages == 0
        sync = Sync(db, "pump-7", "127.0.0.1", port, ssl=ssl.create_default_context(cafile=str(crt)), **options)
        wait_for(lambda: [sync.step() for _ in range(20)] and not sync.status()["waiting"])
        assert [line.id for _, line in carried.sink.rows] == list(range(1, 201)) and db.count("readings") == 0
        sync.close()
        db.close()
        carried.close()
