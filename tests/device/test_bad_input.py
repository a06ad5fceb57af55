"""Input that no database should take: an error that names it, and the database as it was, and usable."""
from runner import Skip, again, board, column, fresh, raises, same
from unosql.core import Unosql

WRONG = (TypeError, ValueError)


class Thing:
    pass


def some(name="testdb"):
    db = fresh(name)
    db.create_index("c", "n")
    db.insert("c", {"n": 1})
    db.insert("c", {"n": 2})
    return db


def intact(db, name="testdb"):
    """The database holds what some() put there, takes the next record, and still does after opening it again."""
    for _ in range(2):
        same(column(db.all("c"), "n"), [1, 2])
        same((db.count("c"), db.collections(), db.last_change()), (2, ["c"], 2))
        same(column(db.find("c", {"n": {"gt": 0}}), "id"), [1, 2])
        db = again(db, name)
    same(db.insert("c", {"n": 3}), 3)
    same(db.verify(), [])
    db.close()  # a test may have many of them


def refuse(records, *words):
    """Each of records must be refused by every call that writes; words must be in the ValueError's message."""
    for n, record in enumerate(records):
        name = "refuse%d" % n
        db = some(name)
        raises(ValueError, words, db.insert, "c", record)
        raises(ValueError, words, db.insert, "new", record)
        raises(ValueError, words, db.insert_many, "c", [{"n": 5}, record])
        raises(ValueError, words, db.update, "c", "n", 1, record)
        raises(ValueError, words, db.upsert, "c", "n", 9, record)
        intact(db, name)


def test_not_a_dict():
    refuse((5, "text", [1], ("a", 1), b"x", True), "dict")
    db = some()
    raises(ValueError, "dict", db.insert, "c", None)
    intact(db)


def test_keys_that_are_no_strings():
    refuse([{"ok": 1, key: 2} for key in (5, None, b"a", (1,), True)], "key")
    db = some()
    for key in (5, None):
        raises(ValueError, ("deep", "key"), db.insert, "c", {"deep": [{key: 2}]})
    intact(db)


def test_values_json_cannot_hold():
    if board:
        raise Skip("needs more heap than a board has left here: many databases are open at once")
    values = (b"bytes", bytearray(2), {1, 2}, Thing(), Thing, len, 1j, memoryview(b"a"))
    refuse([{"field": value} for value in values], "field")
    db = some()
    for value in values:
        raises(ValueError, ("field", "inner"), db.insert, "c", {"field": [1, {"inner": value}]})
    intact(db)


def test_not_a_number_and_infinity():
    values = (float("nan"), float("inf"), float("-inf"))
    refuse([{"field": value} for value in values] + [{"field": [values[0]]}], "field")


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting():
    db = some()
    db.insert("deep", {"a": nested(14)})
    same(db.get("deep", 1)["a"], nested(14))
    refuse([{"field": nested(depth)} for depth in (17, 60)], "16")


def test_record_that_contains_itself():
    loop = {}
    loop["field"] = loop
    refuse([loop], "16")


def test_too_large():
    db = some()
    size = 4096
    while True:
        try:
            big = {"field": "x" * size}
            db.insert("big", big)
            db.delete("big", {})
        except ValueError as e:
            assert "large" in str(e), e
            break
        except MemoryError:
            break  # a board: this much does not even fit, or its heap has no gap left to write it from
        size *= 4
        assert size < 1 << 28
    db.drop("big")
    same(column(db.all("c"), "n"), [1, 2])
    same(column(again(db).find("c", "n", 2), "id"), [2])


def test_names_of_databases():
    for name in ("", "a/b", "..", ".", "a b", "a" * 33, "a.b", "\u00fc", "a\0", "a\\b"):
        raises(ValueError, "name", Unosql, name)
    for name in (None, 5, b"a", ["a"]):
        raises(WRONG, "name", Unosql, name)
    raises(TypeError, "", Unosql)


def test_names_of_collections():
    db = some()
    for call in (
        lambda name: db.insert(name, {}), lambda name: db.insert_many(name, [{}]), lambda name: db.upsert(name, "a", 1, {}),
        lambda name: db.create_index(name, "a"), lambda name: db.configure(name, capped=1), lambda name: db.find(name),
        lambda name: db.update(name, "a", 1, {}), lambda name: db.delete(name, "a", 1), lambda name: db.get(name, 1),
    ):
        for name in (None, 5, b"a", "", ["c"]):
            raises(WRONG, "collection", call, name)
    intact(db)


def test_ids():
    db = some()
    for id in ("1", None, 1.5, b"1", [1]):
        raises(WRONG, "id", db.get, "c", id)
        raises(WRONG, "id", db.history, "c", id)
    intact(db)


def test_changes_that_are_no_dict():
    db = some()
    raises(WRONG, "", db.update, "c", "n", 1)
    raises(WRONG, "", db.update, "c", "n", 1, 5)
    raises(WRONG, "", db.update, "c", {"n": 1}, 5)
    raises(WRONG, "", db.upsert, "c", "n", 1, [1])
    intact(db)


def test_update_fails_as_a_whole():
    """One record of many grows beyond what is allowed: none is changed."""
    db = some()
    raises(ValueError, "field", db.update, "c", {}, {"n": 7, "field": float("nan")})
    intact(db)


def test_delete_needs_a_condition():
    db = some()
    raises(WRONG, "", db.delete, "c", None)
    raises(WRONG, "", db.delete, "c", 5, 5)
    intact(db)


def test_counts():
    db = some()
    for n in (-1, "1", None, 1.5):
        raises(WRONG, "n", db.get_last_n_records, "c", n)
    intact(db)


def test_options_of_the_database():
    for name, values in (
        ("log_level", ("LOUD", 5, None, "debug ")), ("durability", ("none", None, 1)), ("history", (-1, 256, "1")),
        ("memtable", (0, -1, "4096")), ("log_size", (-1, "1", None)),
    ):
        for value in values:
            raises(WRONG, name, fresh, "options", **{name: value})


def test_error_between_good_writes():
    db = some()
    for n in range(30):
        raises(ValueError, "", db.insert, "c", {"n": float("nan")})
        db.insert("d", {"n": n})
    same(column(again(db).all("d"), "n"), list(range(30)))


def test_source_of_records_that_fails():
    db = some()
    for source in (5, None):
        raises(WRONG, "", db.insert_many, "c", source)
    raises(ValueError, "dict", db.insert_many, "c", {"n": 1})
    raises(ValueError, "dict", db.insert_many, "c", "ab")
    intact(db)
