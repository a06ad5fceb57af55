"""Writes over collections that become durable together or not at all."""
from runner import after_cut, again, column, fresh, raises, same
from unosql.core import UniqueError


class Stop(Exception):
    pass


def accounts():
    db = fresh()
    db.insert("accounts", {"name": "a", "sum": 10})
    db.insert("accounts", {"name": "b", "sum": 0})
    db.create_index("accounts", "sum")
    return db


def move(db, amount, fail=False):
    with db.transaction():
        db.update("accounts", "name", "a", {"sum": db.get("accounts", 1)["sum"] - amount})
        db.insert("log", {"moved": amount})
        if fail:
            raise Stop
        db.update("accounts", "name", "b", {"sum": db.get("accounts", 2)["sum"] + amount})


def test_commit():
    db = accounts()
    move(db, 3)
    same(column(db.all("accounts"), "sum"), [7, 3])
    same(column(db.find("accounts", "sum", 3), "name"), ["b"])
    db = again(db)
    same(column(db.all("accounts"), "sum"), [7, 3])
    same(column(db.all("log"), "moved"), [3])


def test_exception_rolls_back_and_propagates():
    db = accounts()
    change = db.last_change()
    raises(Stop, "", move, db, 3, fail=True)
    same(column(db.all("accounts"), "sum"), [10, 0])
    same(column(db.all("accounts"), "version"), [1, 1])
    same((db.count("log"), db.all("log"), db.collections()), (0, [], ["accounts"]))
    same(column(db.find("accounts", "sum", 10), "id"), [1])
    same(len(db.history("accounts", 1)), 1)
    same(list(db.changes(change)), [])
    move(db, 4)
    same(column(again(db).all("accounts"), "sum"), [6, 4])


def test_reads_inside_see_the_writes():
    db = accounts()
    with db.transaction():
        same(db.insert("accounts", {"name": "c", "sum": 5}), 3)
        same(db.insert_many("accounts", [{"name": "d", "sum": 5}]), 1)
        same(db.count("accounts"), 4)
        same(db.get("accounts", 3)["name"], "c")
        same(column(db.find("accounts", "sum", 5), "name"), ["c", "d"])
        db.delete("accounts", "name", "a")
        db.update("accounts", "name", "d", {"sum": 1})
        same(column(db.all("accounts"), "name"), ["b", "c", "d"])
        same(column(db.find("accounts", {"sum": {"lt": 2}}, order_by="sum"), "name"), ["b", "d"])
        same(column(db.get_last_n_records("accounts", 1), "sum"), [1])
    same(column(db.all("accounts"), "name"), ["b", "c", "d"])


def test_nothing_is_durable_before_the_end():
    db = accounts()
    with db.transaction():
        db.insert("accounts", {"name": "c", "sum": 1})
        db.update("accounts", "name", "a", {"sum": 1})
        cut = after_cut(db)
        same(column(cut.all("accounts"), "sum"), [10, 0])
    same(column(after_cut(db).all("accounts"), "sum"), [1, 0, 1])


def test_no_transaction_within_another():
    db = accounts()
    with db.transaction():
        db.insert("log", {"n": 1})
        raises(ValueError, "transaction", db.transaction().__enter__)
        db.insert("log", {"n": 2})
    same(column(db.all("log"), "n"), [1, 2])


def test_error_caught_inside_keeps_the_rest():
    db = accounts()
    db.create_index("accounts", "name", unique=True)
    with db.transaction():
        db.insert("log", {"n": 1})
        raises(UniqueError, "name", db.insert, "accounts", {"name": "a"})
        raises(ValueError, "", db.insert, "accounts", 5)
        db.insert("log", {"n": 2})
    same(column(db.all("log"), "n"), [1, 2])
    same(column(again(db).all("accounts"), "name"), ["a", "b"])


def test_unique_error_rolls_all_back():
    db = accounts()
    db.create_index("accounts", "name", unique=True)

    def twice():
        with db.transaction():
            db.insert("accounts", {"name": "c"})
            db.insert("accounts", {"name": "c"})

    raises(UniqueError, "name", twice)
    same(db.count("accounts"), 2)
    db.insert("accounts", {"name": "c"})


def fill(db, n, fail):
    with db.transaction():
        for i in range(n):
            db.insert("big", {"i": i, "text": "some text to fill the memtable %d" % (i * i)})
        db.update("accounts", "name", "a", {"sum": n})
        same(db.count("big"), n)
        if fail:
            raise Stop


def test_larger_than_the_memtable_commits():
    db = accounts()
    fill(db, 200, False)
    cut = after_cut(db)
    same(column(cut.all("big"), "i"), list(range(200)))
    same(cut.get("accounts", 1)["sum"], 200)
    same(cut.verify(), [])


def test_larger_than_the_memtable_rolls_back():
    db = accounts()
    raises(Stop, "", fill, db, 200, True)
    for reopen in (lambda d: d, after_cut, again):
        d = reopen(db)
        same((d.count("big"), d.all("big"), d.get("accounts", 1)["sum"]), (0, [], 10))
        same(d.verify(), [])


def test_cut_in_a_large_transaction():
    db = accounts()
    with db.transaction():
        for i in range(200):
            db.insert("big", {"i": i, "text": "some text to fill the memtable %d" % (i * i)})
        cut = after_cut(db)
        same((cut.count("big"), cut.all("big")), (0, []))
        same(cut.verify(), [])
    same(after_cut(db).count("big"), 200)


def test_empty_transaction():
    db = accounts()
    change = db.last_change()
    with db.transaction():
        same(db.count("accounts"), 2)
    same(db.last_change(), change)
    db.insert("log", {})


def test_clear_and_drop_inside():
    db = accounts()

    def emptied():
        with db.transaction():
            db.clear("accounts")
            db.insert("log", {})
            same(db.count("accounts"), 0)
            raise Stop

    raises(Stop, "", emptied)
    same(column(db.all("accounts"), "sum"), [10, 0])
    same(column(db.find("accounts", "sum", 10), "id"), [1])
    with db.transaction():
        db.drop("accounts")
        db.insert("log", {})
    same(again(db).collections(), ["log"])
