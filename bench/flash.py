"""What each operation costs the flash: bytes programmed, erases, bytes read, block reads; counted on CPython.

The engine and the peers run over a flash in RAM that counts (tests/support/media.py); littlefs is the real one, with
MicroPython's defaults. A database is grown once, and what the flash held at each size is kept: every operation
starts from such an image, as after a power cut.
"""
import random
from typing import NamedTuple

from media import LittleFs, NorFlash
from unosql.kv import writing
from unosql.kv.compaction import Compaction

from .records import record
from .subjects import PEERS, Database

BLOCKS = 1024  # of 4,096 bytes
LEAST = 400  # operations that a cost is the mean of, at the least: less than that a flush here or there shows
LOOKUPS = 200


class Cost(NamedTuple):
    """Of one operation, the mean. worst: (bytes programmed, erases) of the dearest one. blocks: None for peers."""

    programmed: float
    erases: float
    read: float
    blocks: float = None
    most_blocks: int = None
    worst: tuple = None
    count: int = 1


class Meter:
    """Counts what operations cost. subject: see subjects; None until it is open."""

    def __init__(self, device, subject=None):
        self._device = device
        self._subject = subject
        self._rows = []

    def of(self, call, *args):
        """Call, and note the cost. Returns what the call does."""
        before = self._now()
        result = call(*args)
        self._rows.append([b - a for a, b in zip(before, self._now())])
        return result

    def _now(self):
        device = self._device
        return device.bytes_programmed, device.erases, device.bytes_read, getattr(self._subject, "block_reads", 0)

    def mean(self, per=None):
        """The mean Cost of all calls; per: of that many operations, which the calls together were."""
        count = per or len(self._rows)
        programmed, erases, read, blocks = (sum(column) / count for column in zip(*self._rows))
        most = [max(column) for column in zip(*self._rows)]
        counts_blocks = isinstance(self._subject, Database)
        return Cost(programmed, erases, read, blocks if counts_blocks else None, most[3] if counts_blocks else None,
                    (most[0], most[1]), count)


def window(n):
    """How many operations are measured on n records."""
    return max(LEAST, n // 4)


def grow(make, sizes, insert="insert"):
    """Insert one by one; return {n: ({insert: Cost of the inserts that follow on n records}, image with n records)}.

    make(device): the subject. insert: the operation's name in the results.
    """
    device = NorFlash(BLOCKS)
    subject = make(device, True)
    subject.open()
    subject.create()
    done, results = 0, {}
    for n in sorted(sizes):
        for done in range(done, n):
            subject.insert(record(done + 1))
        done = n
        image = bytes(device.image)
        meter, shares = Meter(device, subject), Shares(device, subject)
        for i in range(n, n + window(n)):
            meter.of(subject.insert, record(i + 1))
        results[n] = {insert: meter.mean(), "shares": shares.stop(window(n)), "stored": subject.stored() / (n + window(n))}, image
        done = n + window(n)
    subject.close()
    return results


class Shares:
    """Which part of the engine programs how much: bytes and erases, not counting those of another part within."""

    def __init__(self, device, database):
        store = database.store
        parts = (("WAL", store.wal, "append"), ("level 0", writing, "with_memtable"), ("manifest", store.manifest, "write"),
                 ("compaction", Compaction, "run"),  # of its class: the store makes one when there is something to do
                 ("removal", store.segments, "remove"), ("removal", store.wal, "reset"))
        self._device = device
        self._totals = {part: [0, 0] for part, _, _ in parts}
        self._within = []  # of the parts at work: what parts inside of them took
        self._wrapped = []
        for part, owner, method in parts:
            self._wrapped.append((owner, method, vars(owner).get(method)))
            setattr(owner, method, self._wrap(part, getattr(owner, method)))

    def _wrap(self, part, method):
        def wrapped(*args):
            start = self._now()
            self._within.append([0, 0])
            try:
                return method(*args)
            finally:
                inner = self._within.pop()
                for i, (a, b) in enumerate(zip(start, self._now())):
                    self._totals[part][i] += b - a - inner[i]
                    if self._within:
                        self._within[-1][i] += b - a
        return wrapped

    def _now(self):
        return self._device.bytes_programmed, self._device.erases

    def stop(self, count):
        """{part: (bytes programmed, erases) of one of count operations}."""
        for owner, method, own in self._wrapped:
            setattr(owner, method, own) if own else delattr(owner, method)
        return {part: (programmed / count, erases / count) for part, (programmed, erases) in self._totals.items()}


def measure_database(medium, key, sizes, indexed=True, memtable=4096):
    """{n: {operation: Cost}} of unosql. With indexed the record's tag is, and all operations are measured."""
    def make(device, fresh=False):
        if fresh and medium == "littlefs":
            LittleFs(device, format=True)
        return Database(device, medium, key, indexed, memtable)

    grown = grow(make, sizes, "insert, indexed" if indexed else "insert")
    if not indexed:
        return {n: costs for n, (costs, _) in grown.items()}
    return {n: dict(costs, **operations(make, image, n)) for n, (costs, image) in grown.items()}


def measure_peer(name, n, samples):
    """{operation: Cost} of a peer on n records, on littlefs. samples: operations that a mean is of."""
    device = NorFlash(BLOCKS)
    LittleFs(device, format=True)
    subject = PEERS[name](device)
    subject.fill(record(i + 1) for i in range(n))
    image = bytes(device.image)
    costs = operations(PEERS[name], image, n, samples, samples)
    copy = _Copy(PEERS[name], image)
    for i in range(n, n + max(samples, 100 if name == "JSON lines" else 0)):  # a tail block fills up in 50
        copy.meter.of(copy.subject.insert, record(i + 1))
    return dict(costs, insert=copy.meter.mean(), stored=copy.subject.stored() / (i + 1))


class _Copy:
    """A subject on flash of its own that holds an image. opened: the Cost of opening it."""

    def __init__(self, make, image):
        self.device = NorFlash(BLOCKS, image=image)
        self.subject = make(self.device)
        self.device.clear_counts()
        opening = Meter(self.device)
        opening.of(self.subject.open)
        self.opened = opening.mean()
        if isinstance(self.subject, Database):
            reads = self.subject.block_reads
            self.opened = self.opened._replace(blocks=reads, most_blocks=reads)
        self.meter = Meter(self.device, self.subject)


def operations(make, image, n, changes=None, lookups=None):
    """{operation: Cost} but inserts, of a subject on an image with n records."""
    changes = changes or window(n)
    lookups = lookups or LOOKUPS
    copy = _Copy(make, image)
    costs = {"open": copy.opened, "scan": _scan(copy, n)}
    for name, lookup in (("get", _get), ("find", _find)):
        costs[name] = _lookups(_Copy(make, image), lookup, n, lookups)
        if isinstance(copy.subject, Database):
            costs[name + ", cold"] = _lookups(_Copy(make, image), lookup, n, lookups, cold=True)
    costs["update"] = _updates(_Copy(make, image), n, changes)
    costs["delete"] = _deletes(_Copy(make, image), n, min(changes, n // 2))
    return costs


def _scan(copy, n):
    found = copy.meter.of(lambda: sum(1 for _ in copy.subject.scan()))
    assert found == n, (found, n)
    return copy.meter.mean(per=n)


def _get(subject, id):
    return [subject.get(id)]


def _find(subject, id):
    return subject.find(record(id)["tag"])


def _lookups(copy, lookup, n, count, cold=False):
    rng = random.Random(n)
    for _ in range(count):
        id = rng.randint(1, n)
        if cold:
            copy.subject.forget()
        found = copy.meter.of(lookup, copy.subject, id)
        assert [f["tag"] for f in found] == [record(id)["tag"]], (id, found)
    return copy.meter.mean()


def _updates(copy, n, count):
    rng = random.Random(n)
    for _ in range(count):
        copy.meter.of(copy.subject.update, rng.randint(1, n), {"t": round(rng.gauss(18, 6), 2)})
    return copy.meter.mean()


def _deletes(copy, n, count):
    for id in random.Random(n).sample(range(1, n + 1), count):
        copy.meter.of(copy.subject.delete, id)
    assert copy.subject.get(id) is None
    return copy.meter.mean()
