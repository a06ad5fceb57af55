"""Ordinary work with a database, on any medium, and what must hold afterwards: for powerloss.py.

An operation is a generator over a database that yields whenever a call has returned, after which it is acknowledged.
"""
import contextlib
import copy
import json
import random
import tempfile
from pathlib import Path

from media import FatFiles, FlashMedium, LittleFsFiles, MemFiles
from unosql import shared, state
from unosql.documents import peers
from unosql.kv import archive
from unosql.core import Unosql, database_of
from unosql.errors import CorruptionError, StorageFullError, WrongKeyError
from unosql.sync import Session

KEY, NEW_KEY = b"sixteen byte key", "another passphrase"
MEDIA = {
    "flash": lambda: FlashMedium(48),
    "files": lambda: MemFiles(slots=8),
    "encrypted": lambda: MemFiles(slots=8),
    "littlefs": lambda: LittleFsFiles(128, slots=8),
    "fat": lambda: FatFiles(1024, slots=8),
}
PEER = "pump-7"
BACKUP = "backup"  # a file beside the database
SCRATCH = tempfile.TemporaryDirectory(prefix="unosql-powerloss-")


class Broken(AssertionError):
    """The database does not hold what it acknowledged."""


def record(i):
    return {"n": i, "name": "name%d" % (i % 7), "text": "x" * (i * 13 % 90)}


def scratch(name):
    return str(Path(SCRATCH.name) / name)


# What is done


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
    yield db.rekey(NEW_KEY, 1000)
    yield db.insert("c", record(7))


def backup(db):
    """Over the backup that is there already."""
    yield db.insert("c", record(50))
    yield db.backup(BACKUP)
    yield db.insert("c", record(51))


def restore(db):
    yield _restore(db, "full")


def restore_increment(db):
    yield _restore(db, "increment")


def _restore(db, name):
    try:
        return db.restore(scratch(name))
    except WrongKeyError:  # before anything is written
        return db.restore(scratch(name + "-encrypted"))


def batches(db):
    """Enough to flush and merge several times."""
    for i in range(0, 240, 12):
        yield db.insert_many("c", [record(i + j) for j in range(12)])


def ring(db):
    """What is removed gives its flash back meanwhile."""
    db.configure("r", capped=40)
    yield
    for i in range(0, 400, 8):
        yield db.insert_many("r", [record(i + j) for j in range(8)])


def sync(db):
    """A sink takes over a log: each answer drops what it has, together with how far that is."""
    session = Session(db, PEER, {"c": 3}, chunk=300)
    while answered(session):
        yield


def downlink(db):
    """Settings, records, a command and its result: each with its number."""
    session = Session(db, PEER, down=["prices"])
    session.status()
    yield  # the peer is there
    first = answered(session, d=["life", 0])
    yield
    items = [["set", "every", 60], ["put", "prices", 7, {"euro": 2}], ["put", "prices", 7, {"euro": 3}], ["do", "run", 5, None],
             ["put", "c", 1, {}], ["del", "prices", 7]]
    for i, item in enumerate(items):
        told = {"e": first["e"], "S": first["S"], "g": "life", "i": [[i + 1, *item]]}
        session.receive(json.dumps(told).encode())
        yield
    yield session.work({"run": lambda argument: argument + 1})
    while answered(session):
        yield


def answered(session, **more):
    """Answer the next message as a sink does; return its header, or None when there is none."""
    message = session.message()
    if message:
        header = json.loads(bytes(message).split(b"\n")[0])
        session.receive(json.dumps(dict({"e": header["e"], "s": header["s"], "h": header["t"]}, **more)).encode())
        return header


def full_medium(db):
    """Fill the medium; remove in several ways, what lies apart as well; go on."""
    i = 0
    try:
        while True:
            db.insert("c", {"n": i, "name": "name%d" % (i % 7), "blob": _noise(i)})
            i += 1
            yield
    except StorageFullError:
        pass
    yield db.delete("c", {"n": {"gte": i // 2}, "name": {"in": ["name1", "name2", "name5"]}})
    yield db.delete("c", {"n": {"lt": i // 5}})
    yield db.insert("c", record(1000))
    yield db.pop("c", 2)
    yield db.ack("c", i // 4)
    yield db.insert("c", record(1001))
    yield db.delete("c", "n", i - 1)
    yield db.clear("c")
    yield db.insert("c", record(1002))


def _noise(i):
    """Text that can't be compressed much."""
    rng = random.Random(i)
    return "".join(chr(35 + rng.randrange(57)) for _ in range(1100))


OPERATIONS = {f.__name__: f for f in (
    insert, insert_many, large_record, update, upsert, delete, transaction, large_transaction, create_index,
    clear_and_drop, queue, compact, rekey, backup, restore, restore_increment, batches, ring, sync, downlink, full_medium,
)}
SPARE = 90 << 10  # bytes that full_medium fills
# On raw flash a backup is a file on a filesystem beside it: nothing is written to the flash.
PAIRS = [(name, kind) for name in OPERATIONS for kind in MEDIA if (name, kind) != ("backup", "flash")]


def make_backups():
    """The files that restore and restore_increment read."""
    for key, ending in (None, ""), (KEY, "-encrypted"):
        _make_backups(key, ending)


def _make_backups(key, ending):
    db = opened(MemFiles(), (key,))
    for _ in fill(db, 50):
        pass
    db.backup(scratch("full" + ending))
    change = db.last_change()
    db.update("c", "name", "name2", {"text": "changed"})
    db.delete("c", "name", "name4")
    db.insert("new", record(1))
    db.incremental_backup(scratch("increment" + ending), since_change=change)
    db.close()


# What must hold


def opened(medium, keys=(None,)):
    """Open with the first key that fits."""
    shared.databases.clear()  # handles that a cut has left behind, as a reset does
    state.held.clear()
    for i, key in enumerate(keys):
        try:
            db = Unosql("testdb", key, 1000, "NONE", storage=medium.storage(), memtable=2048)
            db._database._catalog.clock = lambda: 800000000  # how much fits a medium must not depend on the time
            return db
        except WrongKeyError:
            if i + 1 == len(keys):
                raise


def contents(db):
    """All that a user can see, but for timestamps; and how far a peer is."""
    seen = {}
    for name in sorted(db.collections()):
        rows = [{k: v for k, v in row.items() if k != "timestamp"} for row in db.iterate(name)]
        counts = db.count(name), [len(db.find(name, "name", "name%d" % i)) for i in range(7)]
        seen[name] = rows, counts, sorted(map(repr, db.indexes(name)))
    with database_of(db) as catalog:
        peer = peers.read(catalog, PEER)
    if peer:
        seen[PEER] = peer["base"], peer.get("down")
    return seen


def require(found, states, acknowledged, what):
    """The state after the calls acknowledged, or with the one more that was cut."""
    if found not in states[acknowledged : acknowledged + 2]:
        raise Broken("%s after %d calls that returned: %s" % (what, acknowledged, _difference(found, states[acknowledged])))


def _difference(found, expected):
    if not found or not expected:
        return "found %.300r, expected %.300r" % (found, expected)
    for name in sorted(set(found) | set(expected)):
        if found.get(name) != expected.get(name):
            return "%s: found %.300r, expected %.300r" % (name, found.get(name), expected.get(name))


class _Os:
    """The part of os that archive.py needs, on a medium's filesystem."""

    def __init__(self, fs):
        self.remove, self.rename, self.replace, self.stat = fs.remove, fs.rename, fs.rename, fs.stat
        self.urandom = archive.os.urandom


@contextlib.contextmanager
def beside(medium):
    """Backup files named without a directory lie on the medium's filesystem."""
    if not hasattr(medium, "fs"):
        yield
        return
    fs, theirs = medium.fs(), (archive.os, archive.sync)
    archive.open = lambda path, mode: open(path, mode) if "/" in path else fs.open(path, mode)
    archive.sync = lambda file: file.flush()
    archive.os = _Os(fs)
    archive.os.stat = lambda path: (theirs[0] if "/" in path else fs).stat(path)
    try:
        yield
    finally:
        del archive.open
        archive.os, archive.sync = theirs


def backed_up(medium, key):
    """What the backup file restores to; None when there is none. FAT can't replace a file: the new one may still be a .tmp."""
    names = [name for name in (BACKUP, BACKUP + ".tmp") if name == BACKUP or isinstance(medium, FatFiles)]
    db = Unosql("copy", key, 1000, "NONE", storage=MemFiles().storage())
    try:
        for name in names:
            with beside(medium), contextlib.suppress(FileNotFoundError, CorruptionError):
                db.restore(name)
                return contents(db)
    finally:
        db.close()


def fork(medium):
    """A copy of a medium, as it lies in flash."""
    other = copy.copy(medium)
    other.device = copy.deepcopy(medium.device)
    other._mounted = -1
    return other
