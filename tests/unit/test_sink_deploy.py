"""What is in deploy/, and the users that `unosql sink add` makes: tried on real brokers, or checked by those whose files they are."""
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import time

import psycopg
import pytest
import yaml
from paho.mqtt import client as paho

import here
from certificates import certificate
from fleet import Device, Fleet, Sink, unosql
from servers import Mosquitto, Nats, Postgres, wait_for
from unosql.kv import crypto
from firmware import programs, targets

DEPLOY = here.ROOT / "deploy"


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as server:
        yield server


def ran(*arguments):
    code, out, err = unosql("", *arguments)
    assert code == 0, err
    return out


class User:
    """A client of a broker; heard: [(topic, payload)] of what it has subscribed to."""

    def __init__(self, broker, name, password, *topics):
        self.heard, self.refused, self.is_in = [], None, False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, name + "-test")
        self.client.username_pw_set(name, password)
        self.client.on_message = lambda _, __, message: self.heard.append((message.topic, message.payload))
        self.client.on_connect = self._connected
        self.topics = topics
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        wait_for(lambda: self.is_in or self.refused)

    def _connected(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            self.refused = str(reason)
            return
        for topic in self.topics:
            client.subscribe(topic)
        self.is_in = True

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def mosquitto(tmp_path, names=("pump", "valve", "sink")):
    """(a broker with our users and rules, {name: password})."""
    users, acl = tmp_path / "passwords", tmp_path / "acl"
    passwords = {name: ran("add", name, "--file", str(users)).strip() for name in names}
    acl.write_text(ran("acl"))
    return Mosquitto("allow_anonymous false\npassword_file %s\nacl_file %s\n" % (users, acl)), passwords


def nats(tmp_path):
    blocks = {name: ran("add", name, "--broker", "nats", *(["--sink"] if name == "sink" else [])) for name in ("pump", "valve", "sink")}
    passwords = {name: re.search('password: "(.*?)"', block)[1] for name, block in blocks.items()}
    return Nats("authorization { users: [\n%s] }\n" % "".join(blocks.values())), passwords


@pytest.mark.parametrize("make", [mosquitto, nats])
def test_a_device_may_speak_for_itself_only(make, tmp_path, postgres):
    server, passwords = make(tmp_path)
    dsn = postgres.database()
    with server as broker:
        assert User(broker, "pump", "wrong").refused
        password = tmp_path / "sink"
        password.write_text(passwords["sink"] + "\n")
        listening = User(broker, "sink", passwords["sink"], "unosql/1/+/up")
        valve = User(broker, "valve", passwords["valve"], "unosql/1/pump/down", "unosql/1/pump/up", "#")
        pump = User(broker, "pump", passwords["pump"], "unosql/1/pump/down")
        with Sink(broker, dsn, "--password-file", str(password), "--mqtt", "mqtt://sink@127.0.0.1:%d" % broker.port):
            valve.client.publish("unosql/1/pump/up", b"forged")
            valve.client.publish("unosql/1/pump/down", b"forged")
            pump.client.publish("unosql/1/pump/up", b"true")
            wait_for(lambda: listening.heard)
            with Fleet(broker.port, [Device("pump")], user=("pump", passwords["pump"]), topics=["unosql/1/pump/down"]) as fleet:
                fleet.run(1)
                fleet.drain()
                assert fleet.problems(dsn) == []
            time.sleep(0.3)
        assert not [payload for _, payload in listening.heard + pump.heard if payload == b"forged"]
        assert pump.heard and not [topic for topic, _ in valve.heard if "pump" in topic]
        for user in (listening, valve, pump):
            user.close()


STEPS_MORE = """
import os, time
while "stop" not in os.listdir() or sync.status()["waiting"]:
    sync.step()
    time.sleep(0.01)
assert every == 60 and sync.setting("every", 60) == 5
"""


def test_the_recipe_runs(tmp_path, postgres):
    """That of docs/RECIPES.md, on MicroPython, with the broker's address and the password put in, and steps until all has come."""
    recipe = programs.of("docs/RECIPES.md", True)["A fleet's readings in PostgreSQL"]
    server, passwords = mosquitto(tmp_path, ("pump-7", "sink"))
    dsn, password, folder = postgres.database(), tmp_path / "sink", tmp_path / "board"
    password.write_text(passwords["sink"])
    folder.mkdir()
    with server as broker, Sink(broker, dsn, "--password-file", str(password), "--mqtt", "mqtt://sink@127.0.0.1:%d" % broker.port):
        for old, new in (('"192.0.2.1",', '"127.0.0.1", %d,' % broker.port), ("what `unosql sink add pump-7` printed", passwords["pump-7"]),
                         ("print(sync.status()", STEPS_MORE + "print(sync.status()")):
            assert recipe.count(old) == 1
            recipe = recipe.replace(old, new)
        (folder / "recipe.py").write_text(recipe)
        device = subprocess.Popen([str(targets.unix(64)), "recipe.py"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        try:
            wait_for(lambda: unosql(dsn, "devices", "pump-7", "--json")[1])
            for words in (["do", "valve", "true"], ["set", "every", "5"]):
                assert unosql(dsn, "send", "pump-7", *words)[0] == 0
            wait_for(lambda: "opened" in (out := unosql(dsn, "sent", "pump-7")[1]) and "waits" not in out)
            (folder / "stop").touch()
            output = device.communicate(timeout=60)[0]
        finally:
            device.kill()
        assert device.returncode == 0 and output == "0 changes wait; None\n", output
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("select device, doc ->> 'celsius' from fleet.readings order by id").fetchall()
        assert rows == [("pump-7", celsius) for celsius in ("21.5", "21.6", "21.8")]


def test_tls_is_checked(tmp_path, postgres):
    crt, key = certificate(tmp_path)
    dsn = postgres.database()
    with Mosquitto("allow_anonymous true\ncertfile %s\nkeyfile %s\n" % (crt, key)) as broker:
        url = "mqtts://127.0.0.1:%d" % broker.port
        with Sink(broker, dsn, "--mqtt", url, "--ca", str(crt)) as sink:
            assert "reading unosql/1/+/up" in sink.log()
        untrusting = Sink(broker, dsn, "--mqtt", url)
        with pytest.raises(AssertionError):
            untrusting.start(5)
        assert "certificate" in untrusting.log() and "connected to" not in untrusting.log() and "Traceback" not in untrusting.log()
        untrusting.__exit__()
    code, _, err = unosql(dsn, "run", "--mqtt", url, "--ca", str(tmp_path / "none"))
    assert code == 2 and err.splitlines()[-1].endswith("none: No such file or directory")
    code, _, err = unosql(dsn, "run", "--mqtt", url, "--ca", str(key))
    assert code == 2 and "error: --ca" in err.splitlines()[-1]


def test_a_sink_that_may_not_read_says_so(tmp_path, postgres):
    server, passwords = nats(tmp_path)
    with server as broker:
        code, _, err = unosql(postgres.database(), "run", "--mqtt", "mqtt://pump@127.0.0.1:%d" % broker.port, UNOSQL_SINK_PASSWORD=passwords["pump"])
        assert code == 2 and "does not let pump read unosql/1/+/up" in err.splitlines()[-1]


def test_sealed_messages(tmp_path, postgres):
    """A device without the key, or with another one's, is not heard, and a sink's answers are of no use to others."""
    key, dsn = tmp_path / "key", postgres.database()
    key.write_text("ab" * 32 + "\n")
    lines = {name: ran("add", name, "--key-file", str(key)).splitlines()[-1] for name in ("d1", "d2", "d3")}
    assert lines["d1"] == hmac.new(b"\xab" * 32, b"syncd1", "sha256").hexdigest()
    seals = {name: crypto.derive(bytes.fromhex(line), b"unosql sync", 1) for name, line in lines.items()}
    with Mosquitto() as broker, Sink(broker, dsn, "--key-file", str(key)) as sink:
        good = [Device("d1"), Device("d2")]
        with Fleet(broker.port, good, seals=seals) as fleet:
            fleet.run(1)
            fleet.drain()
            assert fleet.problems(dsn) == []
        with Fleet(broker.port, [Device("plain"), Device("d3")], seals={"d3": seals["d1"]}) as fleet:
            for refusal in ("plain: torn: it is not sealed", "d3: torn: it is sealed with another key, or damaged"):
                wait_for(lambda: fleet.run(0.2) or refusal in sink.log())
            assert len(fleet.waiting()) == 2
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select device from unosql.source order by device").fetchall() == [("d1",), ("d2",)]
    key.write_text("abc")
    code, _, err = unosql(dsn, "run", "--mqtt", "mqtt://x", "--key-file", str(key))
    assert code == 2 and "a key has 64 hex digits" in err


@pytest.mark.parametrize("bits", [32, 64])
def test_a_device_on_micropython_seals_and_takes_what_comes_down(bits, tmp_path, postgres):
    """The image's own unosql.mqtt, against the sink's sealing, which shares none of its code but the blocks."""
    key, dsn = tmp_path / "key", postgres.database()
    key.write_text("cd" * 32)
    own = ran("add", "pump", "--key-file", str(key)).splitlines()[-1]
    with Mosquitto() as broker, Sink(broker, dsn, "--key-file", str(key)) as sink:
        command = [str(targets.unix(bits)), str(here.SUPPORT / "fleet_device.py"), "pump", str(tmp_path), str(broker.port), "0.1", "0", own]
        device = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            wait_for(lambda: unosql(dsn, "devices", "pump", "--json")[1])
            for n in range(1, 6):
                for words in (["do", "double", str(n)], ["set", "every", str(n)], ["put", "prices", "bread", '{"euro": %d}' % n]):
                    assert unosql(dsn, "send", "pump", *words)[0] == 0
                if n == 3:
                    device.kill()
                    device.wait()
                    device = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            wait_for(lambda: '"waits"' not in (out := unosql(dsn, "sent", "--json")[1]) and out.count('{\\"result\\": ') == 5)
            results = [json.loads(line) for line in unosql(dsn, "sent", "--json")[1].splitlines()]
            assert [json.loads(r["result"]) for r in results if json.loads(r["item"])[0] == "do"] == [{"result": 2 * n} for n in range(1, 6)]
            with psycopg.connect(dsn) as connection:
                wait_for(lambda: connection.execute("select count(*) from fleet.readings").fetchone()[0] > 10)
        finally:
            device.kill()
            output = device.communicate()[0]
        assert b"Traceback" not in output and "torn" not in sink.log()
    program = "from unosql import Unosql; d = Unosql('pump', path='%s'); print([r['euro'] for r in d.all('prices')], [r['value'] for r in d.all('_config')])"
    done = subprocess.run([str(targets.unix(bits)), "-c", program % tmp_path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout.split() == ["[5]", "[5]"], done.stdout + done.stderr


def test_a_password_file_keeps_its_other_users_and_its_mode(tmp_path):
    file = tmp_path / "passwords"
    ran("add", "pump", "--file", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    first = file.read_text()
    ran("add", "valve", "--file", str(file))
    ran("add", "valve", "--file", str(file))
    lines = file.read_text().splitlines()
    assert lines[0] == first.strip() and [line.split(":")[0] for line in lines] == ["pump", "valve"] and file.stat().st_mode & 0o777 == 0o640
    code, _, err = unosql("", "add", "a.b")
    assert code == 2 and "a device's name" in err


def test_the_acl_in_deploy_is_what_the_command_prints():
    assert (DEPLOY / "mosquitto" / "acl").read_text() == ran("acl")


def test_mosquitto_takes_its_configuration(tmp_path):
    """That of deploy/, with the paths of the container turned into ours, and without certificates."""
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text()
    ran("add", "sink", "--file", str(tmp_path / "passwords"))
    text = text.replace("/mosquitto/secrets", str(tmp_path)).replace("/mosquitto/config", str(DEPLOY / "mosquitto"))
    settings = "\n".join(line for line in text.splitlines() if line.split(" ")[0] not in ("listener", "certfile", "keyfile", "per_listener_settings"))
    with Mosquitto(settings + "\n") as broker:
        assert User(broker, "sink", "wrong").refused


def test_compose_file():
    done = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    own = [source for service in services.values() for source in (v.split(":")[0] for v in service.get("volumes", ())) if source.startswith("./mosq")]
    assert own and all((DEPLOY / source).exists() for source in own)
    assert (here.ROOT / services["sink"]["build"]["dockerfile"]).exists()
    command = services["sink"]["command"]
    code, _, err = unosql("", *command[:command.index("--password-file")], "--password-file", "/nowhere")
    assert code == 2 and "/nowhere" in err  # its arguments are ours


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_unit(tmp_path):
    """The program itself lies elsewhere than on a server: another one stands for it."""
    unit = (DEPLOY / "systemd" / "unosql-sink.service").read_text()
    (tmp_path / "unosql-sink.service").write_text(unit.replace("/opt/unosql/bin/unosql", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "unosql-sink.service")], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, SYSTEMD_LOG_LEVEL="warning"))
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    names = set(re.findall(r"\$\{(\w+)\}", unit))
    assert names == set(re.findall(r"^(\w+)=", (DEPLOY / "systemd" / "sink.env").read_text(), re.M)) == {"MQTT", "POSTGRES"}
