"""Power loss as a mode over ordinary work with the database: every operation, on every medium, cut at every step.

    python tests/powerloss.py [--stride N] [--report docs/RELIABILITY.md]     all cases, or each N-th
    python tests/powerloss.py --replay ID                                     one case; a failure prints its id

A case is operation/medium/model/step/second: the operation's work is cut in that step of the medium, which leaves what
the model says; recovery is cut in the step `second` (0: not). Then everything acknowledged must be there, and of the call
that was cut all or nothing (docs/DESIGN.md, invariants 1 and 2).
"""
import argparse
import copy
import itertools
import random
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
for folder in (TESTS, TESTS.parent / "modules", TESTS / "shims"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from media import FlashMedium, LittleFsFiles, MemFiles, PowerCut  # noqa: E402
from unosql import database, locks  # noqa: E402
from unosql.core import Unosql  # noqa: E402

MEDIA = {
    "flash": lambda: FlashMedium(48),
    "files": lambda: MemFiles(slots=8),
    "littlefs": lambda: LittleFsFiles(128, slots=8),
}
KEY = b"sixteen byte key"
SCRATCH = tempfile.TemporaryDirectory(prefix="unosql-powerloss-")


class Broken(AssertionError):
    """The database does not hold what it acknowledged."""


def record(i):
    return {"n": i, "name": "name%d" % (i % 7), "text": "x" * (i * 13 % 90)}


def scratch(name):
    return str(Path(SCRATCH.name) / name)


# What is done: generators that yield whenever a call has returned.


def fill(db, count=40):
    db.create_index("c", "name")
    for i in range(count):
        db.insert("c", record(i))
        yield


def insert(db):
    yield from (db.insert("c", record(100 + i)) for i in range(25))


def insert_many(db):
    yield db.insert_many("c", [record(200 + i) for i in range(60)])


def large_record(db):
    yield db.insert("c", {"blob": "".join(chr(33 + i * 7 % 90) for i in range(1500))})


def update(db):
    yield from (db.update("c", "name", "name%d" % i, {"n": -i}) for i in range(7))


def upsert(db):
    yield db.upsert("c", "name", "name3", {"n": 1})
    yield db.upsert("c", "name", "nobody", {"n": 2})


def delete(db):
    yield from (db.delete("c", {"n": {"gte": 3 * i, "lt": 3 * i + 3}}) for i in range(8))


def transaction(db):
    for i in range(4):
        with db.transaction():
            for j in range(3):
                db.insert("other", record(10 * i + j))
            db.update("c", "n", i, {"text": "moved"})
            db.delete("c", "n", 30 + i)
        yield


def large_transaction(db):
    with db.transaction():
        for i in range(60):
            db.insert("other", record(i))
        db.delete("c", {"n": {"lt": 20}})
    yield


def create_index(db):
    yield db.create_index("c", ["text", "n"])
    yield db.drop_index("c", "name")


def clear_and_drop(db):
    yield db.clear("c")
    yield db.insert("c", record(1))
    yield db.drop("c")


def queue(db):
    yield db.pop("c", 3)
    yield db.ack("c", 12)
    yield db.configure("c", capped=10)
    yield from (db.insert("c", record(i)) for i in range(12))


def compact(db):
    yield db.compact()


def rekey(db):
    yield db.rekey(KEY, 1000)
    yield db.insert("c", record(7))


def restore(db):
    yield db.restore(scratch("full"))


def restore_increment(db):
    yield db.restore(scratch("increment"))


def batches(db):
    """Enough to flush and merge several times."""
    for i in range(0, 240, 12):
        yield db.insert_many("c", [record(i + j) for j in range(12)])


OPERATIONS = {f.__name__: f for f in (
    insert, insert_many, large_record, update, upsert, delete, transaction, large_transaction, create_index,
    clear_and_drop, queue, compact, rekey, restore, restore_increment, batches,
)}


def make_backups():
    """The files that restore and restore_increment read."""
    medium = MemFiles()
    db = opened(medium)
    for _ in fill(db, 50):
        pass
    db.backup(scratch("full"))
    change = db.last_change()
    db.update("c", "name", "name2", {"text": "changed"})
    db.delete("c", "name", "name4")
    db.insert("new", record(1))
    db.incremental_backup(scratch("increment"), since_change=change)
    db.close()


# What must hold


def opened(medium, keys=(None,)):
    """Open with the only key that fits."""
    database.databases.clear()  # handles that a cut has left behind, as a reset does
    locks._held.clear()
    for i, key in enumerate(keys):
        try:
            return Unosql("testdb", key, 1000, "NONE", storage=medium.storage(), memtable=2048)
        except database.WrongKeyError:
            if i + 1 == len(keys):
                raise


def contents(db):
    """All that a user can see, but for timestamps."""
    seen = {}
    for name in sorted(db.collections()):
        rows = [{k: v for k, v in row.items() if k != "timestamp"} for row in db.iterate(name)]
        counts = db.count(name), [len(db.find(name, "name", "name%d" % i)) for i in range(7)]
        seen[name] = rows, counts, sorted(map(repr, db.indexes(name)))
    return seen


def check(db, states, acknowledged):
    found = contents(db)
    if found not in states[acknowledged : acknowledged + 2]:
        raise Broken("after %d calls that returned: %s" % (acknowledged, _difference(found, states[acknowledged])))
    problems = db.verify()
    if problems:
        raise Broken("; ".join(problems))


def _difference(found, expected):
    for name in sorted(set(found) | set(expected)):
        if found.get(name) != expected.get(name):
            return "%s: found %.300r, expected %.300r" % (name, found.get(name), expected.get(name))


class Operation:
    """One operation on one medium: the medium before it, its number of steps, the states that it goes through."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.act = OPERATIONS[name]
        self.medium = MEDIA[kind]()
        db = opened(self.medium)
        for _ in fill(db):
            pass
        db.close()
        self._rehearse()

    def _rehearse(self):
        medium = fork(self.medium)
        db = opened(medium)
        before = medium.device.steps
        self.states = [contents(db)]
        for _ in self.act(db):
            self.states.append(contents(db))
        self.steps = medium.device.steps - before
        db.close()

    def case(self, model, step, second):
        """Run one case; Broken when it fails."""
        medium = fork(self.medium)
        db = opened(medium)
        acknowledged = 0
        medium.device.cut(step, model, seed=step)
        try:
            for _ in self.act(db):
                acknowledged += 1
        except PowerCut:
            pass
        medium.device.restart()
        if second:
            self._cut_recovery(medium, model, second)
        db = opened(medium, self._keys())
        check(db, self.states, acknowledged)
        count = db.count("after")
        db.insert("after", {"n": 1})
        db.close()
        db = opened(medium, self._keys())
        if db.count("after") != count + 1:
            raise Broken("an insert after recovery is lost")
        db.close()

    def _keys(self):
        return (None, KEY) if self.name == "rekey" else (None,)

    def _cut_recovery(self, medium, model, second):
        medium.device.cut(second - 1, model, seed=second)
        try:
            opened(medium, self._keys()).close()
        except PowerCut:
            pass
        medium.device.restart()


def fork(medium):
    """A copy of a medium, as it lies in flash."""
    other = copy.copy(medium)
    other.device = copy.deepcopy(medium.device)
    other._mounted = -1
    return other


def cases(operation, stride, rng):
    """Generator of (model, step, second): each stride-th step in each model, every third with a cut in recovery."""
    for model in operation.medium.device.MODELS:
        for step in range(rng.randrange(stride), operation.steps, stride):
            yield model, step, rng.choice((0, 0, 1 + rng.randrange(6)))


def name_of(operation, model, step, second):
    return "%s/%s/%s/%d/%d" % (operation.name, operation.kind, model, step, second)


def run_all(stride, seed=0, progress=lambda text: None):
    """Run the cases; return {(operation, medium): (steps, cases)}. Broken names the case."""
    make_backups()
    counts = {}
    for name, kind in itertools.product(OPERATIONS, MEDIA):
        operation = Operation(name, kind)
        n = 0
        for case in cases(operation, stride, random.Random("%s%s%d" % (name, kind, seed))):
            run_one(operation, *case)
            n += 1
        counts[name, kind] = operation.steps, n
        progress("%-18s %-9s %5d steps %6d cases" % (name, kind, operation.steps, n))
    return counts


def run_one(operation, *case):
    try:
        operation.case(*case)
    except Exception as error:
        raise Broken("%s: %r" % (name_of(operation, *case), error)) from error


def replay(identity):
    name, kind, model, step, second = identity.split("/")
    make_backups()
    Operation(name, kind).case(model, int(step), int(second))


def report(counts, seconds, stride):
    """The table of docs/RELIABILITY.md."""
    lines = ["| operation | " + " | ".join("%s: steps, cases" % kind for kind in MEDIA) + " |"]
    lines.append("|---|" + "---|" * len(MEDIA))
    for name in OPERATIONS:
        cells = ["%d, %d" % counts[name, kind] for kind in MEDIA]
        lines.append("| %s | %s |" % (name, " | ".join(cells)))
    total = sum(n for _, n in counts.values())
    lines.append("")
    lines.append("%d cases, each %s step, in %d s; nothing acknowledged was lost or torn." % (
        total, "" if stride == 1 else "%d-th" % stride, seconds))
    return "\n".join(lines).replace("each  step", "each step")


def write_report(path, text):
    """Put the table between the marks in the page."""
    page = Path(path).read_text()
    start, end = "<!-- powerloss -->", "<!-- /powerloss -->"
    head, rest = page.split(start)
    Path(path).write_text(head + start + "\n" + text + "\n" + end + rest.split(end)[1])


def main():
    parser = argparse.ArgumentParser(description="Cut the power at every step of every operation.")
    parser.add_argument("--stride", type=int, default=1, help="only each N-th step (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", metavar="ID", help="run one case")
    parser.add_argument("--report", metavar="FILE", help="write the table into this page")
    args = parser.parse_args()
    if args.replay:
        return replay(args.replay)
    start = time.monotonic()
    try:
        counts = run_all(args.stride, args.seed, lambda text: print(text, flush=True))
    except Broken as error:
        sys.exit("%s\nreplay: python tests/powerloss.py --replay %s" % (error, str(error).split(":")[0]))
    text = report(counts, time.monotonic() - start, args.stride)
    print(text)
    if args.report:
        write_report(args.report, text)


if __name__ == "__main__":
    main()
