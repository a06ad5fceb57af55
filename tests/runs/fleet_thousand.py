"""1,000 databases on MicroPython, each with unosql.mqtt as images have it, and what is in PostgreSQL in the end.

    build/venv/bin/python tests/runs/fleet_thousand.py [--devices 1000] [--processes 8] [--records 40] [--kills 24] [--report FILE]

The devices are files of few processes. Processes, sink, broker and PostgreSQL are killed in turn. All that was inserted must be there once.
"""
import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402
import psycopg  # noqa: E402
import reliability  # noqa: E402
from chaos import Chaos  # noqa: E402
from fleet import Sink  # noqa: E402
from servers import Mosquitto, Postgres  # noqa: E402

from firmware import deps, outcome, targets  # noqa: E402

_WRONG = """
select device, count(*), count(distinct id), min(id), max(id) from fleet.readings group by device
  having count(*) <> max(id) or count(distinct id) <> max(id) or min(id) <> 1 or bool_or((doc ->> 'n')::int <> id)
"""


class Processes:
    """Each has its share of the devices."""

    def __init__(self, folder, port, devices, processes, records):
        self.folder = folder
        binary, share = str(targets.unix(64)), -(-devices // processes)
        self.commands = [[binary, "-X", "heapsize=96M", str(here.SUPPORT / "fleet_many.py"), str(folder), str(port), str(first),
                          str(min(share, devices - first)), str(records)] for first in range(0, devices, share)]
        self.running = [self._started(i) for i in range(len(self.commands))]
        self.next = 0

    def _started(self, i):
        with open(self.folder / ("%d.log" % i), "ab") as log:
            return subprocess.Popen(self.commands[i], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill_one(self):
        """Pull the plug of one after the other, of its devices all at once; what has ended stays so."""
        i = self.next = (self.next + 1) % len(self.running)
        if self.running[i].poll() is None:
            self.running[i].kill()
            self.running[i].wait()
            self.running[i] = self._started(i)

    def is_over(self):
        codes = [process.poll() for process in self.running]
        assert not [code for code in codes if code], self.logs()
        return None not in codes

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def last_ids(self):
        """{device: (its last id, epoch)} as the devices told in the end."""
        return {name: (int(id), epoch) for name, id, epoch in map(str.split, self.logs().splitlines())}


def played(a, folder):
    """Return (records, seconds of the whole run, {what was killed: how often}). Failure is an AssertionError that says what differs."""
    start = time.monotonic()
    with Postgres() as postgres, Mosquitto() as broker:
        dsn = postgres.database()
        with Sink(broker, dsn) as sink:
            processes = Processes(folder, broker.port, a.devices, a.processes, a.records)
            try:
                chaos = Chaos(1, 3.0, process=processes.kill_one, sink=sink, broker=broker, postgres=postgres)
                while not processes.is_over():
                    if sum(chaos.killed.values()) < a.kills:
                        chaos()
                    time.sleep(0.1)
                    assert time.monotonic() - start < a.seconds, "after %d s some devices have something to send" % a.seconds
            finally:
                processes.end()
            compare(dsn, processes.last_ids(), a)
            assert "Traceback" not in sink.log(), sink.log()
            with psycopg.connect(dsn) as connection:
                return connection.execute("select count(*) from fleet.readings").fetchone()[0], time.monotonic() - start, chaos.killed


def compare(dsn, told, a):
    with psycopg.connect(dsn) as connection:
        ask = lambda query: connection.execute(query).fetchall()  # noqa: E731
        assert ask(_WRONG) == []
        assert dict(ask("select device, max(id) from fleet.readings group by device")) == {name: id for name, (id, _) in told.items()}
        assert len(told) == a.devices and min(id for id, _ in told.values()) >= a.records
        assert ask("select count(*) from unosql.gap") == [(0,)] and ask("select count(*) from unosql.dead") == [(0,)]
        states = {name: id // 4 * 4 for name, (id, _) in told.items() if id >= 4}
        assert dict(ask("select device, (doc ->> 'n')::int from fleet.settings")) == states
        assert dict(ask("select device, epoch from unosql.source where present")) == {name: epoch for name, (_, epoch) in told.items()}


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--records", type=int, default=40, help="of each device")
    parser.add_argument("--kills", type=int, default=24, help="of processes, sink, broker and PostgreSQL together")
    parser.add_argument("--seconds", type=float, default=3600, help="after which the run has failed")
    parser.add_argument("--report", metavar="FILE")
    a = parser.parse_args(arguments)
    deps.ensure("sink", "unix")
    folder = Path(tempfile.mkdtemp(prefix="unosql-thousand-"))
    try:
        records, seconds, killed = played(a, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = ("{:,} databases in {} processes of MicroPython, {:,} records: all there once, none untold, all state equal, after {:.0f} s. Killed: {}.".format(
        a.devices, a.processes, records, seconds, ", ".join("%s %d" % item for item in killed.items())))
    reliability.tell(text, "fleet thousand", a.report)
    return 0


if __name__ == "__main__":
    sys.exit(outcome.status_of(main, sys.argv[1:]))
