"""`make fleet`: a broker, PostgreSQL, a sink and ten devices on this machine, and a live table of them. Ctrl-C ends all.

    build/venv/bin/python tests/runs/show_fleet.py [--devices 10] [--seconds 60] [--every 1]
"""
import argparse
import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402
import psycopg  # noqa: E402
from fleet import Sink  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.live import Live  # noqa: E402
from rich.table import Table  # noqa: E402
from servers import Mosquitto, Postgres  # noqa: E402

from firmware import outcome, targets  # noqa: E402
from firmware.progress import Failure  # noqa: E402

_ASK = """
select s.device, h, greatest(last - h, 0), extract(epoch from now() - seen)::int, r.n, r.doc ->> 'celsius', x.doc ->> 'on'
from unosql.source s
  left join lateral (select count(*) over () as n, doc from fleet.readings r where r.device = s.device order by id desc limit 1) r on true
  left join fleet.settings x on x.device = s.device
where present order by length(s.device), s.device
"""


class Programs:
    """The devices: MicroPython processes, each with a folder."""

    def __init__(self, n, folder, port, *more):
        self.folder, self.port, self.more = folder, port, more
        self.binary = str(targets.unix(64))
        self.running = {}
        for i in range(1, n + 1):
            self.start("pump-%d" % i)

    def start(self, name):
        command = [self.binary, str(here.SUPPORT / "fleet_device.py"), name, str(self.folder), str(self.port), *map(str, self.more)]
        with open(self.folder / (name + ".log"), "ab") as log:
            self.running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def replace_one(self):
        """Pull a device's plug, now and then: it starts again with what is on its medium."""
        name = random.choice(list(self.running))
        self.end([name])
        self.start(name)

    def end(self, names=None):
        for name in names or list(self.running):
            process = self.running.pop(name)
            process.kill()
            process.wait()


def table(connection):
    found = Table("device", "change", "waiting", "seen, s", "readings", "celsius", "on")
    for row in connection.execute(_ASK):
        found.add_row(*("" if value is None else str(value) for value in row))
    return found


def show(dsn, programs, seconds):
    """Draw until the time is over, or Ctrl-C."""
    end = time.monotonic() + seconds
    console = Console()
    with psycopg.connect(dsn, autocommit=True) as connection:
        wait_for_tables(connection, end)
        with Live(table(connection), console=console, auto_refresh=False, transient=not console.is_terminal) as live:
            while time.monotonic() < end:
                time.sleep(min(0.5, max(0.0, end - time.monotonic())))
                live.update(table(connection), refresh=console.is_terminal)
                if random.random() < 0.03:
                    programs.replace_one()
        if not console.is_terminal:
            console.print(table(connection))


def wait_for_tables(connection, end):
    while not connection.execute("select to_regclass('fleet.readings') is not null and to_regclass('fleet.settings') is not null").fetchone()[0]:
        if time.monotonic() > end:
            raise Failure("no device has sent anything")
        time.sleep(0.2)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between readings")
    a = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="unosql-fleet-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres, broker = stack.enter_context(Postgres()), stack.enter_context(Mosquitto())
        dsn = postgres.database()
        sink = stack.enter_context(Sink(broker, dsn))
        programs = Programs(a.devices, folder, broker.port, a.every)
        stack.callback(programs.end)
        print("PostgreSQL: %s\nmetrics: http://127.0.0.1:%d/metrics\nbroker: 127.0.0.1:%d; Ctrl-C ends all" % (dsn, sink.metrics, broker.port), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            show(dsn, programs, a.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(outcome.status_of(main, sys.argv[1:]))
