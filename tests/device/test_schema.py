"""Schemas of collections, making collections, and reading their options."""
from runner import again, fresh, plain, raises, same

SCHEMA = {
    "sensor": {"type": "str", "required": True},
    "celsius": {"type": "number", "gte": -40, "lte": 85},
    "n": "int",
    "home.city": {"in": ["Lyon", "Paris"]},
}
GOOD = {"sensor": "attic", "celsius": 21.5, "n": 3, "home": {"city": "Lyon"}, "other": [1]}
BAD = (
    ({}, "'sensor'", "required"), ({"sensor": None}, "'sensor'", "required"), ({"sensor": 5}, "'sensor'", "type str"),
    ({"celsius": "warm"}, "'celsius'", "type number"), ({"celsius": True}, "'celsius'", "type number"),
    ({"celsius": -41}, "'celsius'", "gte -40: it is -41"), ({"celsius": 85.5}, "'celsius'", "lte 85"), ({"n": 1.5}, "'n'", "type int"),
    ({"n": True}, "'n'", "type int"), ({"n": [1]}, "'n'", "[1]"), ({"home": {"city": "Rome"}}, "'home.city'", "in ["),
)


def changed(changes):
    return dict(GOOD, **changes) if changes else {"celsius": 1}


def test_schema_holds_for_each_way_in():
    db = fresh()
    same(db.create_collection("c", schema=SCHEMA), True)
    for round in range(2):
        id = db.insert("c", GOOD)
        for changes, field, why in BAD:
            last = db.last_change()
            bad = changed(changes)
            raises(ValueError, (field, why), db.insert, "c", bad)
            raises(ValueError, (field, why), db.insert_many, "c", [GOOD, bad])
            raises(ValueError, (field, why), db.upsert, "c", "id", id, replace=bad)
            if changes:
                raises(ValueError, (field, why), db.update, "c", {"id": id}, changes)
            raises(ValueError, (field, why), db.update, "c", "id", id, replace=bad)
            same((db.last_change(), db.count("c")), (last, round + 1))
        raises(ValueError, ("'celsius'", "lte 85"), db.update, "c", {"id": id}, inc={"celsius": 100})
        raises(ValueError, "'sensor'", db.update, "c", {"id": id}, unset="sensor")
        raises(ValueError, "'n'", db.update, "c", {"id": id}, rename={"home": "n.n", "n": "m"})
        db = again(db)
    assert db.update("c", "id", 1, {"celsius": None}, unset=["n", "home"], inc={"k": 1})
    same(plain([db.get("c", 1)]), [{"sensor": "attic", "celsius": None, "other": [1], "k": 1}])


def test_posted_records_obey():
    db = fresh()
    db.create_collection("c", schema={"n": "int"})
    assert db.post("c", {"n": 1}) and db.post("c", {"n": "one"}) and db.post("c", {"n": 2})
    raises(ValueError, "'n'", db.flush)
    same((plain(db.all("c")), db.get_stats()["post_refused"]), ([{"n": 1}, {"n": 2}], 1))


def test_records_that_are_there_obey():
    db = fresh()
    db.insert_many("c", [{"n": 1}, {"n": "2"}])
    raises(ValueError, ("record 2", "'n'", "type int"), db.create_collection, "c", schema={"n": "int"})
    same(db.configure("c")["schema"], {})
    db.insert("c", {"n": "3"})
    db.delete("c", {"n": {"ne": 1}})
    same(db.create_collection("c", schema={"n": "int"}), False)
    raises(ValueError, "'n'", db.insert, "c", {"n": "2"})
    raises(ValueError, ("record 1", "'n'"), db.configure, "c", schema={"n": "str"})
    same(db.configure("c", schema={}), {"capped": 0, "ttl": 0, "history": 4, "schema": {}})
    db.insert("c", {"n": "2"})


def test_schema_that_is_none():
    db = fresh()
    for schema, words in (
        (5, "schema"), ("int", "schema"), ({"a": 5}, "'a'"), ({"a": "float"}, "'float'"), ({"a": {"type": "any"}}, "'any'"),
        ({"a": {"type": ["int"]}}, "type"), ({"a": {"required": 1}}, "required"), ({"a": {"least": 1}}, "'least'"), ({"a": {"gte": len}}, "JSON"),
        ({"a": {"regex": "("}}, "regex"), ({"id": "int"}, "id"), ({5: "int"}, "5"),
        ({"a": {"in": 5}}, "in"),
    ):
        for call in (db.create_collection, db.configure):
            raises(ValueError, words, call, "c", schema=schema)
    same(db.collections(), [])


def test_fields_called_as_what_joins_conditions():
    db = fresh()
    for name in ("not", "or"):
        db.configure("c", schema={name: {"type": "int", "gte": 1}})
        db.insert("c", {name: 1})
        raises(ValueError, ("'%s'" % name, "gte 1"), db.insert, "c", {name: 0})


def test_regex_and_text():
    db = fresh()
    db.create_collection("c", schema={"size": {"type": "str", "regex": "^[SML]$"}, "ok": "bool", "l": "list", "d": "dict"})
    db = again(db)
    db.insert("c", {"size": "S", "ok": False, "l": [], "d": {}})
    raises(ValueError, ("'size'", "regex", "'XL'"), db.insert, "c", {"size": "XL"})
    for field, value, what in (("ok", 0, "bool"), ("l", {}, "list"), ("d", [], "dict"), ("size", "x" * 99, "xxx")):
        raises(ValueError, (repr(field), what), db.insert, "c", {field: value})


def test_create_collection():
    db = fresh()
    same([db.create_collection("c", capped=3, history=1) for _ in range(2)], [True, False])
    same(db.collections(), ["c"])
    same(db.create_collection("c", capped=3, history=1, schema={}), False)
    db.insert_many("c", ({"n": n} for n in range(5)))
    same([r["n"] for r in db.all("c")], [2, 3, 4])
    db = again(db)
    same(db.configure("c"), {"capped": 3, "ttl": 0, "history": 1, "schema": {}})
    same(db.create_collection("d"), True)
    same(db.configure("d"), {"capped": 0, "ttl": 0, "history": 4, "schema": {}})
    for bad in ({"capped": -1}, {"ttl": "1"}, {"history": 256}):
        raises(ValueError, list(bad)[0], db.create_collection, "e", **bad)
    same(db.collections(), ["c", "d"])


def test_what_is_the_same_is_not_written():
    db = fresh()
    schema = {"n": {"type": "int", "in": (1, 2)}}
    db.create_collection("c", capped=3, schema=schema)
    before = db.get_stats()["wal"]
    db.create_collection("c", capped=3, schema=schema)
    db.configure("c", capped=3)
    db.configure("c")
    db.configure("not there")
    same((db.get_stats()["wal"], db.collections()), (before, ["c"]))
    db.configure("c", ttl=5)
    assert db.get_stats()["wal"] > before


def test_settings_are_a_copy():
    db = fresh()
    db.create_collection("c", schema={"n": {"type": "int"}})
    db.configure("c")["schema"]["n"]["type"] = "str"
    db.insert("c", {"n": 1})
    same(db.configure("c", capped=9), {"capped": 9, "ttl": 0, "history": 4, "schema": {"n": {"type": "int"}}})


def test_schema_comes_with_a_backup():
    db = fresh()
    db.create_collection("c", schema={"n": "int"})
    db.insert("c", {"n": 1})
    db.backup("c.bak")
    db.drop("c")
    db.insert("c", {"n": "1"})
    db.restore("c.bak")
    raises(ValueError, "'n'", db.insert, "c", {"n": "1"})
    same((plain(db.all("c")), db.verify()), ([{"n": 1}], []))


def test_clear_keeps_it_and_drop_does_not():
    db = fresh()
    db.create_collection("c", schema={"n": "int"})
    db.clear("c")
    raises(ValueError, "'n'", db.insert, "c", {"n": "1"})
    db.drop("c")
    db.insert("c", {"n": "1"})
