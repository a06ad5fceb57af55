"""A recorded trace: thousands of calls, always the same ones, and digests of all bytes that they leave on the medium.

    python tests/runs/recorded_trace.py             10,000 calls; fails where the first digest differs from tests/support/golden/trace.json
    python tests/runs/recorded_trace.py --write     record that file anew

A change of the engine that is to change no byte is proven by it. One that does change bytes records it anew and says why.
`make test` makes the first calls of each case. Nothing that is not the engine's own has a part in the bytes: salts, clock
and seed are given, and deflate is replaced by a stand-in whose output depends on the data alone.
"""
import argparse
import concurrent.futures
import contextlib
import hashlib
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402
from media import FlashMedium, MemFiles  # noqa: E402
from unosql import shared, state, twin  # noqa: E402
from unosql.kv import compression  # noqa: E402
from unosql.core import Unosql  # noqa: E402
from unosql.errors import StorageFullError, UniqueError, WrongKeyError  # noqa: E402

GOLDEN = here.GOLDEN / "trace.json"
KEYS = (b"sixteen byte key", b"another passphrase")
# The medium, whether it is encrypted, and the memtable: 2 KB goes with a small heap, where the store works otherwise.
CASES = {
    "flash-plain": (lambda: FlashMedium(96), False, 2048),
    "flash-encrypted": (lambda: FlashMedium(96), True, 4096),
    "files-plain": (lambda: MemFiles(384 << 10), False, 4096),
    "files-encrypted": (lambda: MemFiles(384 << 10), True, 2048),
}
OPERATIONS = 2500  # of each case: 10,000 in all
PART = 250  # operations from one digest to the next
NOISE = [chr(i) for i in range(35, 127) if i != 92]


class Packing:
    """Stands in for uzlib: half the length, where data looks as if it could be compressed. What it packed it knows."""

    def __init__(self):
        self._known = {}

    def compress(self, data, wbits):
        data = bytes(data)
        if len(set(data)) > 80:
            return data + b"no shorter"
        packed = hashlib.shake_128(data).digest(len(data) // 2)
        self._known[packed] = data
        return packed

    def DecompIO(self, stream, wbits):
        blob = stream.read()
        size = blob[-3] << 8 | blob[-2]  # of the data; what is behind the stream is the engine's
        return io.BytesIO(self._known[blob[: size // 2]])


@contextlib.contextmanager
def nothing_by_chance():
    """Salts are the same bytes each time, and nothing depends on the version of zlib."""
    with mock.patch.object(os, "urandom", lambda n: bytes(range(n))), \
            mock.patch.object(compression, "native", twin), mock.patch.object(twin, "uzlib", Packing()):
        yield


class Trace:
    """One case under way. seen: what has happened how often, as a trace that meets nothing proves nothing."""

    def __init__(self, case, folder):
        make, self.encrypted, self.memtable = CASES[case]
        self.medium = make()
        self.rng = random.Random(case)
        self.backup = str(Path(folder) / "backup")
        self.digest = hashlib.sha256()
        self.seen = dict.fromkeys([operation.__name__ for operation in MIX] + ["levels", "full", "unique"], 0)
        self.clock = 800000000
        self.key = 0
        self.n = 0  # of the record inserted last
        self.batched = False
        self.open()
        self.db.create_index("a", "name")
        self.db.create_index("b", ["group", "n"])
        self.db.create_index("u", "n", unique=True)
        self.db.configure("ring", capped=60)
        self.db.configure("old", ttl=400, history=1)

    def open(self):
        """As after a reset: what was open is gone."""
        shared.databases.clear()
        state.held.clear()
        self.medium.device.restart()
        key = KEYS[self.key] if self.encrypted else None
        self.db = Unosql("trace", key, 1000, "NONE", storage=self.medium.storage(), memtable=self.memtable,
                         durability="batch" if self.batched else "sync")
        self.db._database._catalog.clock = lambda: self.clock

    def record(self):
        self.n += 1
        text = "".join(self.rng.choices("abcdefgh ", k=self.rng.choice((5, 40, 120))))
        return {"n": self.n, "name": "name%d" % (self.n % 13), "group": self.rng.randrange(5), "text": text}

    def name(self):
        return self.rng.choice("aaabbcu")

    def some(self):
        """The numbers of a few records that may be there."""
        first = self.rng.randrange(self.n + 1)
        return {"n": {"gte": first, "lt": first + self.rng.choice((1, 1, 3, 10))}}

    def run(self, operations):
        """Yield a digest of the medium, and of what the calls returned, after each part."""
        weights = list(MIX.values())
        for i in range(operations):
            self.clock += self.rng.randrange(3)
            operation = self.rng.choices(list(MIX), weights)[0]
            self.digest.update(b"%s %s\n" % (operation.__name__.encode(), repr(self.attempt(operation)).encode()))
            if (i + 1) % PART == 0 or i + 1 == operations:
                self.seen["levels"] = max(self.seen["levels"], len(self.db.get_stats()["levels"]))
                self.digest.update(self.medium.device.image)
                yield self.digest.hexdigest()[:16]

    def attempt(self, operation):
        """What a call returns, or the kind of error that the medium or an index raises."""
        try:
            result = operation(self)
            self.seen[operation.__name__] += 1
            return result
        except StorageFullError:
            self.seen["full"] += 1
            return "full"
        except UniqueError:
            self.seen["unique"] += 1
            return "unique"


# -- the operations


def insert(trace):
    return trace.db.insert(trace.rng.choice(("a", "a", "b", "c", "u", "ring", "old")), trace.record())


def insert_same(trace):
    return trace.db.insert("u", {"n": trace.rng.randrange(1, trace.n + 1), "name": "again"})


def insert_many(trace):
    return trace.db.insert_many(trace.name(), [trace.record() for _ in range(trace.rng.randrange(2, 30))])


def insert_large(trace):
    return trace.db.insert("c", dict(trace.record(), blob="".join(trace.rng.choices("abc", k=trace.rng.choice((700, 1500))))))


def update(trace):
    return trace.db.update(trace.name(), trace.some(), {"group": trace.rng.randrange(5)})


def update_within(trace):
    return trace.db.update(trace.name(), "n", trace.rng.randrange(trace.n + 1), inc={"seen": 1}, push={"log": trace.n}, unset="text")


def upsert(trace):
    return trace.db.upsert("a", "n", trace.rng.randrange(trace.n + 9), {"text": "upserted"})


def delete(trace):
    return trace.db.delete(trace.name(), trace.some())


def delete_many(trace):
    return trace.db.delete(trace.name(), "group", trace.rng.randrange(5))


def find(trace):
    records = trace.db.find(trace.name(), "name", "name%d" % trace.rng.randrange(13), limit=5)
    return [(record["n"], record["version"]) for record in records]


def scan(trace):
    name = trace.name()
    records = trace.db.find(name, order_by="-id", limit=20)
    return trace.db.count(name), [record["n"] for record in records]


def history(trace):
    return len(trace.db.history("a", trace.rng.randrange(1, trace.n + 1)))


def changes(trace):
    return [(change["collection"], change["id"]) for change in trace.db.changes(max(0, trace.db.last_change() - 20))]


def take(trace):
    records = trace.db.pop("b", trace.rng.randrange(1, 6))
    return [record["n"] for record in records]


def ack(trace):
    records = trace.db.find("b", order_by="id", limit=3)
    return trace.db.ack("b", records[-1]["id"]) if records else None


def transaction(trace, records=4):
    with trace.db.transaction():
        for _ in range(records):
            trace.db.insert(trace.name(), trace.record())
        return trace.db.update("a", trace.some(), {"moved": True}), trace.db.delete("b", trace.some())


def large_transaction(trace):
    return transaction(trace, 60)


def rollback(trace, records=4):
    class Rolled(Exception):
        pass

    with contextlib.suppress(Rolled), trace.db.transaction():
        trace.db.delete("a", trace.some())
        trace.db.insert_many("c", [trace.record() for _ in range(records)])
        raise Rolled
    return trace.db.count("c")


def large_rollback(trace):
    return rollback(trace, 60)


def index(trace):
    fields = trace.rng.choice((["text"], ["name", "n"], ["group"]))
    made = fields in [found["keys"] for found in trace.db.indexes("c")]
    return trace.db.drop_index("c", fields) if made else trace.db.create_index("c", fields)


def clear(trace):
    return trace.db.clear(trace.rng.choice("abc"))


def drop(trace):
    return trace.db.drop("c")


def fill(trace):
    """Until the medium is full; then room is made, in one of several ways."""
    made = 0
    try:
        while True:
            trace.db.insert("full", {"n": made, "text": "".join(trace.rng.choices(NOISE, k=900))})
            made += 1
    except StorageFullError:
        trace.seen["full"] += 1
    first = trace.rng.choice((lambda: trace.db.pop("full", 3), lambda: trace.db.delete("full", {"n": {"gte": made // 2}}),
                              lambda: trace.db.delete("full", "n", made // 3), lambda: trace.db.ack("full", made // 4)))
    return made, repr(first()), trace.db.insert("full", {"n": -1}), trace.db.clear("full")


def configure(trace):
    return trace.db.configure("ring", capped=trace.rng.choice((20, 60, 100)))


def compact(trace):
    return trace.db.compact()


def flush(trace):
    return trace.db.flush()


def optimize_memory(trace):
    return trace.db.optimize_memory()


def reset(trace):
    """What durability="batch" buffers is lost."""
    trace.batched = trace.rng.random() < 0.3
    return trace.open()


def reopen(trace):
    trace.db.close()
    trace.batched = trace.rng.random() < 0.3
    return trace.open()


def rekey(trace):
    if trace.encrypted:
        trace.db.rekey(KEYS[1 - trace.key], 1000)
        trace.key = 1 - trace.key


def back_up(trace):
    trace.db.flush()
    written = trace.db.backup(trace.backup)
    trace.digest.update(Path(trace.backup).read_bytes())
    return written


def restore(trace):
    try:
        return trace.db.restore(trace.backup) if os.path.exists(trace.backup) else None
    except WrongKeyError:  # it was made before a rekey()
        return "wrong key"


def verify(trace):
    problems = trace.db.verify()
    assert not problems, problems


MIX = {
    insert: 600, insert_same: 20, insert_many: 60, insert_large: 20, update: 100, update_within: 60, upsert: 60, delete: 100, delete_many: 4,
    find: 60, scan: 10, history: 10, changes: 10, take: 40, ack: 20, transaction: 40, large_transaction: 10, rollback: 20, large_rollback: 8,
    index: 10, clear: 2, drop: 1, fill: 5, configure: 6, compact: 5, flush: 20, optimize_memory: 6, reset: 10, reopen: 10, rekey: 4, back_up: 5,
    restore: 5, verify: 2,
}


def record(case, operations=OPERATIONS):
    """Return (digests, what was seen)."""
    with tempfile.TemporaryDirectory(prefix="unosql-trace-") as folder, nothing_by_chance():
        trace = Trace(case, folder)
        digests = list(trace.run(operations))
        trace.db.close()
        return digests, trace.seen


def differences(case, digests):
    """Say from which call on the bytes are others than those recorded, or return None. Fewer calls may be compared."""
    for i, (found, wanted) in enumerate(zip(digests, json.loads(GOLDEN.read_text())[case], strict=False)):
        if found != wanted:
            return "%s: calls %d to %d leave other bytes than before" % (case, i * PART + 1, (i + 1) * PART)


def main():
    parser = argparse.ArgumentParser(description="Make recorded calls and compare what they leave on the medium.")
    parser.add_argument("--write", action="store_true", help="record the digests")
    args = parser.parse_args()
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        found = dict(zip(CASES, pool.map(record, CASES)))
    for case, (digests, seen) in found.items():
        print(case, digests[-1], seen)
    unmet = [name for name in next(iter(found.values()))[1] if not any(seen[name] for _, seen in found.values())]
    if unmet:
        raise SystemExit("no case met " + ", ".join(unmet))
    if args.write:
        GOLDEN.write_text(json.dumps({case: digests for case, (digests, _) in found.items()}, indent=1) + "\n")
    if problems := [text for text in (differences(case, digests) for case, (digests, _) in found.items()) if text]:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
