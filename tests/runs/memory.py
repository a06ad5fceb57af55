"""Memory errors: the same work on MicroPython's 32-bit unix port in heaps of every size, from one too small to start.

    python tests/runs/memory.py [--step 1024] [--report docs/RELIABILITY.md]
    python tests/runs/memory.py --replay HEAP      one heap; a failure prints it

A call that raises MemoryError is wholly done or not at all, and the database goes on; reopened where memory is plenty,
it holds every record acknowledged (docs/DESIGN.md, invariants 1 and 2).
"""
import argparse
import collections
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402, F401
import reliability  # noqa: E402
from unosql.core import Unosql  # noqa: E402

KEY = b"sixteen byte key"
FIRST, LAST, STEP = 16 << 10, 128 << 10, 1024  # bytes of heap
FAILURES = 3  # calls that may fail before a run ends
SECONDS = 120

# What MicroPython runs. A line is printed only after the call has returned, or raised.
SCRIPT = """
from unosql.core import Unosql

def rows(n, count):
    return [{"op": n, "j": j, "u": 0, "text": "x" * (n * 37 %% 120)} for j in range(count)]

def act(db, n, name, *args):
    if name == "insert":
        db.insert("c", rows(n, 1)[0])
    elif name == "many":
        db.insert_many("c", rows(n, args[0]))
    elif name == "update":
        db.update("c", {"op": args[0]}, {"u": n})
    elif name == "delete":
        db.delete("c", {"op": args[0]})
    elif name == "transaction":
        with db.transaction():
            db.insert_many("c", rows(n, args[0]))
            db.delete("c", {"op": args[1]})
    elif name == "index":
        db.create_index("c", args[0])
    elif name == "compact":
        db.compact()
    elif name == "rekey":
        db.rekey(args[0])
    elif name == "backup":
        db.backup("backup")
    elif name == "find":
        return len(db.find("c", {"op": args[0]}))
    elif name == "count":
        return sum(1 for _ in db.iterate("c"))

key, work = %r, %r
failed = 0
db = Unosql("t", key, 1000, "NONE")
for n in range(len(work)):
    try:
        print("ok", n, act(db, n, *work[n]))
    except MemoryError:
        print("memory", n, None)
        failed += 1
        if failed == %d:
            break
db.close()
print("closed", len(work), None)
"""


def work(key):
    """The calls: [name, argument...]. Records carry the number of the call that made them."""
    calls = [["index", "op"]]
    for i in range(1, 70):
        calls.append(["insert"] if i % 5 else ["many", 6 + i % 9])
        if i % 7 == 0:
            calls += [["update", i], ["find", i], ["delete", i - 5]]
        if i % 20 == 0:
            calls += [["transaction", 12, i - 3], ["count"]]
    return calls + [["index", ["u", "j"]], ["compact"], ["backup"], ["rekey", key], ["insert"], ["count"]]


class Lost(AssertionError):
    """The database does not hold what it acknowledged."""


def expected(records, n, name, *args):
    """What a call makes of the records: a frozenset of (op, j, u)."""
    if name in ("insert", "many", "transaction"):
        kept = {r for r in records if name != "transaction" or r[0] != args[1]}
        return frozenset(kept | {(n, j, 0) for j in range(args[0] if args else 1)})
    if name == "update":
        return frozenset((op, j, n if op == args[0] else u) for op, j, u in records)
    if name == "delete":
        return frozenset(r for r in records if r[0] != args[0])
    return records


def answer(records, name, *args):
    """What a search returns: how many."""
    if name == "find":
        return sum(r[0] == args[0] for r in records)
    return len(records) if name == "count" else None


def run(binary, heap, key, calls, directory):
    """Do the work in a heap of that many bytes. Returns the lines [(what, call, answer)] that were printed."""
    script = directory / "work.py"
    script.write_text(SCRIPT % (key, calls, FAILURES))
    done = subprocess.run([binary, "-X", "heapsize=%d" % heap, str(script)], cwd=directory, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    lines = [line.split() for line in done.stdout.splitlines() if line.split(" ")[0] in ("ok", "memory", "closed")]
    if done.returncode < 0:
        raise Lost("the interpreter died of signal %d: %s" % (-done.returncode, done.stdout[-500:]))
    if done.returncode and "MemoryError" not in done.stdout and "memory allocation failed" not in done.stdout:
        raise Lost("other than memory: " + done.stdout[-1500:])
    return [(what, int(n), None if found == "None" else int(found)) for what, n, found in lines]


def candidates(lines, calls):
    """The states that the database may be in after these lines, and the last call may have been cut off by an exit."""
    states = {frozenset()}
    for what, n, found in lines:
        if what == "closed":
            return states
        if what == "ok":
            states = {s for s in states if answer(s, *calls[n]) == found}
            if not states:
                raise Lost("call %d %s answered %s" % (n, calls[n], found))
        after = {expected(s, n, *calls[n]) for s in states}
        states = after if what == "ok" else states | after
    n = lines[-1][1] + 1 if lines else 0
    return states | {expected(s, n, *calls[n]) for s in states} if n < len(calls) else states


def check(directory, states, key, new_key):
    """Open where memory is plenty and compare; returns how many records there are."""
    db = _opened(directory, (key, new_key))
    try:
        found = frozenset((r["op"], r["j"], r["u"]) for r in db.iterate("c"))
        if found not in states:
            raise Lost("found %d records, expected %s" % (len(found), sorted(map(len, states))))
        if problems := db.verify():
            raise Lost("; ".join(problems))
        db.insert("c", {"op": -1, "j": 0, "u": 0})
        if db.count("c") != len(found) + 1:
            raise Lost("an insert afterwards is lost")
        return len(found)
    finally:
        db.close()


def _opened(directory, keys):
    from unosql.errors import WrongKeyError

    for key in keys:
        try:
            return Unosql("t", key, 1000, "NONE", path=str(directory))
        except WrongKeyError as error:
            wrong = error
    raise wrong


def one(binary, heap):
    """One heap, encrypted or not in turn. Returns a Counter; Lost names the heap."""
    key, new_key = (KEY, None) if heap // STEP % 2 else (None, KEY)
    calls = work(new_key)
    with tempfile.TemporaryDirectory(prefix="unosql-memory-") as name:
        try:
            lines = run(binary, heap, key, calls, Path(name))
            states = candidates(lines, calls)
            records = check(Path(name), states, key, new_key)
        except Exception as error:
            raise Lost("heap of %d: %r" % (heap, error)) from error
    errors = sum(what == "memory" for what, _, _ in lines)
    outcome = "not started" if not lines else "whole" if lines[-1][0] == "closed" and not errors else "errors"
    return collections.Counter({outcome: 1, "heaps": 1, "errors raised": errors, "records": records,
                                "ended": int(bool(lines) and lines[-1][0] != "closed")})


def sweep(binary, heaps, progress=lambda text: None):
    """Returns a Counter; "short" is the largest heap that was too small for a call."""
    total = collections.Counter()
    for heap in heaps:
        counts = one(binary, heap)
        total.update(counts)
        if not counts["whole"]:
            total["short"] = max(heap, total["short"])
        progress("heap %6d: %s" % (heap, dict(counts)))
    return total


def binary():
    """MicroPython's 32-bit unix port: objects have a board's size there."""
    if given := os.environ.get("MICROPY_UNIX32"):
        return given
    from firmware import targets

    return str(targets.unix(32))


def report(total, step, seconds):
    return (
        "%d heaps of %d to %d KB, %d bytes apart, plain and encrypted in turn: in %d the database did not start, in %d calls "
        "raised MemoryError (%d times; %d runs ended by one outside of a call), in %d all calls returned: in all of over %d KB. The %d records found "
        "afterwards are those acknowledged; %d s." % (
            total["heaps"], FIRST >> 10, LAST >> 10, step, total["not started"], total["errors"], total["errors raised"],
            total["ended"], total["whole"], total["short"] >> 10, total["records"], seconds))


def main():
    parser = argparse.ArgumentParser(description="Do the same work in heaps of every size.")
    parser.add_argument("--step", type=int, default=STEP, help="bytes between two heaps (default %d)" % STEP)
    parser.add_argument("--replay", type=int, metavar="HEAP", help="one heap")
    parser.add_argument("--report", metavar="FILE", help="write the counts into this page")
    args = parser.parse_args()
    if args.replay:
        return print(one(binary(), args.replay))
    start = time.monotonic()
    try:
        total = sweep(binary(), range(FIRST, LAST + 1, args.step), lambda text: print(text, flush=True))
    except Lost as error:
        sys.exit(str(error))
    text = report(total, args.step, time.monotonic() - start)
    reliability.tell(text, "memory", args.report)


if __name__ == "__main__":
    main()
