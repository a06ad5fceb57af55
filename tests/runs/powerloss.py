"""Power loss as a mode over ordinary work with the database: every operation, on every medium, cut at every step.

    python tests/runs/powerloss.py [--stride N] [--jobs N] [--report docs/RELIABILITY.md]     all cases, or each N-th
    python tests/runs/powerloss.py --replay ID                                     one case; a failure prints its id

A case is operation/medium/model/step/second: the operation's work is cut in that step of the medium, which leaves what
the model says; what comes next, recovery and a flush, is cut in its step `second` (0: not). Then everything acknowledged
must be there, and of the call that was cut all or nothing (docs/DESIGN.md, invariants 1 and 2).

The same of errors: with the model `error` the step fails with an I/O error, with `full` (a filesystem's step) for want of
room, and the power stays on; with `short` the medium has only so much room as the step's number says, in KB.
"""
import argparse
import concurrent.futures
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402, F401
import reliability  # noqa: E402
from firmware import outcome  # noqa: E402
from media import EIO, ENOSPC, FatFiles, MemFiles, PowerCut  # noqa: E402
from unosql.errors import UnosqlError  # noqa: E402
from disk_space import give_room, listed, take_room  # noqa: E402
from operations import (  # noqa: E402
    KEY, MEDIA, NEW_KEY, OPERATIONS, PAIRS, Broken, backed_up, beside, contents, fill, fork, make_backups, opened, require,
    BACKUP, SPARE,
)

ERRORS = {"error": EIO, "full": ENOSPC}
SHORT = "short"
ROOM = 1024  # bytes
FILLER = 3000  # bytes of a file that takes room
ROOMS = 65  # more room than any operation takes


class Operation:
    """One operation on one medium: the medium before it, its number of steps, the states that it goes through."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.act = OPERATIONS[name]
        self.key = KEY if kind == "encrypted" else None
        self.keys = (self.key, NEW_KEY) if name == "rekey" else (self.key,)
        self.medium = MEDIA[kind]()
        if name == "full_medium":
            take_room(self.medium, SPARE)
        db = opened(self.medium, self.keys)
        for _ in fill(db):
            pass
        if name == "backup":
            with beside(self.medium):
                db.backup(BACKUP)
        db.close()
        self._rehearse()

    def _rehearse(self):
        medium = fork(self.medium)
        db = opened(medium, self.keys)
        before = medium.device.steps
        self.states, self.backups = [contents(db)], [self.backed_up(medium)]
        with beside(medium):
            acts = self.act(db)
            while next(acts, self) is not self:
                self.states.append(contents(db))
        self.steps = medium.device.steps - before
        db.close()
        self.backups += [self.backups[0]] + [self.backed_up(medium)] * 3  # the second of the operation's calls makes it

    def backed_up(self, medium):
        """What the backup file on a medium holds, for the operation that makes one."""
        return backed_up(medium, self.key) if self.name == "backup" else None

    @property
    def models(self):
        """Those of this medium, and the errors. A block device is never full; how much fits a medium changes by an error."""
        if self.name == "full_medium":
            return self.medium.device.MODELS
        errors = ERRORS if isinstance(self.medium, MemFiles) else ("error",)
        return (*self.medium.device.MODELS, *errors, SHORT)


class Case:
    """A try of an operation. run() raises Broken when what must hold does not."""

    def __init__(self, operation, model, step, second):
        self.operation, self.model, self.step, self.second = operation, model, step, second
        self.medium = fork(operation.medium)
        self.device = self.medium.device
        self.acknowledged = 0

    def __str__(self):
        operation = self.operation
        return "%s/%s/%s/%d/%d" % (operation.name, operation.kind, self.model, self.step, self.second)

    @property
    def is_cut(self):
        return self.model not in (SHORT, *ERRORS)

    def run(self):
        if self.is_cut:
            self._without_power()
        elif self.model == SHORT:
            self._without_room()
        else:
            self._with_an_error()
        self._check_reopened()

    def _open(self):
        return opened(self.medium, self.operation.keys)

    def _without_power(self):
        db = self._open()
        self.device.cut(self.step, self.model, seed=self.step)
        self._act(db, PowerCut)
        self.device.restart()
        if self.second:
            self._cut_again()

    def _cut_again(self):
        self.device.cut(self.second - 1, self.model, seed=self.second)
        try:
            db = self._open()
            db.optimize_memory()
            db.close()
        except PowerCut:
            pass
        self.device.restart()

    def _with_an_error(self):
        db = self._open()
        self.device.fail(self.step, ERRORS[self.model])
        self._act(db, (OSError, UnosqlError))
        self.device.fail(-1)
        if self.operation.kind != "littlefs":  # which has to be mounted anew
            self._check_working(db)

    def _without_room(self):
        take_room(self.medium, self.step * ROOM)
        db = self._open()
        self._act(db, (OSError, UnosqlError))
        self._check_working(db)
        give_room(self.medium)

    def _act(self, db, errors):
        try:
            with beside(self.medium):
                for _ in self.operation.act(db):
                    self.acknowledged += 1
        except errors:
            pass

    def _check_working(self, db):
        """After an error: the database goes on, and what was given up takes no room."""
        self._check(db)
        left = listed(self.medium.fs()) if hasattr(self.medium, "fs") else ()
        # FAT can't replace a file: between removing the old one and renaming, the new one is all there is. _check() restored it.
        if BACKUP + ".tmp" in left and (BACKUP in left or not isinstance(self.medium, FatFiles)):
            raise Broken("half a backup is left")
        db.close()

    def _check_reopened(self):
        db = self._open()
        self._check(db)
        if self.operation.name == "full_medium":
            db.close()
            give_room(self.medium)
            db = self._open()
        count = db.count("after")
        db.insert("after", {"n": 1})
        db.close()
        db = self._open()
        if db.count("after") != count + 1:
            raise Broken("an insert after recovery is lost")
        db.close()

    def _check(self, db):
        operation = self.operation
        require(contents(db), operation.states, self.acknowledged, "the database")
        problems = db.verify()
        if problems:
            raise Broken("; ".join(problems))
        if operation.name == "backup" and self._replaces_files():
            require(operation.backed_up(self.medium), operation.backups, self.acknowledged, "the backup")

    def _replaces_files(self):
        """FAT removes the old file and renames the new one: an error, or a sector torn, in between may lose both."""
        return self.operation.kind != "fat" or self.model not in ("error", "prefix")


def cases(operation, stride, rng):
    """Generator of Cases: each stride-th step in each model, a third of the cuts with another one in what follows."""
    for model in operation.models:
        steps = ROOMS if model == SHORT else operation.steps
        for step in range(rng.randrange(min(stride, steps)), steps, stride):
            second = rng.choice((0, 0, 1 + rng.randrange(12)))
            yield Case(operation, model, step, 0 if model in (SHORT, *ERRORS) else second)


def run_all(stride, seed=0, progress=lambda text: None, jobs=1, only=""):
    """Run the cases; return {(operation, medium): {"steps": n, "cuts": n, ...}}. Broken names the case."""
    make_backups()
    counts = {}
    with concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        running = {pair: pool.submit(run_pair, *pair, stride, seed) for pair in PAIRS if only in "/".join(pair)}
        try:
            for (name, kind), future in running.items():
                counts[name, kind] = n = future.result()
                progress("%-18s %-9s %5d steps %6d cuts %6d errors" % (name, kind, n["steps"], n["cuts"], n["errors"]))
        except Broken:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return counts


def run_pair(name, kind, stride, seed=0):
    operation = Operation(name, kind)
    n = {"steps": operation.steps, "cuts": 0, "second": 0, "errors": 0, "refused": 0}
    for case in cases(operation, stride, random.Random("%s%s%d" % (name, kind, seed))):
        n["refused"] += not survived(case)
        n["cuts" if case.is_cut else "errors"] += 1
        n["second"] += bool(case.second)
    return n


def survived(case):
    """Run a case; False when FAT's own tables were torn within a sector, and reading fails: an error, and no wrong answer.

    That is more than FAT promises: a file that was closed long before is no longer there (medium assumption 2).
    """
    try:
        run_one(case)
    except Broken as error:
        if case.operation.kind == "fat" and case.model == "prefix" and isinstance(error.__cause__, OSError):
            return False
        raise
    return True


def run_one(case):
    try:
        case.run()
    except Exception as error:
        raise Broken("%s: %r" % (case, error)) from error


def replay(identity):
    name, kind, model, step, second = identity.split("/")
    make_backups()
    Case(Operation(name, kind), model, int(step), int(second)).run()


def report(counts, seconds, stride):
    """The table of docs/RELIABILITY.md."""
    lines = ["| operation | " + " | ".join(MEDIA) + " |", "|---|" + "---|" * len(MEDIA)]
    for name in OPERATIONS:
        cells = ["%(steps)d: %(cuts)d, %(errors)d" % counts[name, kind] if (name, kind) in counts else "—" for kind in MEDIA]
        lines.append("| %s | %s |" % (name, " | ".join(cells)))
    cuts, second, errors, refused = (sum(n[what] for n in counts.values()) for what in ("cuts", "second", "errors", "refused"))
    lines.append("")
    lines.append("Steps of the medium: cuts, errors. In all %d cuts in %s, %d of them with a second cut in what followed, and %d "
                 "errors, in %d s; nothing acknowledged was lost or torn. %d databases on FAT could not be opened (OSError), since a "
                 "sector of FAT's own tables was torn." % (
                     cuts, "every step" if stride == 1 else "one of %d steps" % stride, second, errors, seconds, refused))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Cut the power at every step of every operation.")
    parser.add_argument("--stride", type=int, default=1, help="only each N-th step (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default 1)")
    parser.add_argument("--only", default="", metavar="TEXT", help="operations and media with this in OPERATION/MEDIUM")
    parser.add_argument("--replay", metavar="ID", help="run one case")
    parser.add_argument("--report", metavar="FILE", help="write the table into this page")
    args = parser.parse_args()
    if args.stride < 1 or args.jobs < 1:
        parser.error("--stride and --jobs take numbers from 1 on")
    if args.replay:
        if not re.fullmatch(r"[^/]+/[^/]+/[^/]+/\d+/\d+", args.replay):
            parser.error("--replay takes operation/medium/model/step/second, not %s" % args.replay)
        return replay(args.replay)
    start = time.monotonic()
    try:
        counts = run_all(args.stride, args.seed, lambda text: print(text, flush=True), args.jobs, args.only)
    except Broken as error:
        sys.exit("%s\nreplay: python tests/runs/powerloss.py --replay %s" % (error, str(error).split(":")[0]))
    text = report(counts, time.monotonic() - start, args.stride)
    reliability.tell(text, "powerloss", args.report)


if __name__ == "__main__":
    sys.exit(outcome.status_of(main))
