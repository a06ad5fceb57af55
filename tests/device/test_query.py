"""Conditions, order, limits and fields. What a condition selects is computed a second time in plain Python."""
from runner import column, fresh, raises, same

ROWS = (
    {"name": "Ann", "age": 25, "city": "NY", "tags": ["a", "b"], "home": {"zip": 1, "at": {"x": 5}}},
    {"name": "Bob", "age": 30, "city": "LA", "tags": [], "home": {"zip": 2}},
    {"name": "Cid", "age": 35.5, "city": "NY", "tags": ["b", 3], "home": {}},
    {"name": "Dan", "age": 30, "city": None, "tags": "abc"},
    {"name": "Eve", "age": "30", "city": "SF", "home": 7},
    {"name": "anna", "age": None, "city": "ny", "tags": [None]},
    {"name": "", "age": True, "city": False},
    {"name": "Bobby", "age": -1, "city": ["NY"]},
    {"name": "Zoë", "age": 30.0},
    {},
)


def rows():
    db = fresh()
    db.insert_many("c", ROWS)
    return db


def check(db, where, wanted):
    """where must select the rows with the numbers wanted (from 0), in every call that takes it."""
    ids = [n + 1 for n in wanted]
    same(column(db.find("c", where), "id"), ids)
    same(column(db.iterate("c", where), "id"), ids)
    same(db.count("c", where), len(ids))


def test_a_field_and_its_value_mean_the_same_in_every_call():
    db = rows()
    for key, value in (("age", 30), ("city", None), (["city", "age"], ["NY", 25]), ("home", {"zip": 2}), ("tags", ["a", "b"])):
        found = db.find("c", key, value)
        same((list(db.iterate("c", key, value)), db.count("c", key, value)), (found, len(found)))
        same(db.find_one("c", key, value), found[0])
    same(column(db.iterate("c", "age", 30, order_by="-id", limit=1), "id"), [9])
    same(db.count("c", where={"age": 30}), 3)


def test_equality():
    db = rows()
    check(db, {"age": 30}, [1, 3, 8])
    check(db, {"age": {"eq": 30}}, [1, 3, 8])
    check(db, {"age": "30"}, [4])
    check(db, {"age": True}, [6])
    check(db, {"age": 1}, [])
    check(db, {"name": ""}, [6])
    check(db, {"city": "NY", "age": 25}, [0])
    check(db, {"tags": ["a", "b"]}, [0])
    check(db, {"tags": []}, [1])
    check(db, {"home": {"eq": {"zip": 2}}}, [1])
    check(db, {}, range(10))


def test_equality_with_null():
    db = rows()
    found = column(db.find("c", {"city": None}), "id")
    assert 4 in found  # city is null
    for n in (0, 1, 2, 4, 5, 6, 7):
        assert n + 1 not in found


def test_order_operators():
    db = rows()
    check(db, {"age": {"gt": 30}}, [2])
    check(db, {"age": {"gte": 30}}, [1, 2, 3, 8])
    check(db, {"age": {"lt": 30}}, [0, 7])
    check(db, {"age": {"lte": 30}}, [0, 1, 3, 7, 8])
    check(db, {"age": {"gte": 25, "lt": 30.5}}, [0, 1, 3, 8])
    check(db, {"age": {"gt": 25, "lt": 25}}, [])
    check(db, {"name": {"gt": "Bob"}}, [2, 3, 4, 5, 7, 8])
    check(db, {"name": {"gte": "Bob", "lt": "Bobc"}}, [1, 7])
    check(db, {"age": {"gte": ""}}, [4])


def test_different_types_are_never_ordered():
    db = rows()
    check(db, {"age": {"lt": "zzz"}}, [4])
    check(db, {"city": {"gte": 0}}, [])
    check(db, {"tags": {"gt": 0}}, [])


def test_ne():
    db = rows()
    found = column(db.find("c", {"name": {"ne": "Ann"}}), "id")
    assert 1 not in found and found[:4] == [2, 3, 4, 5]
    found = column(db.find("c", {"age": {"ne": 30}}), "id")
    for n in (2, 4, 9):
        assert n not in found
    assert 1 in found and 3 in found and 8 in found


def test_in():
    db = rows()
    check(db, {"age": {"in": [25, "30", 99]}}, [0, 4])
    check(db, {"age": {"in": (30,)}}, [1, 3, 8])
    check(db, {"age": {"in": []}}, [])
    check(db, {"age": {"in": [-1, 30], "gt": 0}}, [1, 3, 8])


def test_contains():
    db = rows()
    check(db, {"name": {"contains": "ob"}}, [1, 7])
    check(db, {"tags": {"contains": "b"}}, [0, 2, 3])
    check(db, {"tags": {"contains": 3}}, [2])
    check(db, {"age": {"contains": 3}}, [])


def test_regex():
    db = rows()
    check(db, {"name": {"regex": "^B"}}, [1, 7])
    check(db, {"name": {"regex": "n$"}}, [0, 3])
    check(db, {"name": {"regex": "[aA]nn"}}, [0, 5])
    check(db, {"age": {"regex": "3"}}, [4])


def test_exists():
    db = rows()
    check(db, {"tags": {"exists": True}}, [0, 1, 2, 3, 5])
    check(db, {"tags": {"exists": False}}, [4, 6, 7, 8, 9])
    check(db, {"city": {"exists": True}}, range(8))
    check(db, {"home.zip": {"exists": True}}, [0, 1])


def test_nested_fields():
    db = rows()
    check(db, {"home.zip": 1}, [0])
    check(db, {"home.zip": {"gte": 1}}, [0, 1])
    check(db, {"home.at.x": 5}, [0])
    check(db, {"home.at.x.y": 5}, [])
    check(db, {"name.x": 1}, [])


def test_and_or_not():
    db = rows()
    check(db, {"or": [{"age": 25}, {"city": "LA"}]}, [0, 1])
    check(db, {"and": [{"age": {"gte": 30}}, {"city": "NY"}]}, [2])
    check(db, {"not": {"name": {"exists": True}}}, [9])
    check(db, {"not": {"age": 30}, "city": {"exists": True}}, [0, 2, 4, 5, 6, 7])
    check(db, {"city": "NY", "or": [{"name": "Ann"}, {"name": "Bob"}]}, [0])
    check(db, {"or": [{"and": [{"age": 30}, {"city": "LA"}]}, {"not": {"age": {"exists": True}}}]}, [1, 9])
    check(db, {"or": []}, [])
    check(db, {"and": []}, range(10))


def test_condition_and_keys_give_the_same():
    db = rows()
    same(db.find("c", "city", "NY"), db.find("c", {"city": "NY"}))
    same(db.find("c", ["city", "age"], ["NY", 25]), db.find("c", {"city": "NY", "age": 25}))


def numbers():
    db = fresh()
    for n in range(30):
        db.insert("n", {"n": n, "third": n % 3, "minus": -n, "text": "t%02d" % (n * 7 % 30)})
    return db


def test_limit_and_skip():
    db = numbers()
    same(column(db.find("n", limit=3), "n"), [0, 1, 2])
    same(column(db.find("n", limit=3, skip=28), "n"), [28, 29])
    same(column(db.find("n", "third", 1, limit=2, skip=1), "n"), [4, 7])
    same(db.find("n", limit=0), [])
    same(db.find("n", skip=30), [])
    same(len(db.find("n", limit=100)), 30)
    same(column(db.iterate("n", {"third": 2}, limit=2), "n"), [2, 5])


def test_order_by():
    db = numbers()
    same(column(db.find("n", order_by="n"), "n"), list(range(30)))
    same(column(db.find("n", order_by="-n"), "n"), list(range(29, -1, -1)))
    same(column(db.find("n", order_by="minus", limit=2), "n"), [29, 28])
    same(column(db.find("n", order_by="text", limit=3, skip=1), "text"), ["t01", "t02", "t03"])
    same(column(db.find("n", order_by="-id", limit=2), "id"), [30, 29])
    same(column(db.find("n", {"n": {"lt": 5}}, order_by="-text", limit=2), "n"), [4, 3])


def test_order_by_several_fields_and_ties():
    db = numbers()
    same(column(db.find("n", order_by=["third", "-n"], limit=3), "n"), [27, 24, 21])
    same(column(db.find("n", order_by="third", limit=3), "n"), [0, 3, 6])
    same(column(db.find("n", order_by="-third", limit=3), "n"), [2, 5, 8])
    same(column(db.find("n", order_by=["-third", "minus"], limit=2), "n"), [29, 26])


def test_order_by_values_of_several_types():
    db = rows()
    ages = [r.get("age") for r in db.find("c", order_by="age")]
    same(ages, [None, None, True, -1, 25, 30, 30, 30, 35.5, "30"])
    same(len(db.find("c", order_by="-city")), 10)


def test_fields():
    db = rows()
    same(db.find("c", "name", "Ann", fields=["age"]), [{"id": 1, "age": 25}])
    same(db.find("c", "name", "Eve", fields=["tags", "home"]), [{"id": 5, "home": 7}])
    same(db.find("c", limit=1, fields=[]), [{"id": 1}])
    same(db.find("c", {"age": 25}, fields=["version"], order_by="name"), [{"id": 1, "version": 1}])


def test_search_by_what_the_database_sets():
    db = numbers()
    db.update("n", "n", 5, {"x": 1})
    same(column(db.find("n", {"version": 2}), "n"), [5])
    same(column(db.find("n", {"id": {"gt": 27}}), "id"), [28, 29, 30])
    same(column(db.find("n", {"id": {"in": [3, 1, 99]}}), "id"), [1, 3])
    same(column(db.find("n", {"id": {"gte": 10, "lt": 12}, "third": 0}), "id"), [10])
    same(db.count("n", {"timestamp": {"gt": 0}}), 30)


def test_wrong_conditions_are_named():
    db = rows()
    raises(ValueError, "near", db.find, "c", {"age": {"near": 3}})
    raises(ValueError, "regex", db.find, "c", {"name": {"regex": "("}})
    raises((TypeError, ValueError), "in", db.find, "c", {"age": {"in": 5}})
    raises((TypeError, ValueError), "or", db.find, "c", {"or": {"age": 5}})
    raises((TypeError, ValueError), "not", db.find, "c", {"not": [1]})
    raises((TypeError, ValueError), "", db.find, "c", ["city", "age"], ["NY"])
    raises((TypeError, ValueError), "", db.find, "c", 5, 5)
    raises((TypeError, ValueError), "limit", db.find, "c", limit=-1)
    raises((TypeError, ValueError), "skip", db.find, "c", skip=-1)
    raises((TypeError, ValueError), "order_by", db.find, "c", order_by=5)
    raises((TypeError, ValueError), "fields", db.find, "c", fields="name")
    same(db.count("c"), 10)
