"""A device's life: inserts through a capped collection, a queue and a collection with a TTL, for ever, with power cuts.

    python tests/runs/life.py [--inserts 1000000] [--jobs 2] [--report docs/RELIABILITY.md]

On raw flash and littlefs, plain and encrypted. Random power cuts and closings come in between; after each, what was
acknowledged must be there. Prints, and draws into docs/life.svg, the bytes stored over time; counts the dearest call
and the wear of the flash: erases of the most worn block against the mean of all.
"""
import argparse
import concurrent.futures
import json
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from here import ROOT  # noqa: E402
import reliability  # noqa: E402
from firmware import outcome  # noqa: E402
from media import FlashMedium, LittleFsFiles, PowerCut  # noqa: E402
from unosql import shared, state  # noqa: E402
from unosql.core import Unosql  # noqa: E402

PLOT = ROOT / "docs" / "life.svg"
MEDIA = {"raw flash": FlashMedium, "littlefs": LittleFsFiles}
BLOCKS = 128  # of 4 KB: an ESP8266's partition
KEY = b"sixteen byte key"
LIVE = 400  # records of each collection
PART = 1000  # inserts between two looks at what is stored
CUTS = 3  # of the power, on the average, in as many inserts


class Lost(AssertionError):
    """An acknowledged record is not there, or one is there that was removed."""


class Life:
    """One device. samples: (inserts, bytes stored, bytes of the directory or partition in use) now and then."""

    def __init__(self, medium, key, seed=0):
        self.medium = MEDIA[medium](BLOCKS)
        self.device = self.medium.device
        self.key = key
        self.rng = random.Random("%s %s %d" % (medium, key, seed))
        self.inserts = self.cuts = self.openings = 0
        self.dearest = [0, 0]  # bytes programmed, erases, by one call
        self.samples = []
        self.ring = self.queue = self.aged = 0  # records acknowledged in each collection
        self.taken = 0  # of the queue
        self.clock = 0
        self._open()
        self.db.configure("ring", capped=LIVE)
        self.db.configure("aged", ttl=LIVE)
        self.db.create_index("aged", "n")

    def _open(self):
        shared.databases.clear()  # handles that a cut has left behind, as a reset does
        state.held.clear()
        self.db = Unosql("life", self.key, 1000, "NONE", storage=self.medium.storage(), memtable=2048)
        self.db._database._catalog.clock = lambda: self.clock
        self.openings += 1

    def run(self, inserts, progress=lambda life: None):
        while self.inserts < inserts:
            self._part(min(PART, inserts - self.inserts))
            stats = self.db.get_stats()
            self.samples.append((self.inserts, stats["bytes"], stats["free"]))
            progress(self)

    def _part(self, inserts):
        for _ in range(inserts):
            if self.rng.random() < CUTS / PART:
                self.device.cut(self.rng.randrange(40), self.rng.choice(self.device.MODELS), self.inserts)
            try:
                self._step()
            except PowerCut:
                self.cuts += 1
                self.device.restart()
                self._open()
                self._recount()
            if self.rng.random() < 1 / PART:
                self.device.restart()  # of a cut that was to come
                self.db.close()
                self._open()
                self._check()

    def _step(self):
        self.inserts += 1
        record = {"n": self.inserts, "t": round(self.rng.gauss(18, 6), 2), "site": "site%d" % (self.inserts % 5)}
        where = self.rng.randrange(3)
        if where == 0:
            self._call(self.db.insert, "ring", record)
            self.ring += 1
        elif where == 1:
            self._call(self.db.insert, "queue", record)
            self.queue += 1
            if self.queue - self.taken > LIVE:
                id = self.queue - LIVE + self.rng.randrange(20)
                self._call(self.db.ack, "queue", id)
                self.taken = id
        else:
            self.clock += 1
            self._call(self.db.insert, "aged", record)
            self.aged += 1

    def _call(self, call, *args):
        programmed, erases = self.device.bytes_programmed, self.device.erases
        call(*args)
        self.dearest[0] = max(self.dearest[0], self.device.bytes_programmed - programmed)
        self.dearest[1] = max(self.dearest[1], self.device.erases - erases)

    def _recount(self):
        """After a cut the call that was cut may have happened or not; the others must have."""
        ends = [self.db._database._catalog.collection(name).next - 1 for name in ("ring", "queue", "aged")]
        for name, end, known in zip(("ring", "queue", "aged"), ends, (self.ring, self.queue, self.aged)):
            if end - known not in (0, 1):
                raise Lost("%s: %d inserts acknowledged, %d there" % (name, known, end))
        self.ring, self.queue, self.aged = ends
        first = self.db._database._catalog.collection("queue").first
        if first - 1 < self.taken:
            raise Lost("queue: %d were acknowledged, and it starts at %d" % (self.taken, first))
        self.taken = first - 1
        self._check()

    def _check(self):
        for name, end, count in (("ring", self.ring, min(self.ring, LIVE)), ("queue", self.queue, self.queue - self.taken)):
            ids = [row["id"] for row in self.db.iterate(name)]
            if ids != list(range(end - count + 1, end + 1)):
                raise Lost("%s: ids %r to %r, %d of them; %d to %d are right" % (
                    name, ids[:1], ids[-1:], len(ids), end - count + 1, end))

    def finish(self):
        """Check all; return the results, a dict."""
        self._check()
        problems = self.db.verify()
        if problems:
            raise Lost("; ".join(problems))
        self.db.compact()
        wear = self.device.wear
        return {
            "inserts": self.inserts, "cuts": self.cuts, "openings": self.openings, "most": max(s[1] for s in self.samples),
            "live": self.db.get_stats()["bytes"], "programmed": self.device.bytes_programmed / self.inserts,
            "erases": self.device.erases / self.inserts, "dearest": self.dearest,
            "wear": max(wear) * len(wear) / max(1, sum(wear)), "samples": self.samples,
        }


def live(medium, key, inserts):
    life = Life(medium, key)
    life.run(inserts)
    return life.finish()


CASES = [(medium, key) for medium in MEDIA for key in (None, KEY)]


def name_of(medium, key):
    return "%s, %s" % (medium, "encrypted" if key else "plain")


def table(results):
    """The table of docs/RELIABILITY.md."""
    rows = ["| | inserts | power cuts | openings | most bytes stored | live | dearest call: bytes, erases | bytes, erases an insert | "
            "most worn block / mean |", "|---|" + "--:|" * 8]
    for name, r in results.items():
        rows.append("| %s | %s | %d | %d | %s | %s | %s, %d | %.0f, %.3f | %.2f |" % (
            name, f"{r['inserts']:,}", r["cuts"], r["openings"], f"{r['most']:,}", f"{r['live']:,}", f"{r['dearest'][0]:,}",
            r["dearest"][1], r["programmed"], r["erases"], r["wear"]))
    return "\n".join(rows)


def draw(results, path):
    """Stored bytes over time, as SVG."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "unosql"
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(10, 4), constrained_layout=True)
    for name, result in results.items():
        samples = result["samples"]
        step = max(1, len(samples) // 400)
        axis.plot([s[0] for s in samples[::step]], [s[1] / 1024 for s in samples[::step]], label=name, linewidth=0.8)
    axis.set(xlabel="inserts", ylabel="stored, KB", title="%d records live in a capped collection, a queue and a TTL" % (3 * LIVE))
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=8)
    axis.grid(True, alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description="Live through many inserts and power cuts.")
    parser.add_argument("--inserts", type=int, default=1000000)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default 1)")
    parser.add_argument("--report", metavar="FILE", help="write the table into this page, and the plot beside it")
    parser.add_argument("--json", metavar="FILE", help="keep the results here")
    args = parser.parse_args()
    if args.report:
        reliability.have_drawing()  # now, rather than when all is done
    start = time.monotonic()
    results = {}
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        running = {name_of(*case): pool.submit(live, *case, args.inserts) for case in CASES}
        for name, future in running.items():
            results[name] = future.result()
            print(name, {k: v for k, v in results[name].items() if k != "samples"}, flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps(results))
    print(table(results))
    print("%d s" % (time.monotonic() - start))
    if args.report:
        draw(results, PLOT)
        reliability.write_section(args.report, "life", table(results) + "\n\nIn %d s. ![Bytes stored](life.svg)" % (
            time.monotonic() - start))


if __name__ == "__main__":
    sys.exit(outcome.status_of(main))
