"""Collections: names, listing, clear, drop, options."""
from runner import again, column, fresh, raises, same


def test_listed_once_they_hold_something():
    db = fresh()
    same(db.collections(), [])
    db.insert("b", {})
    db.insert("a", {})
    db.insert("b", {})
    same(sorted(db.collections()), ["a", "b"])
    same(sorted(again(db).collections()), ["a", "b"])


def test_clear_removes_records_only():
    db = fresh()
    db.insert_many("a", [{"n": 1}, {"n": 2}])
    db.insert("b", {"n": 3})
    db.clear("a")
    same((db.count("a"), db.all("a"), db.get("a", 1), db.history("a", 1)), (0, [], None, []))
    same(column(db.all("b"), "n"), [3])
    db.insert("a", {"n": 4})
    same(column(again(db).all("a"), "n"), [4])


def test_clear_of_an_unknown_collection():
    db = fresh()
    db.clear("no")
    same(db.count("no"), 0)


def test_cleared_stays_cleared():
    db = fresh()
    db.insert_many("a", ({"n": n} for n in range(100)))
    db.optimize_memory()
    db.clear("a")
    db = again(db)
    same((db.count("a"), db.all("a")), (0, []))
    db.insert("a", {"n": 1})
    db.compact()
    same(column(again(db).all("a"), "n"), [1])


def test_drop():
    db = fresh()
    db.insert("a", {"n": 1})
    db.insert("b", {"n": 2})
    db.create_index("a", "n")
    assert db.drop("a") is True
    assert db.drop("a") is False
    same((db.collections(), db.all("a"), db.indexes("a"), db.find("a", "n", 1)), (["b"], [], [], []))
    db = again(db)
    same(db.collections(), ["b"])
    db.insert("a", {"n": 5})
    same(column(db.all("a"), "n"), [5])


def test_many_collections():
    db = fresh()
    for i in range(40):
        db.insert("c%d" % i, {"n": i})
    db = again(db)
    same(len(db.collections()), 40)
    same([db.all("c%d" % i)[0]["n"] for i in range(40)], list(range(40)))


def test_names():
    db = fresh()
    good = ("a", "A", "x_y-z", "_", "9", "n" * 32)
    for name in good:
        db.insert(name, {"in": name})
    for name in good:
        same(column(db.all(name), "in"), [name])
    for name in ("", 5, None, b"a", ["a"]):
        raises((TypeError, ValueError), "collection", db.insert, name, {})
    same(sorted(db.collections()), sorted(good))


def test_options_persist():
    db = fresh()
    db.configure("c", capped=3, history=0)
    db = again(db)
    for n in range(5):
        db.insert("c", {"n": n})
    same(column(db.all("c"), "n"), [2, 3, 4])
    db.configure("c", capped=0)
    for n in range(5, 10):
        db.insert("c", {"n": n})
    same(column(again(db).all("c"), "n"), [2, 3, 4, 5, 6, 7, 8, 9])
