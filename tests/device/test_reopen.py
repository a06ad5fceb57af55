"""What a returned call wrote is there after a cut of the power, for every kind of write, and after a clean close."""
from hashlib import sha256

from runner import after_cut, again, column, fresh, raises, same, set_clock
from unosql.core import UniqueError


def lines(db):
    """All that can be read, piece by piece: there may be more than fits the heap twice."""
    for name in sorted(db.collections()):
        yield name, db.count(name), db.indexes(name)
        for record in db.iterate(name):
            yield sorted(record.items())
            yield db.history(name, record["id"])
    for change in db.changes():
        yield sorted(change.items())
    yield "end", db.last_change()


def digest(db):
    sha = sha256()
    for line in lines(db):
        sha.update(repr(line).encode())
    return sha.digest()


def check(db):
    """The database as found after a cut, and after closing, is the one that was written."""
    cut = after_cut(db)
    for found, wanted in zip(lines(cut), lines(db)):
        same(found, wanted)
    same(cut.verify(), [])
    cut.close()
    wanted = digest(db)
    db = again(db)
    same(digest(db), wanted)
    return db


def start():
    db = fresh()
    for n in range(5):
        db.insert("c", {"n": n, "text": "t%d" % n})
    return db


def test_insert():
    db = check(start())
    db.insert("c", {"n": 9})
    check(db)


def test_insert_many():
    db = start()
    db.insert_many("c", ({"n": n} for n in range(100)))
    check(db)


def test_update():
    db = start()
    db.update("c", "n", 2, {"n": 22})
    db.update("c", {"n": {"gt": 2}}, {"x": None})
    check(db)


def test_upsert():
    db = start()
    db.upsert("c", "n", 1, {"new": 1})
    db.upsert("c", "n", 100, {"new": 2})
    check(db)


def test_delete():
    db = start()
    db.delete("c", "n", 0)
    db.delete("c", {"n": {"gt": 3}})
    check(db)


def test_clear_and_drop():
    db = start()
    db.insert("d", {})
    db.clear("c")
    db = check(db)
    db.drop("d")
    db.insert("c", {"n": 1})
    check(db)


def test_create_and_drop_index():
    db = start()
    db.create_index("c", "n", unique=True)
    db = check(db)
    raises(UniqueError, "n", db.insert, "c", {"n": 3})
    same(column(db.find("c", {"n": {"gte": 3}}), "n"), [3, 4])
    db.create_index("c", ["text", "n"])
    db.drop_index("c", "n")
    db = check(db)
    same(db.insert("c", {"n": 3}), 6)


def test_configure_and_capped():
    db = start()
    db.configure("c", capped=3, history=1)
    db.insert("c", {"n": 5})
    db = check(db)
    db.insert("c", {"n": 6})
    same(column(check(db).all("c"), "n"), [4, 5, 6])


def test_queue():
    db = start()
    db.pop("c", 2)
    db = check(db)
    db.ack("c", 4)
    same(column(check(db).all("c"), "n"), [4])


def test_transaction():
    db = start()
    with db.transaction():
        db.insert("d", {"n": 1})
        db.update("c", "n", 1, {"n": 11})
        db.delete("c", "n", 0)
    check(db)


def test_restore():
    db = start()
    db.backup("a.bak")
    db.clear("c")
    db.restore("a.bak")
    check(db)


def test_optimize_memory_and_compact():
    db = start()
    db.optimize_memory()
    db = check(db)
    db.insert("c", {"n": 7})
    db.compact()
    check(db)


def test_every_insert_is_durable_when_it_returns():
    db = fresh()
    for n in range(60):
        db.insert("c", {"n": n, "text": "some text %d" % (n * n)})
        if n % 6 == 0:
            cut = after_cut(db)
            same(column(cut.all("c"), "n"), list(range(n + 1)))
            cut.close()


def test_many_flushes():
    db = fresh()
    for n in range(300):
        db.insert("c", {"n": n, "text": "some text that fills the memtable %d" % (n * n)})
        if n % 3 == 0:
            db.update("c", "id", n // 2 + 1, {"seen": n})
        if n % 5 == 0:
            db.delete("c", "id", n // 3 + 1)
    check(db)


def test_opened_again_and_again():
    db = fresh()
    for n in range(12):
        db.insert("c", {"n": n})
        db = again(db)
        same(db.count("c"), n + 1)
    same(column(db.all("c"), "id"), list(range(1, 13)))


def test_cut_again_and_again():
    """Each time what a cut left is written to and cut anew."""
    db = fresh()
    for n in range(6):
        db.insert("c", {"n": n})
        db.delete("c", "n", n - 2)
    cut = after_cut(db)
    cut.insert("c", {"n": 100})
    same(column(cut.all("c"), "n"), [4, 5, 100])
    same(column(db.all("c"), "n"), [4, 5])


def test_batch_durability():
    db = fresh(durability="batch")
    for n in range(10):
        db.insert("c", {"n": n})
    same(db.count("c"), 10)
    found = column(after_cut(db).all("c"), "n")
    same(found, list(range(len(found))))
    db.flush()
    same(column(after_cut(db).all("c"), "n"), list(range(10)))
    db.insert("c", {"n": 10})
    same(column(again(db).all("c"), "n"), list(range(11)))


def test_nothing_on_flash_before_the_first_write():
    db = fresh()
    same((db.collections(), db.count("c"), db.find("c", "n", 1)), ([], 0, []))
    db = again(db)
    same(db.collections(), [])


def test_clock_that_goes_back():
    """Boards without a battery start at the epoch after each reset: order is by id and change number."""
    clock = set_clock(5000)
    db = fresh()
    db.insert("c", {"n": 1})
    clock.time = 10
    db = again(db)
    db.insert("c", {"n": 2})
    db.update("c", "n", 1, {"n": 3})
    same(column(db.all("c"), "n"), [3, 2])
    same([c["id"] for c in db.changes()], [2, 1])
    same(column(db.get_last_n_records("c", 1), "n"), [2])
    check(db)
