"""How many records a second go through one sink, and what each costs: broker, PostgreSQL (with fsync), sink and devices on this machine.

    build/venv/bin/python tests/runs/sink_rate.py [--broker nats] [--devices 1000] [--records 200] [--batch 11] [--deflate] [--sinks 2]

The devices are simulated: they speak the protocol, one message at a time each, and have no database. Each has a connection of its own.
"""
import argparse
import asyncio
import json
import os
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402, F401

HERTZ = os.sysconf("SC_CLK_TCK")


def reading(id):
    return b'[1,%d,1,%d,%d,{"celsius":%d.5,"humidity":%d,"battery":%d,"where":"room-%d"}]' % (
        id, id, 817000000 + id * 60, 20 + id % 9, id % 100, 3700 - id % 99, id % 7)


class Wire:
    """An MQTT connection of a device, with as much of MQTT as it takes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port, device):
        wire = cls(*await asyncio.open_connection("127.0.0.1", port))
        wire.send(0x10, text(b"MQTT") + b"\x04\x02" + struct.pack("!H", 600) + text(device))
        kind, body = await wire.read()
        assert kind == 0x20 and body[1] == 0, "refused"
        wire.send(0x82, b"\x00\x01" + text(b"unosql/1/%b/down" % device) + b"\x00")
        return wire

    def send(self, kind, body):
        n, size = len(body), b""
        while True:
            size += bytes([n & 127 | (128 if n > 127 else 0)])
            n >>= 7
            if not n:
                break
        self.writer.write(bytes([kind]) + size + body)

    async def read(self):
        kind = (await self.reader.readexactly(1))[0]
        n = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, await self.reader.readexactly(n)

    async def answer(self):
        while True:
            kind, body = await self.read()
            if kind & 0xF0 == 0x30:
                return json.loads(body[2 + struct.unpack("!H", body[:2])[0]:])


def text(value):
    return struct.pack("!H", len(value)) + value


async def device(port, name, records, batch, deflate, seconds):
    """Send so many records; note how long answers take."""
    wire = await Wire.connect(port, name)
    header = {"e": os.urandom(8).hex(), "S": "session", "s": "hello", "f": 0, "t": 0, "b": 0, "n": 0, "l": records, "w": 817000000, "z": 2000}
    topic = text(b"unosql/1/%b/up" % name)
    wire.send(0x30, topic + json.dumps(dict(header, hello=1, C=None)).encode())
    h, n = (await wire.answer())["h"], 0
    while h < records:
        to = min(records, h + batch)
        n += 1
        told = dict(header, s=str(n), f=h, t=to, b=h, n=to - h, c={"1": ["readings", 1, 1]})
        message = b"\n".join([json.dumps(told, separators=(",", ":")).encode(), *map(reading, range(h + 1, to + 1))])
        started = time.monotonic()
        wire.send(0x30, topic + (zlib.compress(message) if deflate else message))
        h = (await wire.answer())["h"]
        seconds.append(time.monotonic() - started)
    wire.writer.close()


async def simulate(a):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    started, seconds = time.monotonic(), []
    await asyncio.gather(*(device(a.simulate, b"s%d" % n, a.records, a.batch, a.deflate, seconds) for n in range(a.devices)))
    taken = time.monotonic() - started
    seconds.sort()
    print(json.dumps({"seconds": taken, "median": seconds[len(seconds) // 2], "p99": seconds[len(seconds) * 99 // 100]}))


def cpu(pids):
    """Seconds of the processors that these processes have had."""
    total = 0
    for pid in pids:
        fields = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / HERTZ
    return total


def children(pid):
    return [int(child) for task in Path("/proc/%d/task" % pid).iterdir() for child in (task / "children").read_text().split()]


def rss(pid):
    return int(next(line.split()[1] for line in Path("/proc/%d/status" % pid).read_text().splitlines() if line.startswith("VmRSS"))) // 1024


def measure(a):
    import subprocess

    import psycopg
    from fleet import Sink
    from servers import Mosquitto, Nats, Postgres

    with Postgres(fsync=True) as postgres, {"mosquitto": Mosquitto, "nats": Nats}[a.broker]() as broker:
        dsn = postgres.database()
        more = ["--nats", "nats://127.0.0.1:%d" % broker.native] if a.native else ["--share", "sinks"] if a.sinks > 1 else []
        sinks = [Sink(broker, dsn, *more) for _ in range(a.sinks)]
        for sink in sinks:
            sink.start()
        before = Counter(sink=cpu(s.process.pid for s in sinks), broker=cpu([broker.process.pid]), postgres=cpu(children(postgres.process.pid)))
        done = subprocess.run([sys.executable, __file__, "--simulate", str(broker.port), "--devices", str(a.devices), "--records", str(a.records),
                               "--batch", str(a.batch), *(["--deflate"] if a.deflate else [])], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        after = Counter(sink=cpu(s.process.pid for s in sinks), broker=cpu([broker.process.pid]), postgres=cpu(children(postgres.process.pid)))
        with psycopg.connect(dsn) as connection:
            stored, different, size = connection.execute("select count(*), count(distinct (source, id)), pg_table_size('unosql.log_readings')"
                                                         " from unosql.log_readings").fetchone()
            whole = connection.execute("select pg_total_relation_size('unosql.log_readings')").fetchone()[0]
        report(a, json.loads(done.stdout), stored, different, size, whole, before, after, rss(broker.process.pid), rss(sinks[0].process.pid))
        for sink in sinks:
            sink.__exit__()


def report(a, told, stored, different, size, whole, before, after, broker_mb, sink_mb):
    assert stored == different == a.devices * a.records, "%d rows, %d records of %d" % (stored, different, a.devices * a.records)
    print("%s%s, %d sink(s), %d devices, %d records in a message%s: %d records in %.1f s = %.0f/s; answer median %.0f ms, p99 %.0f ms" % (
        a.broker, " and its own protocol" if a.native else "", a.sinks, a.devices, a.batch, ", deflated" if a.deflate else "",
        stored, told["seconds"], stored / told["seconds"], told["median"] * 1e3, told["p99"] * 1e3))
    print("us of CPU a record: sink %.1f, PostgreSQL %.1f, broker %.1f; bytes a row %.0f, with indexes %.0f; RSS: broker %d MB, sink %d MB; load %.1f" % (
        *((after[name] - before[name]) / stored * 1e6 for name in ("sink", "postgres", "broker")), size / stored, whole / stored, broker_mb, sink_mb,
        os.getloadavg()[0]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--broker", choices=("mosquitto", "nats"), default="mosquitto")
    parser.add_argument("--native", action="store_true", help="the sink speaks NATS' own protocol; with --broker nats")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--batch", type=int, default=11)
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--sinks", type=int, default=1)
    parser.add_argument("--simulate", type=int, metavar="PORT", help=argparse.SUPPRESS)
    a = parser.parse_args()
    asyncio.run(simulate(a)) if a.simulate else measure(a)


if __name__ == "__main__":
    main()
