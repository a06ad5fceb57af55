"""Real servers for tests: each on a free port of this machine, in a folder of its own, ended by its process.

A server that is not installed is a skip, and a failure in CI.
"""
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SYSTEM = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"  # where Debian puts servers, and users' PATH does not lead
PASSWORD = "secret"


def program(name):
    """The path of a server's program."""
    found = shutil.which(name, path=SYSTEM) or next((str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/" + name), reverse=True)), None)
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs %s, which is not installed" % name)
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, seconds=30, text="it to happen"):
    """Wait until what() is true, and return that."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "waited %d s for %s" % (seconds, text)
        time.sleep(0.02)
    return found


class Server:
    """A process that serves at 127.0.0.1:port. command(): what starts it; folder: for its files."""

    NAME = ""

    def __init__(self):
        self.program = program(self.NAME)
        self.folder = Path(tempfile.mkdtemp(prefix="unosql-%s-" % self.NAME))
        self.port = free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, seconds=30):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self.options())
        wait_for(self.is_up, seconds, text="%s: %s" % (self.NAME, self.log()[-500:]))

    def options(self):
        return {}

    def is_up(self):
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, number=signal.SIGTERM):
        for _ in range(4):  # mosquitto forgets a signal that comes while it starts
            if self.process.poll() is None:
                self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(6)
        raise AssertionError("%s does not end: %s" % (self.NAME, self.log()[-500:]))

    def kill(self):
        self.stop(signal.SIGKILL)


class Mosquitto(Server):
    """settings: lines of its configuration, in place of those that let everybody in."""

    NAME = "mosquitto"

    def __init__(self, settings="allow_anonymous true\n"):
        super().__init__()
        self.settings = settings

    def command(self):
        user = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "conf").write_text("listener %d 127.0.0.1\n%slog_type error\nlog_type warning\n%s" % (self.port, user, self.settings))
        return [self.program, "-c", str(self.folder / "conf")]


class Nats(Server):
    """With MQTT at port, and its own protocol at native."""

    NAME = "nats-server"

    def __init__(self, settings=""):
        super().__init__()
        self.settings, self.native = settings, free_port()

    def command(self):
        (self.folder / "conf").write_text(
            'server_name: test\nlisten: "127.0.0.1:%d"\njetstream { store_dir: "%s" }\nmqtt { listen: "127.0.0.1:%d" }\n%s' % (
                self.native, self.folder / "js", self.port, self.settings))
        return [self.program, "-c", str(self.folder / "conf")]


class Postgres(Server):
    """fsync: whether it survives a cut of the power, too."""

    NAME = "postgres"

    def __init__(self, fsync=False):
        super().__init__()
        self.fsync = fsync
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            self.user = pwd.getpwnam(next(name for name in ("postgres", "nobody") if _is_user(name)))
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        (self.folder / "password").write_text(PASSWORD)
        subprocess.run([program("initdb"), "-D", str(self.folder / "data"), "-U", "unosql", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8",
                        "--locale=C.UTF-8", "--pwfile", str(self.folder / "password")], check=True, capture_output=True, **self.options())

    def options(self):
        if os.geteuid():
            return {"cwd": self.folder}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": [], "cwd": self.folder}

    def command(self):
        command = [self.program, "-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "max_connections=50"]
        return command if self.fsync else command + ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0",
                                                  "-c", "max_wal_size=64MB"]

    def is_up(self):
        import psycopg

        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.dsn("postgres")).close()
            return True
        assert self.process.poll() is None, self.log()
        return False

    def start(self):
        """After a kill, its children may have the memory still."""
        for _ in range(50):
            try:
                return super().start()
            except AssertionError:
                if "shared memory block" not in self.log()[-1000:]:
                    raise
                time.sleep(0.1)

    def stop(self, number=signal.SIGINT):
        super().stop(number)

    def __exit__(self, *exc):
        self.stop(signal.SIGQUIT)  # without a word to its files, which go anyway
        super().__exit__()

    def dsn(self, database):
        return "postgresql://unosql:%s@127.0.0.1:%d/%s" % (PASSWORD, self.port, database)

    def database(self):
        """The dsn of a database that no sink has seen, or has no more."""
        import psycopg

        name = "sink"
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute("create database sink")
        with psycopg.connect(self.dsn(name), autocommit=True) as connection:
            connection.execute("drop schema if exists unosql cascade")
            connection.execute("drop schema if exists fleet cascade")
        return self.dsn(name)


def _is_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False
