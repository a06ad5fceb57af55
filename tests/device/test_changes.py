"""The change feed: what changed since a cursor, each record once, in order."""
from runner import after_cut, again, column, fresh, raises, same


def what(changes):
    return [(c["collection"], c["id"], c["deleted"]) for c in changes]


def test_inserts_in_order():
    db = fresh()
    same((db.last_change(), list(db.changes())), (0, []))
    db.insert("a", {"n": 1})
    db.insert("b", {"n": 2})
    db.insert("a", {"n": 3})
    changes = list(db.changes())
    same(what(changes), [("a", 1, False), ("b", 1, False), ("a", 2, False)])
    numbers = column(changes, "change")
    assert numbers == sorted(set(numbers)) and numbers[0] > 0
    same(db.last_change(), numbers[-1])
    same(changes[1]["record"], db.get("b", 1))


def test_only_the_latest_change_of_a_record():
    db = fresh()
    db.insert("a", {"n": 1})
    db.insert("a", {"n": 2})
    db.update("a", "n", 1, {"n": 5})
    changes = list(db.changes())
    same(what(changes), [("a", 2, False), ("a", 1, False)])
    same(changes[1]["record"]["n"], 5)


def test_cursor():
    db = fresh()
    db.insert("a", {"n": 1})
    cursor = db.last_change()
    same(list(db.changes(cursor)), [])
    db.insert("a", {"n": 2})
    db.update("a", "n", 1, {"x": 1})
    same(what(db.changes(cursor)), [("a", 2, False), ("a", 1, False)])
    first = next(db.changes(cursor))
    same(what(db.changes(first["change"])), [("a", 1, False)])


def test_deletions():
    db = fresh()
    db.insert_many("a", [{"n": 1}, {"n": 2}])
    cursor = db.last_change()
    db.delete("a", "n", 1)
    changes = list(db.changes(cursor))
    same(what(changes), [("a", 1, True)])
    assert changes[0]["record"] is None
    same(what(db.changes()), [("a", 2, False), ("a", 1, True)])


def test_limit_walks_all():
    db = fresh()
    db.insert_many("a", ({"n": n} for n in range(25)))
    cursor, seen = 0, []
    while True:
        batch = list(db.changes(cursor, limit=7))
        if not batch:
            break
        assert len(batch) <= 7
        seen += [c["record"]["n"] for c in batch]
        cursor = batch[-1]["change"]
    same(seen, list(range(25)))
    same(cursor, db.last_change())


def test_feed_is_durable():
    db = fresh()
    for n in range(60):
        db.insert("a", {"n": n})
    db.update("a", {"n": {"lt": 10}}, {"n": -1})
    db.delete("a", "id", 30)
    wanted, last = brief(db), db.last_change()
    same(len(wanted), 60)
    for other in (after_cut(db), again(db)):
        same((brief(other), other.last_change()), (wanted, last))
        other.compact()
        same((brief(other), other.last_change()), (wanted, last))
        same(other.insert("a", {}), 61)
        assert other.last_change() > last


def brief(db):
    """The feed in a few bytes a change."""
    return [c["change"] * 1000 + c["id"] + c["deleted"] * 500 for c in db.changes()]


def test_change_numbers_are_never_reused():
    db = fresh()
    db.insert("a", {})
    last = db.last_change()
    db.delete("a", "id", 1)
    assert db.last_change() > last
    last = db.last_change()
    db.clear("a")
    db = again(db)
    db.insert("b", {})
    assert db.last_change() > last
    same(what(db.changes(last)), [("b", 1, False)])


def test_cleared_records_are_not_reported():
    db = fresh()
    db.insert_many("a", [{"n": 1}, {"n": 2}])
    db.insert("b", {})
    db.clear("a")
    same(what(db.changes()), [("b", 1, False)])


def test_bad_cursors():
    db = fresh()
    db.insert("a", {})
    for since in (-1, "0", None):
        raises((TypeError, ValueError), "since", lambda: list(db.changes(since)))
    raises((TypeError, ValueError), "limit", lambda: list(db.changes(0, limit=-1)))
