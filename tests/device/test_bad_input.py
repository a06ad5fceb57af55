"""Input that no database should take: an error that names it, and the database as it was, and usable."""
import sys
from collections import OrderedDict, namedtuple

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


class Loud:
    def __repr__(self):
        return "<loud>"


class LoudText(Loud, str):
    pass


class LoudList(Loud, list):
    pass


class LoudDict(Loud, dict):
    pass


def test_types_that_print_what_is_no_json():
    """MicroPython would store what they print, and nothing could read it."""
    db = some()
    values = LoudText("text"), LoudList([1]), LoudDict(a=1), namedtuple("Reading", ("t", "rh"))(1, 2)
    if sys.implementation.name == "cpython":
        for value, plain in zip(values, ("text", [1], {"a": 1}, [1, 2])):
            same(db.get("c", db.insert("c", {"field": value}))["field"], plain)
        return
    for value in values + (...,):
        raises(ValueError, "field", db.insert, "c", {"field": value})
        raises(ValueError, ("field", "inner"), db.update, "c", "n", 1, {"field": [{"inner": value}]})
    same(db.get("new", db.insert("new", {"field": OrderedDict([("a", 1)])}))["field"], {"a": 1})
    db.drop("new")
    db.close()


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
    for call in (db.iterate, lambda name: db.distinct(name, "n"), lambda name: db.aggregate(name, count=True)):
        for name in (None, 5, b"a", "", ["c"]):
            raises(WRONG, "collection", lambda: list(call(name)))
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


def calls_with_a_condition(db):
    """The calls that take (field, value) or a dict, as functions of these; the writing ones with changes."""
    changes = {"changes": {"x": 1}}
    for call in (db.find, db.find_one, db.count, db.delete, db.explain, db.iterate):
        yield call, {}
    for call in (db.update, db.upsert):
        yield call, changes


def test_a_field_needs_a_value():
    db = some()
    for call, more in calls_with_a_condition(db):
        for key in ("n", "nmae", "id", ["n"], ["n", "m"]):
            raises(TypeError, ("no value", "None"), call, "c", key, **more)
        for key in (2, [2], lambda record: True, b"n", 2.5, True):
            raises(WRONG, "", call, "c", key, **more)
        raises(TypeError, "field", call, "c", {"n": 1}, 5, **more)
    raises(TypeError, "field", db.find, "c", None, 5)
    raises(TypeError, ("dict", "{'id': 2}"), db.delete, "c", 2)
    intact(db)


def test_none_must_be_said():
    db = some()
    db.insert("d", {"a": None})
    db.insert("d", {"a": 1})
    for call, more in calls_with_a_condition(db):
        call("d", "a", None, **more)
        call("d", {"a": None}, **more)
    same(column(db.all("d"), "a"), [1, None])
    same(column(db.all("c"), "n"), [1, 2])


def test_changes_are_not_forgotten():
    db = some()
    for call in (db.update, db.upsert):
        raises(TypeError, "changes", call, "c", {"n": 1})
        raises(TypeError, "changes", call, "c", "n", {"n": 1})
        raises(TypeError, "changes", call, "c", "n", 1, None)
        raises(WRONG, "condition", call, "c", None, None, {"n": 2})
    intact(db)


def test_operators_as_a_value_are_not_compared():
    db = some()
    for call, more in calls_with_a_condition(db):
        for value in ({"gte": 3}, {"$gte": 3}, {"a": 1, "in": [1]}, {"exists": False}, {"not": 1}):
            raises(ValueError, ("'n'", "'eq'"), call, "c", "n", value, **more)
            raises(ValueError, ("'n'", "'eq'"), call, "c", ["n"], [value], **more)
    db.insert("d", {"a": {"b": 1}})
    db.insert("d", {"a": {"gte": 3}})
    same(column(db.find("d", "a", {"b": 1}), "id"), [1])
    same(column(db.find("d", {"a": {"eq": {"gte": 3}}}), "id"), [2])
    same(db.count("d", "a", {"b": 1}), 1)
    same(column(db.all("c"), "n"), [1, 2])


def test_operators_that_there_are_not():
    db = some()
    for operator in ("near", "$gt", "not", "=", "GT"):
        raises(ValueError, (operator, "'n'", "contains, eq, exists, gt, gte, in, lt, lte, ne, regex"), db.find, "c", {"n": {operator: 1}})
    for argument in ("false", None, 2, []):
        raises(ValueError, "exists", db.find, "c", {"n": {"exists": argument}})
    intact(db)


def test_timeframes():
    db = some()
    for start, end in ((0, None), (None, 5), ("a", 5), (0, True), ([1], [2])):
        raises(ValueError, ("start", "end"), db.get_records_in_timeframe, "c", "n", start, end)
    for joint in ("not", "or", "and"):  # {"not": {"gte": 1}} would ask for something else
        raises(ValueError, joint, db.get_records_in_timeframe, "c", joint, 1, 2)
    same(len(db.get_records_in_timeframe("c", "n", 1, 1.5)), 1)
    intact(db)


def test_options_of_a_search():
    db = some()
    for call in (db.find, db.find_one, db.iterate, db.explain):
        raises(TypeError, "", call, "c", limt=3)
        raises(WRONG, "order_by", call, "c", order_by=1) if call is not db.iterate else None
    raises(ValueError, ("fields", "list"), db.find, "c", fields="n")
    raises(ValueError, "limit", db.find, "c", limit=True)
    raises(ValueError, "id", db.get, "c", True)
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
    for source in ({"n": 1}, "ab", b"ab", {}):
        raises(ValueError, ("records", "iterable of dicts"), db.insert_many, "c", source)
    intact(db)
