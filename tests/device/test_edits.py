"""Changes within records: paths, operators, and what update() and upsert() make of both."""
from runner import again, board, column, fresh, plain, raises, same
from unosql.core import ConflictError, UniqueError

INF = float("inf")


def some(*records):
    """A database with these records, and no others, in the collection c."""
    db = fresh()
    db.drop("c")
    for record in records:
        db.insert("c", record)
    return db


def edited(record, changes=None, **operators):
    """What an update makes of a record, which goes through flash before and after."""
    db = some(record)
    assert db.update("c", "id", 1, changes, **operators) is True
    same(db.get("c", 1)["version"], 2)
    db = again(db)
    found = plain(db.all("c"))
    db.close()
    return found[0]


def refused(record, words, changes=None, **operators):
    """Neither the record nor one before it that would take the change is changed; nor does upsert() insert it."""
    db = some({"other": 1}, record)
    last = db.last_change()
    for where in ({"id": 2}, {}):
        raises(ValueError, words, db.update, "c", where, changes, **operators)
        raises(ValueError, words, db.upsert, "c", where, changes, **operators)
    same((plain(db.all("c")), db.last_change()), ([{"other": 1}, record], last))
    db.close()


def test_path_is_the_field_of_conditions():
    db = some({"home": {"city": "Lyon", "zip": 1}})
    assert db.update("c", {"home.city": "Lyon"}, {"home.city": "Paris"}) is True
    same(plain(db.all("c")), [{"home": {"city": "Paris", "zip": 1}}])
    same((db.count("c", {"home.city": "Paris"}), db.count("c", {"home.city": "Lyon"})), (1, 0))


def test_path_makes_dicts():
    same(edited({}, {"a.b.c": 1, "a.d": 2}), {"a": {"b": {"c": 1}, "d": 2}})
    same(edited({"a": {"x": {}}}, {"a.b.c": 1, "": 2, "a.": 3}), {"a": {"x": {}, "b": {"c": 1}, "": 3}, "": 2})


def test_key_with_dots_comes_first():
    record = {"a.b": 1, "a": {"b": 2}}
    same(edited(record, {"a.b": 3}), {"a.b": 3, "a": {"b": 2}})
    same(edited(record, inc={"a.b": 3}), {"a.b": 4, "a": {"b": 2}})
    same(edited(record, unset="a.b"), {"a": {"b": 2}})
    same(edited({"id.x": 1}, {"id.x": 2}), {"id.x": 2})


def test_dict_is_a_plain_value():
    same(edited({"home": {"city": "Lyon", "zip": 1}}, {"home": {"city": "Paris"}}), {"home": {"city": "Paris"}})
    same(edited({"home": 1}, {"home": {"inc": 1}}), {"home": {"inc": 1}})


def test_path_through_what_is_no_dict():
    for value in (5, None, "text", [{"b": 1}], True):
        for changes in ({"a.b": 1}, {"x": 1, "a.b.c": 1}):
            refused({"a": value}, "'a'", changes)
        refused({"a": {"b": value}}, ("'a.b.c'", "'b'"), {"x": 1}, inc={"a.b.c": 1})
    refused({"a": 5}, "'a'", unset="a.b")
    refused({"a": 5}, "'a'", pull={"a.b": 1})
    refused({"a": 5, "x": 1}, "'a'", rename={"x": "a.b"})


def test_record_that_was_read_with_both_kinds_of_keys():
    db = some({"a.b": 1, "a": {"b": 2}, "n": 1})
    record = db.get("c", 1)
    record["n"] = 2
    assert db.update("c", "id", 1, record) is True
    same(plain(db.all("c")), [{"a.b": 1, "a": {"b": 2}, "n": 2}])


def test_inc():
    same(edited({"n": 1, "f": 1.5}, inc={"n": 2, "f": -1, "new": 5, "a.b": 0.5}), {"n": 3, "f": 0.5, "new": 5, "a": {"b": 0.5}})
    same(edited({"n": 2**62}, inc={"n": 2**62}), {"n": 2**63})
    for value in ("1", None, [1], {}, True):
        refused({"n": value}, ("inc", "'n'"), inc={"n": 1})
    refused({"n": 3e38}, "JSON", inc={"n": 3e38}) if 3e38 * 10 == INF else refused({"n": 1.7e308}, "JSON", inc={"n": 1.7e308})


def test_min_and_max():
    record = {"n": 3, "s": "m", "b": True}
    same(edited(record, min={"n": 2.5, "s": "n", "b": False}), {"n": 2.5, "s": "m", "b": False})
    same(edited(record, max={"n": 2.5, "s": "n", "new": 1}), {"n": 3, "s": "n", "b": True, "new": 1})
    same(edited({}, min={"a.n": -1}, max={"a.m": "x"}), {"a": {"n": -1, "m": "x"}})
    for name in ("min", "max"):
        refused({"n": "3"}, (name, "'n'"), **{name: {"n": 3}})
        refused({"n": 3}, (name, "'n'"), **{name: {"n": "3"}})
        refused({"n": None}, (name, "'n'"), **{name: {"n": 3}})
        refused({"n": 1}, (name, "'n'"), **{name: {"n": True}})


def test_push_and_keep():
    same(edited({"l": [1]}, push={"l": 2, "new": [3], "a.l": None}), {"l": [1, 2], "new": [[3]], "a": {"l": [None]}})
    same(edited({"l": [1, 2, 3]}, push={"l": 4, "m": 1}, keep={"l": 2}), {"l": [3, 4], "m": [1]})
    same(edited({"l": [1, 2, 3]}, push={"l": 4}, keep={"l": 1}), {"l": [4]})
    same(edited({"l": []}, push={"l": 4}, keep={"l": 9}), {"l": [4]})
    for value in (5, "text", {}, None):
        refused({"l": value}, ("push", "'l'"), push={"l": 1})


def test_last_readings():
    db = fresh()
    for n in range(25):
        same(db.upsert("c", "sensor", "attic", {"unit": "C"}, push={"last": n}, keep={"last": 3}, inc={"n": 1}, max={"most": n}), 1)
    same(plain(db.all("c")), [{"sensor": "attic", "unit": "C", "last": [22, 23, 24], "n": 25, "most": 24}])
    same(db.get("c", 1)["version"], 25)


def test_pull():
    record = {"l": [1, "1", 1.0, True, [1], {"a": 1}]}
    same(edited(record, pull={"l": 1, "missing": 1, "a.b": 1}), {"l": ["1", True, [1], {"a": 1}]})
    same(edited(record, pull={"l": {"a": 1}}), {"l": [1, "1", 1.0, True, [1]]})
    same(edited({"l": [1]}, pull={"l": 1}), {"l": []})
    refused({"l": "111"}, ("pull", "'l'"), pull={"l": "1"})


def test_unset():
    same(edited({"a": {"b": 1, "c": 2}, "x": 1, "y": None}, unset=["a.b", "x", "y", "no", "not.there"]), {"a": {"c": 2}})
    db = some({"x": 1}, {"y": 1})
    assert db.update("c", {}, unset="x")
    same((db.count("c", {"x": {"exists": True}}), plain(db.all("c"))), (0, [{}, {"y": 1}]))


def test_rename():
    same(edited({"a": 1, "b": {"c": [2]}}, rename={"a": "b.x", "b.c": "d", "no": "e"}), {"b": {"x": 1}, "d": [2]})
    same(edited({"b": 1}, rename={"a": "b"}), {"b": 1})
    refused({"a": 1, "b": 2}, ("rename", "'b'"), rename={"a": "b"})


def test_replace():
    same(edited({"a": 1, "b": {"c": 2}}, replace={"b": {"d": 1}, "x.y": 2}), {"b": {"d": 1}, "x.y": 2})
    same(edited({"a": 1}, replace={}), {})
    db = some({"a": 1, "b": 2})
    record = db.get("c", 1)
    del record["b"]
    assert db.update("c", "id", 1, replace=record)
    same((plain(db.all("c")), db.get("c", 1)["version"]), ([{"a": 1}], 2))
    same(plain(db.history("c", 1)), [{"a": 1}, {"a": 1, "b": 2}])
    raises(ValueError, "changes['id']", db.update, "c", {}, replace=dict(record, id=9))
    same(db.get("c", 1)["version"], 2)
    refused({"a": 1}, "replace", {"b": 1}, replace={})
    refused({"a": 1}, "replace", inc={"b": 1}, replace={})


def test_two_changes_to_one_field():
    for changes, operators in (
        ({"a": 1}, {"inc": {"a": 1}}), ({"a.b": 1}, {"unset": ["a"]}), ({"a": {}, "a.b": 1}, {}), (None, {"unset": ["a", "a"]}),
        (None, {"push": {"a.b.c": 1}, "pull": {"a.b": 1}}), (None, {"rename": {"x": "a", "y": "a"}}), ({"x": 1}, {"rename": {"x": "y"}}),
        (None, {"rename": {"x": "x.y"}}), (None, {"rename": {"x": "y"}, "inc": {"y.z": 1}}), (None, {"min": {"a": 1}, "max": {"a": 2}}),
    ):
        refused({"x": 0}, "two changes", changes, **operators)
    same(edited({}, {"a": 1, "ab": 2, "a-b": 3, "b.a": 4}, inc={"b.ab": 5}), {"a": 1, "ab": 2, "a-b": 3, "b": {"a": 4, "ab": 5}})


def test_what_the_database_sets():
    for field in ("id", "timestamp", "version"):
        for name, argument in (
            ("inc", {field: 1}), ("min", {field: 1}), ("max", {field: 1}), ("push", {field: 1}), ("pull", {field: 1}), ("unset", [field]),
            ("unset", field), ("rename", {field: "x"}), ("rename", {"a": field}), ("replace", {field: 1}), ("inc", {field + ".x": 1}),
        ):
            refused({"a": 1}, field, **{name: argument})
        refused({"a": 1}, field, {field + ".x": 1})
    every = {"id": 2, "timestamp": 1, "version": 1}
    refused({"a": 1}, "database", inc=every)
    db = some({"a": 1})
    assert db.update("c", "id", 1, db.get("c", 1), inc={"n": 1})
    same(plain(db.all("c")), [{"a": 1, "n": 1}])
    raises(ValueError, "database", db.update, "c", "id", 1, dict(db.get("c", 1), **{"id.x": 1}))
    same(db.get("c", 1)["version"], 2)


def test_arguments_that_do_not_fit():
    for words, operators in (
        ("inc", {"inc": {"n": "1"}}), ("inc", {"inc": {"n": True}}), ("inc", {"inc": {"n": None}}), ("inc", {"inc": {"n": INF}}),
        ("inc", {"inc": ["n"]}), ("inc", {"inc": "n"}), ("inc", {"inc": {5: 1}}), ("min", {"min": {"n": None}}),
        ("max", {"max": {"n": [1]}}), ("push", {"push": {"n": b"x"}}), ("push", {"push": {"n": INF}}), ("push", {"push": 5}),
        ("keep", {"keep": {"n": 5}}), ("keep", {"push": {"l": 1}, "keep": {"n": 5}}), ("keep", {"push": {"l": 1}, "keep": {"l": 0}}),
        ("keep", {"push": {"l": 1}, "keep": {"l": "5"}}), ("keep", {"push": {"l": 1}, "keep": 5}), ("unset", {"unset": 5}),
        ("unset", {"unset": [5]}), ("pull", {"pull": {"n": len}}), ("rename", {"rename": {"n": 5}}),
        ("rename", {"rename": ["n"]}),
        ("replace", {"replace": True}), ("replace", {"replace": 0}), ("inc", {"inc": 0}), ("inc", {"inc": []}), ("unset", {"unset": 0}),
        ("replace", {"replace": {"n": INF}}),
        ("changes", {"changes": {"n": INF}, "inc": {"m": 1}}),
    ):
        db = some({"n": 1})
        last = db.last_change()
        for call in (db.update, db.upsert):
            raises(ValueError, words, call, "c", {"no": "such record"}, **operators)
            raises(ValueError, words, call, "c", {}, **operators)
        same((plain(db.all("c")), db.last_change()), ([{"n": 1}], last))
        db.close()


def test_operators_that_there_are_not():
    db = some({"n": 1})
    for name in ("increment", "set", "add", "limit", "version"):
        raises(TypeError, name if not board else "", db.update, "c", "n", 1, {"x": 1}, **{name: {"n": 1}})
    raises(TypeError, "no value", db.update, "c", "n", inc={"n": 1})
    raises(ValueError, "condition", db.update, "c", None, inc={"n": 1})
    raises(TypeError, "changes", db.update, "c", {"n": 1})
    raises(TypeError, "changes", db.update, "c", {"n": 1}, inc=None, unset=None)
    same(db.update("c", {"n": 2}, {"n": 3}, inc=None), False)
    same(db.get("c", 1)["version"], 1)


def test_too_deep():
    refused({"x": 1}, "16", {".".join("abcdefghijklmnopqrs"): 1})
    refused({"x": 1}, "16", push={".".join("abcdefghijklmnopq"): 1})


def test_text_that_is_not_ascii():
    same(edited({"größe": {"höhe": 1}}, {"größe.länge": "日本"}, inc={"größe.höhe": 1}, push={"ä": "ö"}),
         {"größe": {"höhe": 2, "länge": "日本"}, "ä": ["ö"]})


def test_upsert_inserts_what_it_would_update():
    db, size = fresh(), {"w": 1}
    for n in (1, 2):
        same(db.upsert("c", "net.ssid", "home", {"net.pw": "x"}, inc={"net.joins": 1}), 1)
        same(plain(db.all("c")), [{"net": {"ssid": "home", "pw": "x", "joins": n}}])
    same(db.upsert("d", {"size": {"eq": size}, "l": {"eq": [1]}}, {"size.h": 2}, push={"l": 2}), 1)
    same((plain(db.all("d")), size), ([{"size": {"w": 1, "h": 2}, "l": [1, 2]}], {"w": 1}))
    raises(ValueError, "size", db.upsert, "d", "size", 5, {"size.h": 2})
    raises(ValueError, "inc", db.upsert, "d", "name", "x", inc={"name": 1})
    raises(ValueError, "database", db.upsert, "d", "id", 9, inc={"n": 1})
    same(db.count("d"), 1)


def test_upsert_replaces_all_but_what_it_finds_the_record_by():
    db = some({"name": "a", "old": 1})
    for _ in range(2):
        same(db.upsert("c", "name", "a", replace={"new": 1}), 1)
        same(db.upsert("c", {"name": "b", "home.city": "Lyon"}, replace={"new": 2}), 2)
    same(plain(db.all("c")), [{"name": "a", "new": 1}, {"name": "b", "home": {"city": "Lyon"}, "new": 2}])
    same(db.upsert("c", "id", 1, replace={"x": 1}), 1)
    same(plain([db.get("c", 1)]), [{"x": 1}])


def test_indexes_follow():
    db = some(*[{"home": {"city": "Lyon"}, "n": n} for n in range(6)])
    db.create_index("c", "home.city")
    db.create_index("c", "n", where={"home.city": "Paris"})
    assert db.update("c", {"n": {"lt": 2}}, {"home.city": "Paris"}, inc={"n": 10})
    same(db.explain("c", "home.city", "Paris")["plan"], "index")
    same(column(db.find("c", "home.city", "Paris"), "n"), [10, 11])
    same(column(db.find("c", "home.city", "Lyon"), "n"), [2, 3, 4, 5])
    same(column(db.find("c", {"n": 11, "home.city": "Paris"}), "id"), [2])
    assert db.update("c", "id", 1, unset="home") and db.update("c", "id", 2, rename={"home.city": "city"})
    same((db.count("c", "home.city", "Paris"), db.count("c", "home.city", None)), (0, 2))
    assert db.update("c", "id", 3, replace={"home": {"city": "Rome"}})
    same(column(db.find("c", "home.city", "Rome"), "id"), [3])
    same(again(db).verify(), [])


def test_unique_index_holds():
    db = some({"a": {"n": 1}}, {"a": {"n": 2}})
    db.create_index("c", "a.n", unique=True)
    raises(UniqueError, "", db.update, "c", "id", 1, inc={"a.n": 1})
    raises(UniqueError, "", db.upsert, "c", "id", 1, {"a.n": 2})
    same([r["a"]["n"] for r in db.all("c")], [1, 2])
    assert db.update("c", "id", 2, inc={"a.n": 1})


def test_each_record_is_met_once():
    db = some(*[{"n": n} for n in range(20)])
    db.create_index("c", "n")
    assert db.update("c", {"n": {"gte": 0}}, inc={"n": 100})
    same(column(db.all("c"), "n"), list(range(100, 120)))
    same(column(db.find("c", {"n": {"gte": 118}}), "id"), [19, 20])


def test_all_or_none():
    db = some({"n": 1}, {"n": 2}, {"n": "three"}, {"n": 4})
    raises(ValueError, "'n'", db.update, "c", {}, inc={"n": 1})
    db = again(db)
    same((column(db.all("c"), "n"), db.last_change()), ([1, 2, "three", 4], 4))


def test_history_changes_and_transaction():
    db = some({"n": 1})
    for _ in range(2):
        db.update("c", "id", 1, inc={"n": 1})
    same(column(db.history("c", 1), "n"), [3, 2, 1])
    same([(c["change"], c["record"]["n"]) for c in db.changes()], [(3, 3)])
    with db.transaction():
        db.update("c", "id", 1, inc={"n": 1})
        db.update("c", "id", 1, inc={"n": 1})
        db.upsert("c", "x", 1, push={"l": 1})
    same(plain(again(db).all("c")), [{"n": 5}, {"x": 1, "l": [1]}])


def test_only_as_it_was_read():
    """Optimistic locking is a condition on the version."""
    db = some({"n": 1})
    record = db.get("c", 1)
    seen = {"id": 1, "version": record["version"]}
    assert db.update("c", seen, inc={"n": 1}) is True
    assert db.update("c", seen, inc={"n": 1}) is False
    same(db.get("c", 1)["n"], 2)


def test_record_as_it_was_read_is_refused_once_it_has_changed():
    db = some({"n": 1}, {"n": 2})
    stale = db.get("c", 1)
    db.update("c", "id", 1, inc={"n": 1})
    last = db.last_change()
    for operators in ({"changes": stale}, {"replace": stale}, {"changes": stale, "inc": {"m": 1}}):
        for call in (db.update, db.upsert):
            error = raises(ConflictError, ("record 1", "version 2, not 1"), call, "c", {"id": 1}, **operators)
            same((error.id, error.version), (1, 2))
    same((plain(db.all("c")), db.last_change()), ([{"n": 2}, {"n": 2}], last))
    with db.transaction():
        raises(ConflictError, "", db.update, "c", "id", 1, stale)
        db.insert("c", {"n": 3})
    fresh_one = dict(db.get("c", 1), n=5)
    assert db.update("c", "id", 1, fresh_one)
    same([r["n"] for r in again(db).all("c")], [5, 2, 3])
