"""Full and incremental backups, and restoring them: all or nothing."""
import os

from runner import after_cut, again, column, fresh, raises, same, set_clock
from unosql.core import CorruptionError, UnosqlError, WrongKeyError

KEY = b"0123456789abcdef"


def filled(name="testdb", **kw):
    db = fresh(name, **kw)
    db.create_index("users", "name", unique=True)
    db.configure("users", history=2)
    for n in range(20):
        db.insert("users", {"name": "user %d" % n, "n": n})
    db.insert("other", {"x": [1, {"y": None}]})
    db.delete("users", "n", 7)
    db.update("users", "n", 3, {"n": 33})
    return db


def contents(db):
    names = sorted(db.collections())
    return [(name, db.all(name), db.indexes(name)) for name in names]


def test_restore_brings_everything_back():
    db = filled()
    wanted = contents(db)
    same(db.backup("full.bak"), 20)
    db.clear("users")
    db.drop("other")
    db.insert("new", {"a": 1})
    same(db.restore("full.bak"), 20)
    same(contents(db), wanted)
    same(db.insert("users", {"name": "next"}), 21)
    raises(UnosqlError, "name", db.insert, "users", {"name": "user 3"})
    same(len(db.history("users", 4)), 2)
    same(db.verify(), [])
    same(column(after_cut(db).find("users", "name", "next"), "id"), [21])
    same(column(again(db).find("users", "name", "next"), "id"), [21])


def test_restore_into_another_database():
    db = filled()
    db.backup("full.bak")
    other = fresh("other")
    other.insert("gone", {})
    other.restore("full.bak")
    same(contents(other), contents(db))


def test_backup_of_an_empty_database():
    db = fresh()
    same(db.backup("empty.bak"), 0)
    db.insert("a", {})
    same(db.restore("empty.bak"), 0)
    same((db.collections(), db.all("a")), ([], []))


def test_larger_than_the_memtable():
    db = fresh()
    db.insert_many("c", ({"n": n, "text": "value %d" % (n * n)} for n in range(250)))
    same(db.backup("full.bak"), 250)
    db.delete("c", {"n": {"gte": 100}})
    same(db.restore("full.bak"), 250)
    same(column(db.all("c"), "n"), list(range(250)))
    same(again(db).count("c"), 250)


def test_incremental_by_timestamp_merges():
    clock = set_clock(1000)
    db = filled()
    db.backup("full.bak")
    clock.time = 2000
    db.insert("users", {"name": "late"})
    db.update("users", "n", 1, {"n": 11})
    db.delete("users", "n", 2)
    wanted = contents(db)
    same(db.incremental_backup("inc.bak", 1500), 3)
    db.restore("full.bak")
    db.insert("mine", {"stays": True})
    same(db.restore("inc.bak"), 3)
    same([c for c in contents(db) if c[0] != "mine"], wanted)
    same(db.count("mine"), 1)
    same(db.verify(), [])
    same(again(db).count("users"), 19)


def test_incremental_includes_the_timestamp_itself():
    clock = set_clock(1000)
    db = fresh()
    db.insert("c", {"n": 1})
    clock.time = 1001
    db.insert("c", {"n": 2})
    same(db.incremental_backup("inc.bak", 1001), 1)
    same(db.incremental_backup("inc.bak", 1000), 2)
    same(db.incremental_backup("inc.bak", 1002), 0)


def test_incremental_by_change_number():
    db = filled()
    db.backup("full.bak")
    cursor = db.last_change()
    db.insert("users", {"name": "late"})
    db.delete("users", "n", 2)
    wanted = contents(db)
    same(db.incremental_backup("inc.bak", since_change=cursor), 2)
    db.restore("full.bak")
    db.restore("inc.bak")
    same(contents(db), wanted)
    db.restore("inc.bak")
    same(contents(db), wanted)


def test_chain_of_increments():
    db = fresh()
    db.backup("0.bak")
    for n in range(1, 6):
        cursor = db.last_change()
        db.insert("c", {"n": n})
        db.update("c", "n", n - 1, {"old": True})
        db.delete("c", "n", n - 3)
        db.incremental_backup("%d.bak" % n, since_change=cursor)
    wanted = contents(db)
    other = fresh("other")
    for n in range(6):
        other.restore("%d.bak" % n)
    same(contents(other), wanted)


def test_encrypted():
    db = filled(encryption_key=KEY, iterations=1000)
    wanted = contents(db)
    db.backup("full.bak")
    with open("full.bak", "rb") as f:
        assert b"user" not in f.read()
    db.clear("users")
    db.restore("full.bak")
    same(contents(db), wanted)
    other = fresh("other", encryption_key=b"another key.....", iterations=1000)
    other.insert("c", {})
    raises(WrongKeyError, "", other.restore, "full.bak")
    raises(WrongKeyError, "", fresh("plain").restore, "full.bak")
    same(other.count("c"), 1)


def test_restore_with_the_same_key_elsewhere():
    filled(encryption_key=KEY, iterations=1000).backup("full.bak")
    other = fresh("other", encryption_key=KEY, iterations=1000)
    other.restore("full.bak")
    same(other.count("users"), 19)
    same(again(other, "other", encryption_key=KEY).count("users"), 19)


def test_missing_file():
    db = filled()
    raises(OSError, "", db.restore, "missing.bak")
    same(db.count("users"), 19)


def test_damaged_backups_change_nothing():
    db = filled()
    wanted = contents(db)
    db.backup("full.bak")
    with open("full.bak", "rb") as f:
        good = f.read()
    size = len(good)
    bad = [good[:n] for n in (0, 1, 10, size // 2, size - 1)]
    bad += [good[:n] + bytes((good[n] ^ 1,)) + good[n + 1 :] for n in (0, 9, size // 3, size // 2, size - 1)]
    bad.append(b"this is not a backup at all")
    for data in bad:
        with open("bad.bak", "wb") as f:
            f.write(data)
        error = raises((CorruptionError, WrongKeyError), "", db.restore, "bad.bak")
        assert isinstance(error, WrongKeyError) or "bad.bak" in str(error), error
        same(contents(db), wanted)
    same(contents(again(db)), wanted)


def test_backup_does_not_change_the_database():
    db = filled()
    wanted, change = contents(db), db.last_change()
    db.backup("full.bak")
    db.backup("full.bak")
    same((contents(db), db.last_change()), (wanted, change))


def test_failed_backup_leaves_the_old_file():
    db = filled()
    db.backup("full.bak")
    raises(OSError, "", db.backup, "no/such/directory.bak")
    same(db.restore("full.bak"), 20)
    assert "full.bak" in os.listdir()


def test_arguments():
    db = filled()
    raises((TypeError, ValueError), "", db.incremental_backup, "x")
    raises((TypeError, ValueError), "since", db.incremental_backup, "x", "yesterday")
    raises((TypeError, ValueError), "since", db.incremental_backup, "x", since_change=-1)
    for name in (None, 5, ""):
        raises((TypeError, ValueError, OSError), "", db.backup, name)
