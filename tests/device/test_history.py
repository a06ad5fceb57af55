"""Earlier versions of records, as many as asked for."""
from runner import after_cut, again, column, fresh, raises, same


def changed(db, times):
    db.insert("c", {"n": 0})
    for n in range(1, times + 1):
        db.update("c", "id", 1, {"n": n})
    return db


def test_newest_first_with_the_current_one():
    db = changed(fresh(), 3)
    versions = db.history("c", 1)
    same(column(versions, "n"), [3, 2, 1, 0])
    same(column(versions, "version"), [4, 3, 2, 1])
    same(column(versions, "id"), [1] * 4)
    same(versions[0], db.get("c", 1))
    stamps = column(versions, "timestamp")
    same(stamps, sorted(stamps, reverse=True))


def test_unchanged_record_has_one_version():
    db = changed(fresh(), 0)
    same(db.history("c", 1), [db.get("c", 1)])
    same(db.history("c", 2), [])


def test_four_earlier_versions_by_default():
    same(column(changed(fresh(), 9).history("c", 1), "n"), [9, 8, 7, 6, 5])


def test_depth_of_the_database():
    same(column(changed(fresh(history=1), 5).history("c", 1), "n"), [5, 4])
    same(column(changed(fresh("none", history=0), 5).history("c", 1), "n"), [5])
    same(len(changed(fresh("many", history=255), 30).history("c", 1)), 31)


def test_depth_of_a_collection():
    db = fresh()
    db.configure("c", history=2)
    same(column(changed(db, 5).history("c", 1), "n"), [5, 4, 3])
    db = again(db)
    db.update("c", "id", 1, {"n": 6})
    same(column(db.history("c", 1), "n"), [6, 5, 4])


def test_a_lower_depth_leaves_no_gap():
    db = fresh()
    db.configure("c", history=10)
    changed(db, 11)
    db.configure("c", history=2)
    db.update("c", "id", 1, {"n": 12})
    same(column(db.history("c", 1), "n"), [12, 11, 10])
    db.configure("c", history=10)
    same(column(db.history("c", 1), "n"), [12, 11, 10])
    db.update("c", "id", 1, {"n": 13})
    same(column(again(db).history("c", 1), "n"), [13, 12, 11, 10])


def test_versions_are_durable_and_survive_compaction():
    db = changed(fresh(), 6)
    wanted = db.history("c", 1)
    db.compact()
    same(db.history("c", 1), wanted)
    same(after_cut(db).history("c", 1), wanted)


def test_versions_of_many_records():
    db = fresh()
    db.insert_many("c", ({"n": n} for n in range(30)))
    db.update("c", {}, {"x": 1})
    db.update("c", {"n": {"lt": 10}}, {"x": 2})
    same([len(db.history("c", i)) for i in range(1, 31)], [3] * 10 + [2] * 20)
    same([r.get("x") for r in db.history("c", 5)], [2, 1, None])


def test_old_fields_of_an_earlier_version():
    db = fresh()
    db.insert("c", {"a": 1})
    db.update("c", "a", 1, {"b": 2})
    same(sorted(db.history("c", 1)[1]), ["a", "id", "timestamp", "version"])


def with_the_largest_record():
    """Yield databases whose first record is as large as their memtable takes, or took: (database, its text's length, whether it still does)."""
    for size, memtable in ((1024, 1024), (2048, 1024)):
        db, length = fresh("room%d" % size, memtable=size), size
        while True:
            try:
                db.insert("c", {"text": "x" * length})
                break
            except ValueError:
                length -= 1
        db.insert("c", {"text": "small"})
        db = again(db, "room%d" % size, memtable=memtable)
        yield db, length, size == memtable
        db.close()


def test_a_record_too_large_for_its_history_can_be_changed_and_deleted():
    """Its earlier version has a longer key, and the memtable may have been larger once."""
    for db, length, fits in with_the_largest_record():
        if fits:
            assert db.update("c", "id", 1, {"text": "y" * length})
        assert db.update("c", "id", 1, {"text": "short"})
        same((db.get("c", 1)["text"], len(db.history("c", 1))), ("short", 1))
        assert db.update("c", "id", 1, {"text": "shorter"})
        same(column(db.history("c", 1), "text"), ["shorter", "short"])
        same((db.verify(), db.delete("c", {})), ([], 2))


def test_a_record_that_grew_too_large_can_be_deleted():
    for db, _, _ in with_the_largest_record():
        same((db.delete("c", {}), db.count("c"), db.verify()), (2, 0, []))


def test_bad_depths():
    for depth in (-1, 256, "4", None, 1.5):
        raises((TypeError, ValueError), "history", fresh, "bad", history=depth)
    raises((TypeError, ValueError), "history", fresh().configure, "c", history=256)
