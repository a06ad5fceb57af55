"""Indexes: they change how a search is done, never what it finds."""
from runner import again, column, fresh, raises, same
from unosql.core import UniqueError

CONDITIONS = (
    {"a": 3}, {"a": {"gt": 3}}, {"a": {"gte": 3, "lt": 6}}, {"a": {"lte": 0}}, {"a": {"in": [1, 8, 1, 99]}}, {"a": None},
    {"a": 2, "b": "x1"}, {"a": 2, "b": {"gt": "x1"}}, {"a": {"gt": 2}, "b": "x2"}, {"b": "x2"}, {"b": {"regex": "2$"}},
    {"a": "3"}, {"a": True}, {"a": 3.0}, {"a": 2.5}, {"a": {"gt": ""}}, {"a": {"lt": False}}, {"a": {"ne": 3}},
    {"a": {"exists": False}}, {"or": [{"a": 1}, {"b": "x2"}]}, {"not": {"a": {"gt": 2}}}, {"c.d": 4}, {"a": [1]},
    {"a": 3, "c.d": {"gte": 3}}, {"b": {"contains": "1"}}, {"a": {"eq": 3, "gt": 1}}, {"a": {"gt": 5, "lt": 2}},
)
ODD = ({"a": None}, {"a": True}, {"a": "3"}, {"a": 2.5}, {"a": [1]}, {"a": {"x": 1}}, {"b": "x2"}, {"a": ""}, {"a": -1.5})


def rows(db):
    db.insert_many("t", ({"a": i % 10, "b": "x%d" % (i % 3), "c": {"d": i % 7}} for i in range(40)))
    db.insert_many("t", ODD)


def answers(db):
    """What every condition finds, in every order that is asked for."""
    found = []
    for where in CONDITIONS:
        found.append(column(db.find("t", where), "id"))
        found.append(column(db.find("t", where, order_by=["-a", "b"], skip=1, limit=5), "id"))
        found.append(db.count("t", where))
    return found


def compare_with_scan(*indexes):
    """The answers with indexes, made before and after the records came, are those of a scan."""
    db = fresh()
    rows(db)
    wanted = answers(db)
    for keys in indexes:
        db.create_index("t", keys)
    same(answers(db), wanted)
    other = fresh("other")
    for keys in indexes:
        other.create_index("t", keys)
    rows(other)
    same(answers(other), wanted)
    db.compact()
    same(answers(again(db)), wanted)


def test_single_index_finds_what_a_scan_finds():
    compare_with_scan("a")


def test_compound_index_finds_what_a_scan_finds():
    compare_with_scan(["a", "b"])


def test_several_indexes_find_what_a_scan_finds():
    compare_with_scan("b", ["b", "a"], "c.d", ["a", "c.d", "b"])


def test_indexes_follow_changes():
    db = fresh()
    rows(db)
    plain = fresh("plain")
    rows(plain)
    db.create_index("t", "a")
    db.create_index("t", ["b", "a"])
    for d in (db, plain):
        d.update("t", "a", 3, {"a": 4})
        d.update("t", {"b": "x1"}, {"b": None})
        d.delete("t", "a", 5)
        d.insert("t", {"a": 3})
        d.upsert("t", "a", 77, {"b": "new"})
    same(answers(db), answers(plain))
    same(db.verify(), [])


def test_order_from_an_index():
    db = fresh()
    for n in (5, 3, 9, 1, 7):
        db.insert("t", {"n": n, "even": n % 2 == 0})
    db.create_index("t", "n")
    same(column(db.find("t", order_by="n"), "n"), [1, 3, 5, 7, 9])
    same(column(db.find("t", order_by="-n", limit=2), "n"), [9, 7])
    same(column(db.find("t", {"n": {"gt": 2}}, order_by="n", limit=2), "n"), [3, 5])
    db.insert("t", {"n": 3})
    same(column(db.find("t", order_by="n"), "id"), [4, 2, 6, 1, 5, 3])
    same(column(db.find("t", order_by="-n"), "id"), [3, 5, 1, 2, 6, 4])


def test_explain():
    db = fresh()
    rows(db)
    db.create_index("t", ["a", "b"])
    same(db.explain("t", "id", 3)["plan"], "id")
    plan = db.explain("t", {"a": 3})
    same((plan["plan"], plan["index"], plan["range"]), ("index", ["a", "b"], False))
    plan = db.explain("t", {"a": {"gt": 3}})
    same((plan["plan"], plan["index"], plan["range"]), ("index", ["a", "b"], True))
    plan = db.explain("t", {"b": "x1"})
    same((plan["plan"], plan["index"]), ("scan", None))
    same(db.explain("t", {"a": 3}, order_by="b")["sorted"], True)
    same(db.explain("t", {"b": "x1"}, order_by="c.d")["sorted"], False)
    same(db.explain("t")["plan"], "scan")


def test_explain_prefers_equality_on_more_fields():
    db = fresh()
    rows(db)
    db.create_index("t", "a")
    db.create_index("t", ["a", "b"])
    same(db.explain("t", {"a": 3, "b": "x1"})["index"], ["a", "b"])


def test_definitions():
    db = fresh()
    same(db.indexes("t"), [])
    db.create_index("t", "a")
    db.create_index("t", ["a", "b"], unique=True)
    db.create_index("t", "c", where={"c": {"gt": 3}})
    wanted = [
        {"keys": ["a"], "unique": False, "where": None},
        {"keys": ["a", "b"], "unique": True, "where": None},
        {"keys": ["c"], "unique": False, "where": {"c": {"gt": 3}}},
    ]
    same(db.indexes("t"), wanted)
    db.create_index("t", "a")
    same(db.indexes("t"), wanted)
    db = again(db)
    same(db.indexes("t"), wanted)
    assert db.drop_index("t", "a") is True
    assert db.drop_index("t", "a") is False
    same(db.indexes("t"), wanted[1:])
    same(again(db).indexes("t"), wanted[1:])


def test_what_is_returned_may_be_changed():
    """It would be the index's own fields otherwise: a unique one no longer was, and the next opening stored it."""
    db = fresh()
    db.create_index("t", "a", unique=True, where={"a": {"in": [1, 2]}})
    db.insert("t", {"a": 1})
    wanted = db.indexes("t")
    found = db.indexes("t")[0]
    found["keys"].append("b")
    found["where"]["a"]["in"].append(3)
    db.explain("t", {"a": {"in": [1, 2], "eq": 1}})["index"].append("b")
    try:
        db.insert("t", {"a": 1})
    except UniqueError as error:
        error.index.append("b")
    raises(UniqueError, "", db.insert, "t", {"a": 1})
    db.insert("t", {"a": 3})
    for _ in range(2):
        same(db.indexes("t"), wanted)
        same(db.verify(), [])
        db = again(db)


def test_dropped_index_is_not_used():
    db = fresh()
    db.create_index("t", "a")
    db.insert("t", {"a": 1})
    db.drop_index("t", "a")
    db.update("t", "a", 1, {"a": 2})
    same(db.explain("t", "a", 1)["plan"], "scan")
    db.create_index("t", "a")
    same(db.find("t", "a", 1), [])
    same(column(db.find("t", "a", 2), "id"), [1])


def test_clear_removes_definitions():
    db = fresh()
    db.create_index("t", "a", unique=True)
    db.insert("t", {"a": 1})
    db.clear("t")
    same(db.indexes("t"), [])
    db.insert("t", {"a": 1})
    db.insert("t", {"a": 1})
    same(len(db.find("t", "a", 1)), 2)


def test_unique():
    db = fresh()
    db.create_index("t", "name", unique=True)
    db.insert("t", {"name": "a"})
    db.insert("t", {"name": "b"})
    error = raises(UniqueError, "name", db.insert, "t", {"name": "a"})
    same((list(error.index), error.id), (["name"], 1))
    error = raises(UniqueError, "name", db.update, "t", "name", "b", {"name": "a"})
    same(error.id, 1)
    raises(UniqueError, "", db.insert_many, "t", [{"name": "c"}, {"name": "c"}])
    raises(UniqueError, "", db.upsert, "t", "name", "a", {"name": "b"})
    same(column(db.all("t"), "name"), ["a", "b"])
    same(db.count("t"), 2)
    same(db.insert("t", {"name": "c"}), 3)


def test_unique_value_is_free_again():
    db = fresh()
    db.create_index("t", "name", unique=True)
    db.insert("t", {"name": "a"})
    assert db.update("t", "name", "a", {"name": "a", "x": 1})
    assert db.update("t", "name", "a", {"name": "b"})
    db.insert("t", {"name": "a"})
    db.delete("t", "name", "b")
    db.insert("t", {"name": "b"})
    same(sorted(column(again(db).all("t"), "name")), ["a", "b"])


def test_unique_compound():
    db = fresh()
    db.create_index("t", ["a", "b"], unique=True)
    db.insert("t", {"a": 1, "b": 1})
    db.insert("t", {"a": 1, "b": 2})
    raises(UniqueError, ("a", "b"), db.insert, "t", {"a": 1, "b": 2})
    same(db.count("t"), 2)


def test_unique_on_colliding_records():
    db = fresh()
    db.insert_many("t", [{"a": 1}, {"a": 2}, {"a": 1}])
    raises(UniqueError, "a", db.create_index, "t", "a", unique=True)
    same(db.indexes("t"), [])
    db.insert("t", {"a": 2})
    same(column(db.find("t", "a", 2), "id"), [2, 4])
    same(again(db).indexes("t"), [])


def test_unique_holds_within_one_update():
    db = fresh()
    db.create_index("t", "a", unique=True)
    db.insert_many("t", [{"a": 1, "g": 1}, {"a": 2, "g": 1}])
    raises(UniqueError, "a", db.update, "t", "g", 1, {"a": 5})
    same(column(db.all("t"), "a"), [1, 2])


def test_partial():
    db = fresh()
    db.create_index("t", "n", where={"open": True})
    for n in range(10):
        db.insert("t", {"n": n % 5, "open": n < 5})
    same(column(db.find("t", {"n": 3, "open": True}), "id"), [4])
    same(column(db.find("t", {"n": 3}), "id"), [4, 9])
    same(db.explain("t", {"n": 3, "open": True})["plan"], "index")
    same(db.explain("t", {"n": 3})["plan"], "scan")
    db.update("t", "id", 9, {"open": True})
    db.update("t", "id", 4, {"open": False})
    same(column(db.find("t", {"n": 3, "open": True}), "id"), [9])


def test_partial_unique():
    db = fresh()
    db.create_index("t", "n", unique=True, where={"open": True})
    db.insert("t", {"n": 1, "open": False})
    db.insert("t", {"n": 1, "open": False})
    db.insert("t", {"n": 1, "open": True})
    raises(UniqueError, "n", db.insert, "t", {"n": 1, "open": True})
    raises(UniqueError, "n", db.update, "t", "id", 1, {"open": True})
    same(db.count("t"), 3)


def test_index_on_a_larger_collection():
    db = fresh()
    db.insert_many("t", ({"k": i * 7 % 300, "g": i % 4} for i in range(300)))
    db.create_index("t", "k")
    for k in (0, 1, 150, 299):
        same(column(db.find("t", "k", k), "k"), [k])
    same(column(db.find("t", {"k": {"gte": 290}}, order_by="k"), "k"), list(range(290, 300)))
    same(db.count("t", {"k": {"lt": 100}}), 100)


def test_wrong_definitions_are_named():
    db = fresh()
    db.insert("t", {"a": 1})
    for keys in (5, [], "", [1], None, ["a", "a"]):
        raises((TypeError, ValueError), "", db.create_index, "t", keys)
    raises((TypeError, ValueError), "", db.create_index, "t", "a", where=5)
    raises(ValueError, "near", db.create_index, "t", "a", where={"a": {"near": 1}})
    same(db.indexes("t"), [])


def test_infinity_and_nan_in_conditions():
    """The same answers as without an index; also for integers beyond all floats."""
    inf, nan, huge = float("inf"), float("nan"), 10**400
    db = fresh()
    wide = 10**200 if 1e200 != inf else 10**36  # what this board's floats hold
    values = [-wide, -5, -0.5, 0, 0.5, 1, 1e30, wide, None, "x", True, [1]]
    for collection in ("plain", "indexed"):
        db.insert_many(collection, ({"n": n, "m": 1} for n in values))
    db.create_index("indexed", "n")
    db.create_index("indexed", ["m", "n"])
    for number in (inf, -inf, nan, huge, -huge):
        conditions = [{"n": number}, {"m": 1, "n": number}, {"n": {"in": [number, 1]}}, {"not": {"n": number}}]
        conditions += [{"n": {operator: number}} for operator in ("eq", "ne", "gt", "gte", "lt", "lte")]
        conditions += [{"m": 1, "n": {"gt": number}}, {"n": {"gte": -1, "lt": number}}, {"n": {"gt": -number, "lt": number}}]
        conditions += [{"id": {"lt": number}}, {"id": number}, {"timestamp": {"gt": number}}]
        for where in conditions:
            for order_by in (None, "n", "-n"):
                plain = column(db.find("plain", where, order_by=order_by), "id")
                same(column(db.find("indexed", where, order_by=order_by), "id"), plain)
            db.explain("indexed", where)
            same(db.count("indexed", where), len(plain))
            same(db.delete("indexed", {"and": [where, {"m": 2}]}), 0)
        same(
            len(db.get_records_in_timeframe("indexed", "n", 0.5, number)),
            len(db.get_records_in_timeframe("plain", "n", 0.5, number)),
        )
    same(len(db.get_records_in_timeframe("indexed", "n", 0.5, inf)), 4)
    for number in (inf, nan):
        raises(ValueError, "is not JSON", lambda: db.upsert("indexed", "n", number, {"x": 1}))
        raises(ValueError, "is not JSON", lambda: db.create_index("indexed", "x", where={"n": {"lt": number}}))
