"""Dead data gives its flash back, whatever removed it, and a full medium takes inserts again (invariants 8 and 9)."""
import errno
import os
import random

import pytest

from media import MEDIA, PowerCut
from memfs import Failing, MemFs
from turnover import WAYS, Turnover
from unosql import shared, state
from unosql.kv import batch
from unosql.core import StorageFullError, Unosql, UnosqlError
from unosql.storage.files import Files

ERASE = 4096
KEY = b"sixteen byte key"


def opener(medium, **options):
    options = dict({"log_level": "NONE", "memtable": 2048, "iterations": 1000}, **options)

    def opened():
        db = Unosql("testdb", storage=medium.storage(), **options)
        db._database._catalog.clock = lambda: 800000000  # how much fits a medium must not depend on the time
        return db

    return opened


def bound(db):
    """What may be stored: twice what is live, and 16 erase blocks. Compacts the database."""
    db.compact()
    return 2 * db.get_stats()["bytes"] + 16 * ERASE


@pytest.mark.parametrize("fails", [1, 2])
def test_a_medium_that_would_not_say_its_size_is_asked_again(fails):
    class Fs(MemFs):
        calls = 0

        def statvfs(self, path):
            self.calls += 1
            if self.calls == fails:
                raise OSError(5, "statvfs")
            return super().statvfs(path)

    with Unosql("testdb", storage=Files("testdb.udb", fs=Fs()), memtable=1024, log_level="NONE") as db:
        with pytest.raises(OSError, match="statvfs"):
            db.insert("c", {"n": 0})
        assert db.insert("c", {"n": 1}) == 1 and db.count("c") == 1


@pytest.mark.parametrize("memtable", [2048, 4096])
@pytest.mark.parametrize("way", WAYS)
def test_stored_bytes_stay_bounded(way, memtable):
    work = Turnover(opener(MEDIA["flash"](96), memtable=memtable), live=150)
    work.fill()
    stored = []
    for _ in range(5):
        WAYS[way](work)
        stored.append(work.db.get_stats()["bytes"])
        assert work.db.get_stats()["compaction_error"] is None
    assert work.db.count("c") == 150 and work.db.verify() == []
    assert max(stored) < bound(work.db)


CALLS = {
    "delete": lambda db, ids: db.delete("c", {}),
    "delete most": lambda db, ids: db.delete("c", {"n": {"lt": 7}}),
    "delete singly": lambda db, ids: [db.delete("c", "id", id) for id in ids],
    "transaction": lambda db, ids: in_transaction(db, ids),
    "update": lambda db, ids: [db.update("c", {}, {"n": n}) for n in (11, 12)],
    "shrink": lambda db, ids: db.update("c", {}, {"text": "", "tag": ""}),
    "clear": lambda db, ids: db.clear("c"),
    "drop": lambda db, ids: db.drop("c"),
    "ack": lambda db, ids: db.ack("c", ids[-1]),
    "cap": lambda db, ids: db.configure("c", capped=5),
    "drop index": lambda db, ids: db.drop_index("c", "tag"),
    "restore": lambda db, ids: db.restore(db.nothing),
}


def in_transaction(db, ids):
    with db.transaction():
        CALLS["delete singly"](db, ids)


@pytest.mark.parametrize("memtable, durability", [(2048, "sync"), (4096, "batch"), (32768, "sync")])
@pytest.mark.parametrize("call", CALLS)
def test_one_call_that_removes_much_gives_it_back_by_itself(call, memtable, durability, tmp_path):
    db = opener(MEDIA["flash"](512), memtable=memtable, history=0, durability=durability)()
    db.nothing = str(tmp_path / "nothing.bak")
    db.backup(db.nothing)
    db.create_index("c", "tag")
    rng = random.Random(call)
    ids = [db.insert("c", {"text": noise(rng, 500), "tag": noise(rng, 60), "n": n % 10}) for n in range(200)]
    CALLS[call](db, ids)
    stored = db.get_stats()["bytes"]
    assert stored < bound(db)
    assert db.verify() == []


@pytest.mark.parametrize("medium", MEDIA)
def test_all_ways_in_turn_on_a_small_medium(medium):
    """They have room for their data four times, not for the twenty turnovers."""
    made = MEDIA[medium](**{"flash": {"blocks": 40}, "littlefs": {"blocks": 48}, "fat": {"sectors": 400}, "memory": {"size": 40 * ERASE}}[medium])
    work = Turnover(opener(made, encryption_key=KEY, history=1), live=150)
    work.fill()
    for turn in range(20):
        name = list(WAYS)[turn % len(WAYS)]
        if name in ("update", "drop_index"):
            continue  # they want records numbered from 0, and no cap
        WAYS[name](work)
        assert work.db.count("c") == work.live, name
        work.db.ack("c", work.last - work.live)
        work.db.configure("c", capped=0, ttl=0)
        if turn % 3 == 0:
            work.db.close()
            work.open()
    assert work.db.verify() == []


def test_segments_of_dead_records_alone_go_unread():
    medium = MEDIA["flash"](64)
    work = Turnover(opener(medium, history=0), live=600, indexed=False)
    work.fill()
    work.db.compact()
    store, before = work.db._database._store, work.db.get_stats()
    reads = store.segments.reader.reads
    work.db.ack("c", 550)
    assert store.segments.reader.reads == reads
    after = work.db.get_stats()
    assert after["bytes"] < before["bytes"] / 2 and after["free"] > before["free"]
    assert work.db.count("c") == 50 and work.db.verify() == []


def full(medium, **options):
    """A database to which records were inserted until the medium was full; and how many."""
    db = opener(medium, **options)()
    n = insert(db, 100000)
    assert n > 100
    return db, n


def insert(db, most, start=0):
    """Insert until it is refused; return how many went in."""
    for n in range(most):
        try:
            db.insert("c", {"n": start + n, "s": "%d" % (n * 7919) * 6})
        except StorageFullError as error:
            assert "delete" in str(error)
            return n
    return most


REMOVALS = {
    "delete one": lambda db, n: db.delete("c", "id", 5),
    "delete a third": lambda db, n: db.delete("c", {"n": {"lt": n // 3}}),
    "delete in the middle": lambda db, n: db.delete("c", {"n": {"gte": n // 3, "lt": n // 2}}),
    "delete every other": lambda db, n: db.delete("c", {"s": {"contains": "8"}}),
    "delete all": lambda db, n: db.delete("c", {}),
    "delete one by one": lambda db, n: sum(db.delete("c", "id", id) for id in range(1, n // 4)),
    "delete one by one in the middle": lambda db, n: sum(db.delete("c", "id", id) for id in range(n // 4, n // 2)),
    "ack": lambda db, n: db.ack("c", n // 3),
    "pop": lambda db, n: len(db.pop("c", n // 4)),
    "cap": lambda db, n: [db.configure("c", capped=cap) for cap in (n // 2, 0)] and n - n // 2,
    "clear": lambda db, n: db.clear("c") or n,
    "drop": lambda db, n: n if db.drop("c") else 0,
}
SMALL = {"flash": {"blocks": 32}, "memory": {"size": 32 * ERASE}, "littlefs": {"blocks": 40}, "fat": {"sectors": 320}}


@pytest.mark.parametrize("reopened", [False, True], ids=["", "reopened"])
@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("medium", SMALL)
def test_a_full_medium_removes_and_takes_inserts_again(medium, removal, reopened):
    made = MEDIA[medium](**SMALL[medium])
    db, n = full(made)
    if reopened:
        db.close()
        db = opener(made)()
    assert db.count("c") == n and db.get_stats()["free"] == 0
    gone = REMOVALS[removal](db, n)
    assert gone >= 1 and db.count("c") == n - gone
    wanted = 1 if gone == 1 else gone // 4
    assert insert(db, wanted, n) == wanted
    assert db.verify() == []
    db.close()
    db = opener(made)()
    assert db.count("c") == n - gone + wanted and db.verify() == []


@pytest.mark.parametrize("medium", SMALL)
def test_batches_go_on_after_a_removal(medium):
    db, n = full(MEDIA[medium](**SMALL[medium]))
    with pytest.raises(StorageFullError):
        db.insert_many("c", ({"n": i, "s": "%d" % (i * 7919) * 6} for i in range(1000)))
    assert db.count("c") == n
    db.ack("c", n // 2)
    assert db.insert_many("c", ({"n": i, "s": "%d" % (i * 7919) * 6} for i in range(n // 40))) == n // 40
    db.ack("c", n // 2 + n // 8)
    with db.transaction():
        db.insert("c", {"n": -1})
        db.delete("c", {"n": {"gte": n - 10}})
    assert db.find("c", {"n": {"gte": n - 10}}) == [] and db.count("c", {"n": -1}) == 1 and db.verify() == []


def rows(n):
    return [{"n": i, "s": "%d" % (i * 7919) * 6} for i in range(n)]


@pytest.mark.parametrize("removal", ["delete a third", "delete every other", "ack", "clear"])
@pytest.mark.parametrize("medium", SMALL)
def test_a_batch_that_found_no_room_has_made_it(medium, removal):
    """For the next one, by itself or tried again; and what is free is right after it."""
    made = MEDIA[medium](**SMALL[medium])
    db, n = full(made)
    gone = REMOVALS[removal](db, n)
    for attempt in (lambda: db.insert_many("c", iter(rows(n + gone))), lambda: transaction(db, rows(n + gone))):
        with pytest.raises(StorageFullError):
            attempt()
        free = db.get_stats()["free"]
        assert free > 0 and free == reopened(db, made).get_stats()["free"]
        db = opener(made)()
    assert db.insert_many("c", rows(gone // 8)) == gone // 8
    assert db.count("c") == n - gone + gone // 8 and db.verify() == []


def transaction(db, records, collection="c"):
    with db.transaction():
        for record in records:
            db.insert(collection, record)


def reopened(db, medium):
    db.close()
    return opener(medium)()


@pytest.mark.parametrize("made, fits", [(iter, False), (list, True)], ids=["iterator", "list"])
def test_a_list_that_found_no_room_is_tried_again(made, fits):
    """What has expired goes when a call finds no room."""
    db = opener(MEDIA["flash"](32))()
    db.configure("c", ttl=100)
    part = insert(db, 100000) // 8
    db._database._catalog.clock = lambda: 800000120
    try:
        assert db.insert_many("other", made(rows(part))) == part and fits
    except StorageFullError:
        assert not fits
    assert db.count("other") == fits * part and db.count("c") == 0 and db.verify() == []


def noise(rng, size):
    """Text that does not compress."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))


NOISE = [noise(random.Random(i), 600) for i in range(10)]


def full_of_noise(medium):
    """A database with a small memtable and old versions, whose records don't compress; full."""
    db = opener(MEDIA[medium](**SMALL[medium]), history=2, memtable=1024)()
    with pytest.raises(StorageFullError):
        for i in range(1000):
            db.insert("c", {"noise": NOISE[i % 10]})
    return db


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("size", [320, 450, 640, 800, 1000, 1300, 1700])
def test_segments_fill_their_erase_blocks_whatever_the_length_of_records(size, key):
    db = opener(MEDIA["flash"](32), encryption_key=key)()
    with pytest.raises(StorageFullError):
        for i in range(1000):
            db.insert("c", {"noise": noise(random.Random(i), size)})
    assert db.count("c") * size > 50000


@pytest.mark.parametrize("call", [lambda db: db.rekey(KEY), lambda db: db.optimize_memory()], ids=["rekey", "optimize"])
@pytest.mark.parametrize("blocks", [18, 20])
def test_what_flushes_on_a_full_medium_leaves_the_reserve(blocks, call):
    """Each leaves a short segment in level 0: these are merged again before they take what removing needs."""
    db = opener(MEDIA["flash"](blocks))()
    for c in "abcde":
        db.create_index(c, "n")
    for _ in range(3):
        with pytest.raises(StorageFullError):
            for i in range(10000):
                db.insert("abcde"[i % 5], {"n": i % 50, "noise": NOISE[i % 10][: i % 200]})
        for c in "abcde":
            for _ in range(3):
                is_refused(call, db)
                assert db.pop(c, 1)
    for c in "abcde":
        db.clear(c)
    assert insert(db, 10000) > 100 and db.verify() == []


@pytest.mark.parametrize("durability", ["sync", "batch"])
@pytest.mark.parametrize("memtable", [8192, 16384])
def test_level_0_may_be_most_of_a_medium(memtable, durability):
    """Merging all of it at once would need as much room again."""
    db, r = opener(MEDIA["flash"](memtable // 256 + 32, 2048 if memtable < 9000 else 4096), memtable=memtable, durability=durability)(), random.Random(1)

    def fills():
        for n in range(1000):
            try:
                db.insert("c", {"noise": noise(r, r.randrange(682, 2048))})
            except StorageFullError:
                return n

    most = fills()
    for _ in range(4):
        db.clear("c")
        assert fills() > most // 2
    db.flush()
    assert db.verify() == []


@pytest.mark.parametrize("gone", [0, 5, 10])
@pytest.mark.parametrize("medium", SMALL)
def test_a_batch_of_deletions_leaves_room_for_the_merges_behind_it(medium, gone):
    """Behind a batch that was given up the medium does not count as full: deletions go as a batch, and keep old versions."""
    db = full_of_noise(medium)
    db.pop("c", gone)
    with pytest.raises(StorageFullError):
        db.insert_many("d", ({"noise": noise} for noise in NOISE * 20))
    assert db.delete("c", {}) > 50
    for noise in NOISE:
        db.insert("d", {"noise": noise})
    assert db.count("c") == 0 and db.count("d") == 10 and db.verify() == []


@pytest.mark.parametrize("call", [
    lambda db: db.update("d", {}, {"x": 1}), lambda db: db.create_index("d", "noise"), lambda db: transaction(db, rows(60))])
@pytest.mark.parametrize("medium", SMALL)
def test_batches_get_the_room_of_what_was_removed_bit_by_bit(medium, call):
    db = full_of_noise(medium)
    while db.pop("c", 5):
        pass
    transaction(db, [{"noise": noise} for noise in NOISE], "d")
    call(db)
    assert db.count("d") == 10 and db.verify() == []


def is_refused(call, *args):
    try:
        call(*args)
    except StorageFullError:
        return True
    return False


def fill_with_noise(db, name):
    while not is_refused(db.insert, name, {"noise": NOISE[db._database._catalog.change % 10]}):
        pass


TAKERS = {
    "insert": lambda db, name: db.insert(name, {"noise": NOISE[0]}),
    "upsert": lambda db, name: db.upsert(name, "n", -1, {"noise": NOISE[0]}),
    "list": lambda db, name: db.insert_many(name, [{"noise": noise} for noise in NOISE[:3]]),
    "update": lambda db, name: db.update("other", {"id": {"lt": 4}}, {"noise": NOISE[3]}),
    "iterator, again": lambda db, name: is_refused(db.insert_many, name, iter([{"noise": NOISE[0]}] * 3))
    and db.insert_many(name, iter([{"noise": NOISE[0]}] * 3)),
    "transaction, again": lambda db, name: is_refused(transaction, db, [{"noise": NOISE[0]}] * 3, name)
    and transaction(db, [{"noise": NOISE[0]}] * 3, name),
    "compact": lambda db, name: db.compact() or db.insert(name, {"noise": NOISE[0]}),
}


@pytest.mark.parametrize("kept", [False, True], ids=["", "first kept"])
@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("medium", SMALL)
def test_a_full_medium_takes_writes_in_place_of_what_expired(medium, taker, kept):
    """Whichever id is next, in whichever collection. kept: an update keeps the first record, so that `first` can't rise."""
    db = opener(MEDIA[medium](**SMALL[medium]), history=0)()
    db.configure("c", ttl=100)
    transaction(db, [{"noise": noise} for noise in NOISE[:5]], "other")
    fill_with_noise(db, "c")
    n = db.count("c")
    if kept:
        db.delete("c", {"id": {"gt": n - 8}})
        db._database._catalog.clock = lambda: 800000090
        assert db.update("c", "id", 1, {"kept": True})
        fill_with_noise(db, "other")
    db._database._catalog.clock = lambda: 800000120
    assert db.count("c") == kept
    for name in ("other", "c"):
        TAKERS[taker](db, name)
    fill_with_noise(db, "new")
    assert db.count("new") > n // 2 and db.verify() == []


@pytest.mark.parametrize("memtables", [(2048, 2048), (1024, 4096)])
@pytest.mark.parametrize("medium", SMALL)
def test_databases_that_share_a_medium_leave_each_other_the_reserve(medium, memtables):
    """The small one is filled as well, then half of the large one goes, one by one, in turn with the small one."""
    made = MEDIA[medium](**{name: 2 * size for name, size in SMALL[medium].items()})
    large, small = [
        Unosql(name, None, 1000, "NONE", storage=made.storage(name), memtable=memtable, history=0)
        for name, memtable in zip(("large", "small"), memtables)
    ]
    for _ in range(3):
        for db in (large, small):
            fill_with_noise(db, "c")
        ids = [record["id"] for record in large.iterate("c", fields=["id"])]
        for id in ids[::2]:
            large.delete("c", "id", id)
        transaction(large, [{"noise": noise} for noise in NOISE], "c")
        assert small.delete("c", {}) >= 1
        large.insert("c", {"noise": NOISE[0]})
    assert large.verify() == [] and small.verify() == []


@pytest.mark.parametrize("call", [
    lambda db: db.insert_many("c", rows(60)), lambda db: db.update("c", {}, {"x": 1}), lambda db: db.create_index("c", "n")])
def test_a_durable_batch_is_not_tried_again(call, monkeypatch):
    """What finds no room may come behind its own writes: removing a file, on a filesystem."""
    made = MEDIA["flash"](64)
    db = opener(made, memtable=1024)()
    db.insert_many("c", rows(60))

    def full(store):
        monkeypatch.undo()
        raise StorageFullError("full")

    monkeypatch.setattr(batch, "install_again", full)  # called when a batch is durable
    before = db.last_change()
    with pytest.raises(StorageFullError):
        call(db)
    assert (db.last_change() - before, len(db.indexes("c"))) in ((60, 0), (0, 1)) and db.verify() == []
    changed = db.last_change()
    db = reopened(db, made)
    assert db.last_change() == changed and db.verify() == []


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("medium", SMALL)
def test_a_full_medium_reads_and_maintains(medium, key, tmp_path):
    made = MEDIA[medium](**SMALL[medium])
    db, n = full(made, encryption_key=key)
    assert db.get("c", n)["n"] == n - 1
    assert len(db.find("c", {"n": {"lt": 10}})) == 10
    assert db.backup(str(tmp_path / "backup")) == n
    with pytest.raises(StorageFullError):
        db.rekey("another passphrase")
    db.compact()
    assert db.verify() == [] and db.count("c") == n
    with pytest.raises(StorageFullError):
        db.update("c", {}, {"grown": "x" * 100})
    assert db.count("c") == n and db.find("c", {"grown": {"exists": True}}) == []
    db.close()
    assert opener(made, encryption_key=key)().count("c") == n


@pytest.mark.parametrize("medium", SMALL)
def test_free_is_what_inserts_may_take(medium):
    made = MEDIA[medium](**SMALL[medium])
    db = opener(made)()
    free = db.get_stats()["free"]
    assert 0 < free < 48 * ERASE
    while insert(db, 100) == 100:
        assert 0 <= db.get_stats()["free"] < free
    assert db.get_stats()["free"] == 0
    db.clear("c")
    assert insert(db, 200) == 200
    assert db.get_stats()["free"] > 0


def test_old_deletions_are_forgotten_and_increments_say_so(tmp_path):
    made = MEDIA["flash"](64)
    db = opener(made)()
    db.insert_many("c", ({"n": n} for n in range(700)))
    assert db.get_stats()["forgotten"] == 0
    for id in range(1, 401):
        db.delete("c", "id", id)
    forgotten, last = db.get_stats()["forgotten"], db.last_change()
    assert last == 1100 and 700 < forgotten <= last - 256
    told = [change["change"] for change in db.changes() if change["deleted"]]
    assert told == list(range(forgotten + 1, last + 1))  # the others are there, the last 256 in any case
    assert db.history("c", 1) == [] and len(db.history("c", 400)) == 1
    db.close()
    db = opener(made)()
    assert db.get_stats()["forgotten"] == forgotten
    for since in ({"since_change": forgotten - 1}, {"since_timestamp": 0}):
        with pytest.raises(UnosqlError, match="full backup"):
            db.incremental_backup(str(tmp_path / "inc.bak"), **since)
    assert db.incremental_backup(str(tmp_path / "inc.bak"), since_change=forgotten) == last - forgotten
    assert db.verify() == []


def test_changes_that_are_no_deletions_stop_no_increment(tmp_path):
    """The search for old deletions has passed many changes, and none of them was one."""
    db = opener(MEDIA["flash"](64))()
    db.insert_many("c", ({"n": n} for n in range(900)))
    db.delete("c", "id", 900)
    assert db._database._catalog.forgotten[2] > 100 and db.get_stats()["forgotten"] == 0
    assert db.incremental_backup(str(tmp_path / "inc.bak"), since_change=0) == 900
CONDITIONS = {
    "named as an operator": lambda n: ("or", 1),
    "long": lambda n: ({"n": {"in": list(range(0, n, 2))}},),
    "longer than a memtable": lambda n: ({"n": {"in": [i + 100000 * (i % 2) for i in range(n)]}},),
    "not JSON": lambda n: ({"n": {"lt": float("inf"), "gte": 5}},),
    "by a key that is no string": lambda n: ({"n": {"gte": 5, "lt": n // 2}, "s": {"ne": {1: 2}}},),
}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("medium", SMALL)
def test_a_full_medium_deletes_by_any_condition(medium, condition):
    made = MEDIA[medium](**SMALL[medium])
    db = opener(made)()
    n = 0
    with pytest.raises(StorageFullError):
        while True:
            db.insert("c", {"n": n, "or": n % 3, "s": "%d" % (n * 7919) * 6})
            n += 1
    condition = CONDITIONS[condition](n)
    found = len(db.find("c", *condition))
    assert found > n // 4 and db.delete("c", *condition) == found
    db.close()
    db = opener(made)()
    assert db.count("c") == n - found and db.find("c", *condition) == [] and db.verify() == []


def test_what_has_room_but_not_at_once_is_deleted():
    made = MEDIA["flash"](32)
    db, n = full(made)
    assert db.delete("c", {"n": {"gte": n // 14, "lt": n // 14 * 13}}) == n // 14 * 12
    assert not db._database._store.is_short
    assert db.delete("c", {"n": {"gte": 1}}) == n - n // 14 * 12 - 1
    assert db.count("c") == 1 and db.verify() == []


@pytest.mark.parametrize("condition", [{}, {"n": {"lt": 50}}, {"n": {"gte": 5, "lt": 50}}], ids=["all", "first", "inner"])
def test_an_increment_tells_of_what_a_full_medium_deleted_or_is_refused(condition, tmp_path):
    db, n = full(MEDIA["memory"](32 * ERASE))
    since, backup, increment = db.last_change(), str(tmp_path / "full"), str(tmp_path / "increment")
    db.backup(backup)
    db.delete("c", condition)
    left = db.all("c")
    try:
        db.incremental_backup(increment, since_change=since)
    except UnosqlError:
        db.backup(backup)
    assert db.incremental_backup(str(tmp_path / "later"), since_change=db.last_change()) == 0
    other = opener(MEDIA["memory"](64 * ERASE))()
    other.restore(backup)
    if os.path.exists(increment):
        other.restore(increment)
    assert other.all("c") == left


def test_increments_are_not_refused_before_a_deletion_is_forgotten(tmp_path):
    db = opener(MEDIA["memory"](256 * ERASE))()
    for i in range(600):
        db.insert("c", {"n": i})
    since = db.last_change() - 500
    for i in range(40):
        db.delete("c", "id", 500 + i)
    assert db._database._catalog.forgotten[2] > since  # somebody looked there
    assert db.incremental_backup(str(tmp_path / "increment"), since_change=since) == 500


@pytest.mark.parametrize("medium", SMALL)
def test_new_collections_leave_the_reserve(medium):
    made = MEDIA[medium](**SMALL[medium])
    db, n = full(made)
    with pytest.raises(StorageFullError):
        for i in range(1000):
            db.configure("c%d" % i, history=1)
    assert len(db.collections()) < 20
    db.configure("c", history=1)
    assert db.delete("c", "id", 7) == 1 and db.delete("c", {"n": {"gte": 20}}) == n - 20


@pytest.mark.parametrize("at", range(0, 60, 4))
def test_a_deletion_on_a_full_medium_survives_a_cut_whole_or_not_at_all(at):
    made = MEDIA["flash"](32)
    db, n = full(made)
    made.device.cut(at, "none")
    with pytest.raises(PowerCut):
        db.delete("c", {"n": {"gte": 20, "lt": n - 20}})
    made.device.restart()
    shared.databases.clear()
    state.held.clear()
    db = opener(made)()
    assert db.count("c") in (n, 40)
    assert [r["id"] for r in db.iterate("c")] == ([*range(1, 21), *range(n - 19, n + 1)] if db.count("c") == 40 else [*range(1, n + 1)])
    assert db.verify() == []


@pytest.mark.parametrize("steps", [7, 16, 18, 33])
def test_segments_are_dropped_under_a_merge_at_hand(steps):
    db = opener(MEDIA["flash"](96), memtable=4096, history=0)()
    store, n = db._database._store, 0
    for i in range(500):
        db.insert("c", {"n": i, "s": "%d" % (i * 7919) * 6})
    while steps or not store.compaction._job:
        db.update("c", "id", 1 + n * 211 % 499, {"n": n})
        n += 1
        steps -= bool(steps and store.compaction._job)
    before = db.get_stats()["segments"]
    store.segments.space.left = 0  # as on a medium that fills
    db.ack("c", 450)
    assert db.get_stats()["segments"] < before
    for n in range(30):
        db.update("c", "id", 460, {"n": n})
        assert store.compaction.error is None and not store.is_suspect
    assert db.count("c") == 50 and db.verify() == []


def test_what_is_rolled_back_gives_inserts_no_credit():
    db, n = full(MEDIA["memory"](32 * ERASE))
    catalog = db._database._catalog
    for _ in range(3):
        live = catalog.live
        with pytest.raises(KeyError):
            with db.transaction():
                db.delete("c", {"n": {"gte": 10, "lt": 30}})
                raise KeyError
        assert catalog.live == live


def test_a_backup_has_nothing_that_a_cut_takes_back(tmp_path):
    """An increment from its last change on would have others of these numbers."""
    medium = MEDIA["flash"](64)
    open_db = opener(medium, durability="batch")
    db = open_db()
    db.insert("c", {"n": 1})
    db.backup(str(tmp_path / "full"))
    change = db.last_change()
    shared.databases.clear()  # the power goes
    state.held.clear()
    db = open_db()
    assert db.last_change() == change and db.count("c") == 1


def test_a_new_database_on_a_full_medium_says_so():
    fs = Failing()
    fs.fail("/m", error=errno.ENOSPC)
    with pytest.raises(StorageFullError, match="no space left"):
        Unosql("new", storage=Files("new.udb", fs=fs), log_level="NONE")


def test_new_databases_fill_a_flash_and_the_next_says_so():
    flash = MEDIA["flash"](12)
    with pytest.raises(StorageFullError, match="no space left"):
        for n in range(20):
            Unosql("new%d" % n, storage=flash.storage("new%d" % n), log_level="NONE", memtable=1024)
