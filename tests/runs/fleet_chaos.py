"""A fleet under everything that may happen to it, and what is there in the end: counts for docs/RELIABILITY.md.

    build/venv/bin/python tests/runs/fleet_chaos.py [--rounds 4] [--seconds 30] [--devices 20] [--report FILE]

Rounds take mosquitto and nats-server in turn. Sink, broker, PostgreSQL and devices are killed; a flash image is put back, and so is the sink's
database. Each round ends with a comparison of all records.
"""
import argparse
import random
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402, F401
import psycopg  # noqa: E402
import reliability  # noqa: E402
from chaos import Chaos, PutBack  # noqa: E402
from fleet import Device, Fleet, Sink  # noqa: E402
from servers import Mosquitto, Nats, Postgres  # noqa: E402

from firmware import deps, outcome  # noqa: E402


NAMES = "broker", "sink", "postgres", "device", "image", "database", "records", "told_as_lost"
TEXT = """{rounds} rounds of {seconds:.0f} seconds with {devices} devices, on mosquitto and nats-server in turn: brokers were killed {broker} times,
sinks {sink}, PostgreSQL {postgres}, devices {device}; flash images were taken or put back {image} times, the sink's database {database}.
Of {records:,} records none was there twice and none was missing untold; {told_as_lost:,} were told to be lost, which devices had dropped
before the database was put back. All state was equal."""


def played(seed, seconds, n):
    """Counts of one round. Failure is an AssertionError that says what differs."""
    rng = random.Random(seed)
    with Postgres() as postgres, (Mosquitto, Nats)[seed % 2]() as broker:
        dsn = postgres.database()
        devices = [Device("d%d" % i, keep=rng.choice((0, 0, 30)), seed=seed) for i in range(n)]
        with Sink(broker, dsn) as sink, Fleet(broker.port, devices, qos=seed % 4 // 2) as fleet:
            fleet.run(1)
            chaos = Chaos(seed, 0.7, sink=sink, broker=broker, postgres=postgres, device=lambda: rng.choice(devices).crash(),
                          image=lambda: rng.choice(devices[:2]).image_back_and_forth(), database=PutBack(dsn, sink))
            fleet.run(seconds, disturb=chaos)
            fleet.drain(90)
            problems = fleet.problems(dsn)
            assert problems == [], problems
            assert "Traceback" not in sink.log(), sink.log()
            return Counter(chaos.killed) + Counter(records=sum(len(d.written) for d in devices)) + counted(dsn)


def counted(dsn):
    with psycopg.connect(dsn) as connection:
        one = lambda query: connection.execute(query).fetchone()[0]  # noqa: E731
        return Counter(told_as_lost=int(one("select coalesce(sum(hi - lo), 0) from unosql.gap")), epochs=one("select count(*) from unosql.source"),
                       dead=one("select count(*) from unosql.dead"))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--report", metavar="FILE")
    a = parser.parse_args(arguments)
    deps.ensure("sink")
    total = Counter()
    for seed in range(a.rounds):
        total += played(seed, a.seconds, a.devices)
        print("round %d: %s" % (seed + 1, ", ".join("%s %d" % item for item in sorted(total.items()))), flush=True)
    text = TEXT.format(rounds=a.rounds, seconds=a.seconds, devices=a.devices, **{name: total[name] for name in NAMES})
    reliability.tell(text, "fleet chaos", a.report)
    return 0


if __name__ == "__main__":
    sys.exit(outcome.status_of(main, sys.argv[1:]))
