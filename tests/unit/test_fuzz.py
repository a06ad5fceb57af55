"""Damaged images: whatever was flipped, cut off, swapped, replayed or removed, the answer is the data or an error.

    python tests/unit/test_fuzz.py [--flash] [--jobs N] [--report docs/RELIABILITY.md] [MUTATIONS] [SEED]
    python tests/unit/test_fuzz.py [--flash] --replay ID       one image; a failure prints its id

An image is a database that random batches made, with the state after each batch. What a mutated one may read as:
- the last state, or a CorruptionError;
- an earlier one, only when records of the log were touched: the one before the first batch whose record is gone. On
  the medium that is the same as a write that was torn. With a manifest gone as well, it may be any earlier state.
"""
import argparse
import collections
import concurrent.futures
import random
import signal
import sys
import time
import traceback
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
    import here  # noqa: F401

import pytest

import reliability
from media import NorFlash
from memfs import MemFs
from unosql.documents.steps import finish
from unosql.kv import compaction
from unosql.twin import unpack_uint
from unosql.errors import CorruptionError
from unosql.storage.files import Files
from unosql.storage.flash import Flash
from unosql.kv.observer import Observer
from unosql.kv.store import Store

KEY = b"sixteen byte key"
SECONDS = 5  # that one image may take: it takes milliseconds
CI = 4000  # mutations in the test
CHUNK = 10000  # images between two lines of the script's output
PER_IMAGE = 100  # mutations of one database
OUTCOMES = ("images", "unchanged", "earlier", "error", "error later", "failure")


class Hang(BaseException):
    """An image took too long."""


def alarm(*_):
    raise Hang


class Image:
    """A database, its history, and older images of it for replays. seed tells all of it."""

    def __init__(self, seed):
        self.r = r = random.Random(seed)
        self.password = KEY if seed % 2 else None
        self.fs = MemFs()
        self.older = []
        self.states = [{}]
        self.ends = {}  # counter of a batch's last WAL record: index of the state after it
        store = self.open(self.fs)
        for _ in range(r.randrange(1, 60)):
            self._batch(store)
            if r.random() < 0.2:
                self.older.append(dict(self.fs.files))
        self.files = dict(self.fs.files)
        self.older.append(self.files)
        self.wal = store.version.wal
        self.envelope = store.manifest.envelope
        self.live = self._live(self.files)
        counters = {}
        for name, data in self.files.items():
            if "/m" in name:
                i = 32 if self.password else 4
                counters[unpack_uint(data, i)[0]] = name
        self.newest = counters[max(counters)]

    def open(self, fs):
        files = Files("t.udb", slots=12, fs=fs)
        files.erase = 1024
        store = Store(files, Observer(), 700)
        store.open(self.password, 1)
        return store

    def _batch(self, store):
        r = self.r
        n = r.choice((1, 1, 1, 2, 40))
        ops = [(b"R" + bytes([r.randrange(4), r.randrange(16)]),
                None if r.random() < 0.2 else r.randbytes(r.randrange(5)) * r.randrange(1, 30)) for _ in range(n)]
        state = dict(self.states[-1])
        for key, value in ops:
            state.pop(key, None) if value is None else state.update({key: value})
        if r.random() < 0.1:
            store.begin()
            store.apply(ops)
            store.commit()
        elif r.random() < 0.05:
            store.compact()
            return
        else:
            store.apply(ops)
        self.states.append(state)
        self.ends[store.wal.counter] = len(self.states) - 1

    def _live(self, files):
        """The counters of the WAL's records above the manifest's that verify."""
        found = set()
        for name, data in files.items():
            if "/w" in name:
                try:
                    record = self.envelope.unseal(data, b"w")
                except ValueError:
                    continue
                counter = unpack_uint(record, 0)[0]
                if counter > self.wal:
                    found.add(counter)
        return found

    def allowed(self, files):
        """Indexes of the states that a mutated image may read as."""
        last = len(self.states) - 1
        logs = [name for name in {**self.files, **files} if "/s" not in name and files.get(name) != self.files.get(name)]
        if not logs:
            return {last}
        if any("/m" in name for name in logs):
            alone = all("/m" in name for name in logs) and files.get(self._other()) == self.files.get(self._other())
            return {last} if alone else set(range(last + 1))
        lost = self.live - self._live(files)
        if not lost:
            return {last}
        before = [i for counter, i in self.ends.items() if counter < min(lost)]
        return {last, max(before, default=0)}

    def _other(self):
        return "t.udb/m00" if self.newest.endswith("m01") else "t.udb/m01"


def flip(r, files, image):
    name = r.choice(sorted(files))
    data = bytearray(files[name])
    if data:
        for _ in range(r.choice((1, 1, 1, 2, 16))):
            data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    files[name] = bytes(data)


def overwrite(r, files, image):
    name = r.choice(sorted(files))
    data = bytearray(files[name])
    start = r.randrange(len(data) + 1)
    end = r.randrange(start, len(data) + 1)
    fill = r.choice((b"\0", b"\xff", None))
    data[start:end] = r.randbytes(end - start) if fill is None else fill * (end - start)
    files[name] = bytes(data)


def truncate(r, files, image):
    name = r.choice(sorted(files))
    files[name] = files[name][: r.randrange(len(files[name]) + 1)]


def extend(r, files, image):
    name = r.choice(sorted(files))
    files[name] += r.choice((b"\0", b"\xff", b"Q", files[name][-40:], r.randbytes(9))) * r.randrange(1, 4)


def swap(r, files, image):
    a, b = r.choice(sorted(files)), r.choice(sorted(files))
    files[a], files[b] = files[b], files[a]


def copy(r, files, image):
    files[r.choice(sorted(files))] = files[r.choice(sorted(files))]


def splice(r, files, image):
    """A piece of one file into another, or elsewhere into the same: blocks moved."""
    source, name = files[r.choice(sorted(files))], r.choice(sorted(files))
    start = r.randrange(len(source) + 1)
    piece = source[start : start + r.choice((8, 16, 64, 256, 1024))]
    at = start if r.random() < 0.5 else r.randrange(len(files[name]) + 1)
    files[name] = files[name][:at] + piece + files[name][at + len(piece) :]


def replay(r, files, image):
    older = r.choice(image.older)
    name = r.choice(sorted(older))
    files[name] = older[name]


def remove(r, files, image):
    del files[r.choice(sorted(files))]


def rename(r, files, image):
    name = r.choice(sorted(files))
    kind = r.choice("smw")
    files["t.udb/" + ("s%07x" if kind == "s" else kind + "%02x") % r.randrange(20)] = files.pop(name)


MUTATIONS = (flip, flip, flip, overwrite, truncate, extend, swap, copy, splice, splice, replay, replay, remove, rename)


def mutate(image, seed):
    r = random.Random(seed)
    files = dict(image.files)
    names = []
    for _ in range(r.choice((1, 1, 1, 1, 2, 3))):
        if files:
            mutation = r.choice(MUTATIONS)
            names.append(mutation.__name__)
            mutation(r, files, image)
    return files, names, r


def examine(image, files, r):
    """Open a mutated image and use it. Returns "unchanged", "earlier", "error" or "error later"; AssertionError: wrong data."""
    allowed = image.allowed(files)
    fs = MemFs(files)
    try:
        store = image.open(fs)
        found = dict(store.scan(b""))
        damaged = list(store.verify())
        backwards = dict(store.scan(b"", None, True))
        probes = {key: store.get(key) for key in r.sample(sorted(image.states[-1]), min(3, len(image.states[-1])))}
    except CorruptionError:
        return "error"
    index = next((i for i in sorted(allowed, reverse=True) if image.states[i] == found), None)
    if index is None:
        assert not found and not files_left(image, files), "wrong data: not one of the states %s" % sorted(allowed)
    assert backwards == found and not damaged, "scans differ, or verify() disagrees with them"
    assert probes == {key: found.get(key) for key in probes}, "get() differs from scan()"
    if r.random() < 0.2:
        try:
            reuse(image, store, fs, found, r)
        except CorruptionError:  # WAL slots that changed places: the next write may have hit a live one
            return "error later"
    return "unchanged" if found == image.states[-1] else "earlier"


def files_left(image, files):
    """Whether anything is left that tells that there was a database."""
    return any("/s" in name or "/w" in name or files[name] == image.files.get(name) for name in files)


def reuse(image, store, fs, found, r):
    """What opened goes on to work: writes hold, and survive a reopening."""
    for i in range(r.randrange(1, 20)):
        key, value = b"Rnew%d" % i, bytes(r.randrange(100))
        store.apply([(key, value)])
        found[key] = value
    if r.random() < 0.3:
        store.compact()
    again = image.open(MemFs(fs.files))
    assert dict(again.scan(b"")) == found, "lost after reopening"


def run(mutations, seed, per_image=PER_IMAGE, stop=None):
    """Examine that many mutated images. Returns (Counter of outcomes, [failure])."""
    small, compaction._LEVEL1 = compaction._LEVEL1, 2048
    signal.signal(signal.SIGALRM, alarm)
    counts, failures = collections.Counter(), []
    try:
        for n in range(mutations):
            if n % per_image == 0:
                number = seed + n // per_image
                image = Image(number)
            counts.update(one(image, number, n % per_image, failures))
            if stop and time.monotonic() > stop:
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        compaction._LEVEL1 = small
    return counts, failures


def one(image, number, n, failures):
    files, names, r = mutate(image, "%d.%d" % (number, n))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        outcome = examine(image, files, r)
    except (Exception, Hang) as error:
        outcome = "failure"
        failures.append("replay: python tests/unit/test_fuzz.py --replay %d.%d (%s)\n%s" % (
            number, n, " ".join(names), "".join(traceback.format_exception(error)[-3:])))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return ["images", outcome] + names


class FlashImage:
    """A flash with a database, and one of another's. What is told of a mutated one is coarser: any state it had, or an error."""

    def __init__(self, seed):
        self.r = r = random.Random(seed)
        self.password = KEY if seed % 2 else None
        self.flash = NorFlash(48, 1024)
        self.older, self.states = [], [{}]
        other = self.open(self.flash, "other")
        store = self.open(self.flash)
        for i in range(r.randrange(1, 60)):
            Image._batch(self, store)
            other.apply([(b"R%d" % i, bytes(60))])
            self.older.append(bytes(self.flash.image))

    ends = property(lambda self: {})

    def open(self, flash, name="mine"):
        store = Store(Flash(flash, name), Observer(), 700)
        store.open(self.password, 1)
        return store

    def mutate(self, r):
        image, names = bytearray(self.flash.image), []
        for _ in range(r.choice((1, 1, 1, 2, 4))):
            block, other = (1024 * r.randrange(48) for _ in range(2))
            names.append(r.choice(("flip", "header", "fill", "copy", "swap", "replay", "erase")))
            if names[-1] == "flip":
                image[block + r.randrange(1024)] ^= 1 << r.randrange(8)
            elif names[-1] == "header":
                image[block + r.randrange(40)] ^= 1 << r.randrange(8)
            elif names[-1] == "fill":
                start = block + r.randrange(1024)
                image[start : block + 1024] = r.choice((b"\0", b"\xff", b"\x55")) * (block + 1024 - start)
            elif names[-1] == "copy":
                image[block : block + 1024] = image[other : other + 1024]
            elif names[-1] == "swap":
                one, two = image[block : block + 1024], image[other : other + 1024]
                image[block : block + 1024], image[other : other + 1024] = two, one
            elif names[-1] == "replay":
                image[block : block + 1024] = r.choice(self.older)[block : block + 1024]
            else:
                image[block : block + 1024] = b"\xff" * 1024
        return image, names

    def examine(self, image):
        try:
            store = self.open(NorFlash(48, 1024, image=image))
            found = dict(store.scan(b""))
            damaged = list(store.verify())
            backwards = dict(store.scan(b"", None, True))
        except CorruptionError:
            return "error"
        assert found in self.states, "wrong data"
        assert backwards == found and not damaged, "scans differ, or verify() disagrees with them"
        return "unchanged" if found == self.states[-1] else "earlier"


def run_flash(mutations, seed, per_image=PER_IMAGE):
    """As run(), of raw flash."""
    small, compaction._LEVEL1 = compaction._LEVEL1, 2048
    signal.signal(signal.SIGALRM, alarm)
    counts, failures = collections.Counter(), []
    for n in range(mutations):
        if n % per_image == 0:
            number = seed + n // per_image
            image = FlashImage(number)
        name = "%d.%d" % (number, n % per_image)
        data, names = image.mutate(random.Random(name))
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            outcome = image.examine(data)
        except (Exception, Hang) as error:
            outcome = "failure"
            trace = "".join(traceback.format_exception(error)[-3:])
            failures.append("replay: python tests/unit/test_fuzz.py --flash --replay %s (%s)\n%s" % (name, " ".join(names), trace))
        signal.setitimer(signal.ITIMER_REAL, 0)
        counts.update(["images", outcome] + names)
    compaction._LEVEL1 = small
    return counts, failures


def test_damaged_flash():
    counts, failures = run_flash(800, 1)
    assert not failures, "\n".join(failures[:3])
    assert counts["error"] > 30 and counts["unchanged"] > 80


@pytest.mark.parametrize("password", [None, KEY])
def test_damaged_backups(password, tmp_path):
    """All of it, or an error."""
    store = Store(Files("t.udb", fs=MemFs()), Observer())
    store.open(password, 1)
    archive = store.export(str(tmp_path / "good"), {"full": True})
    entries = [(b"R%03d" % i, random.Random(i).randbytes(i % 50)) for i in range(100)]
    for entry in entries:
        archive.add(*entry)
    archive.close()
    good = (tmp_path / "good").read_bytes()
    r, errors = random.Random(1), 0
    for _ in range(1500):
        files = {"b": good}
        r.choice((flip, overwrite, truncate, extend, splice))(r, files, None)
        (tmp_path / "bad").write_bytes(files["b"])
        try:
            opened = store.import_(str(tmp_path / "bad"), password)
            assert opened.meta == {"full": True} and list(opened.entries()) == entries
            finish(opened.checking())
            opened.close()
        except CorruptionError:
            errors += 1
        else:
            assert files["b"] == good
    assert errors > 1000


def test_damaged_images():
    counts, failures = run(CI, 1, stop=time.monotonic() + 20)
    assert not failures, "\n".join(failures[:3])
    assert counts["error"] > counts["images"] // 4 and counts["unchanged"] > counts["images"] // 20
    assert counts["earlier"] > 0


def replay_one(name):
    compaction._LEVEL1 = 2048
    number, n = map(int, name.split("."))
    image = Image(number)
    files, names, r = mutate(image, name)
    changed = [path for path in {**files, **image.files} if files.get(path) != image.files.get(path)]
    print(names, changed, "allowed", image.allowed(files), "of", len(image.states), "newest", image.newest)
    print(examine(image, files, r))


def replay_flash(name):
    compaction._LEVEL1 = 2048
    image = FlashImage(int(name.split(".")[0]))
    data, names = image.mutate(random.Random(name))
    print(names, image.examine(data))


def report(counts, seconds):
    """The section of docs/RELIABILITY.md."""
    mutations = ", ".join("%s %d" % (name, n) for name, n in sorted(counts.items()) if name not in OUTCOMES)
    return (
        "%d images: %d read as they were, %d as an earlier state where that is allowed, %d raised CorruptionError; none crashed, "
        "took over %d s or gave anything else; %d s. Mutations (some images have several): %s." % (
            counts["images"], counts["unchanged"], counts["earlier"], counts["error"] + counts["error later"], SECONDS,
            seconds, mutations))


def main():
    parser = argparse.ArgumentParser(description="Damage images and see what is read of them.")
    parser.add_argument("mutations", type=int, nargs="?", default=1000000)
    parser.add_argument("seed", type=int, nargs="?", default=1000)
    parser.add_argument("--flash", action="store_true", help="images of raw flash, not of files")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default 1)")
    parser.add_argument("--replay", metavar="ID")
    parser.add_argument("--report", metavar="FILE", help="write the counts into this page")
    args = parser.parse_args()
    if args.replay:
        return (replay_flash if args.flash else replay_one)(args.replay)
    counts, failed, start = collections.Counter(), 0, time.monotonic()
    runner = run_flash if args.flash else run
    pieces = range(0, args.mutations, CHUNK)
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for more, failures in pool.map(runner, [min(CHUNK, args.mutations - done) for done in pieces],
                                       [args.seed + done // PER_IMAGE for done in pieces]):
            counts.update(more)
            failed += len(failures)
            print(counts["images"], "images,", failed, "failures", *failures, flush=True)
    text = report(counts, time.monotonic() - start)
    reliability.tell(text, "flash images" if args.flash else "images", None if failed else args.report)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
