"""Records: insert, get, find, update, upsert, delete, and what comes back."""
import time

from runner import again, column, fresh, plain, raises, same
from unosql.core import ClosedError

VALUES = {
    "none": None, "true": True, "false": False, "zero": 0, "minus": -7, "large": 2**40, "larger": -(2**62),
    "float": 1.5, "small": -0.125, "empty": "", "text": "Grüße, 日本 \U0001f600", "quotes": "a\"b\\c\n\x00\x1f",
    "list": [1, "two", None, [True, {}]], "dict": {"a": {"b": [1.5, {"c": ""}]}}, "no list": [], "": "empty key",
}


def test_insert_returns_ids_from_one():
    db = fresh()
    same([db.insert("c", {"n": i}) for i in range(5)], [1, 2, 3, 4, 5])
    same(db.insert("other", {}), 1)


def test_record_has_id_timestamp_version():
    db = fresh()
    before = time.time()
    db.insert("c", {"n": 1})
    record = db.get("c", 1)
    same(sorted(record), ["id", "n", "timestamp", "version"])
    same((record["id"], record["version"], record["n"]), (1, 1, 1))
    assert before - 1 <= record["timestamp"] <= time.time() + 1


def test_insert_leaves_the_dict_alone():
    db = fresh()
    record = {"n": 1, "id": 77, "version": 9, "timestamp": 5}
    same(db.insert("c", record), 1)
    same(record, {"n": 1, "id": 77, "version": 9, "timestamp": 5})
    stored = db.get("c", 1)
    same((stored["id"], stored["version"]), (1, 1))
    assert stored["timestamp"] > 5


def test_values_come_back_as_they_were():
    db = fresh()
    db.insert("c", VALUES)
    same(plain(db.all("c")), [VALUES])
    record = plain([db.get("c", 1)])[0]
    for key in VALUES:
        same(type(record[key]), type(VALUES[key]))
    same(plain(again(db).all("c")), [VALUES])


def test_empty_record():
    db = fresh()
    db.insert("c", {})
    same(plain(db.all("c")), [{}])


def test_get():
    db = fresh()
    db.insert("c", {"n": 1})
    db.insert("c", {"n": 2})
    same(db.get("c", 2)["n"], 2)
    for unknown in (0, 3, -1, 10**12):
        assert db.get("c", unknown) is None
    assert db.get("nowhere", 1) is None


def test_unknown_collection_is_empty():
    db = fresh()
    same(db.find("no", "a", 1), [])
    same(db.find("no"), [])
    same(list(db.iterate("no")), [])
    same(db.all("no"), [])
    same(db.count("no"), 0)
    same(db.count("no", {"a": 1}), 0)
    assert db.find_one("no", "a", 1) is None
    assert db.update("no", "a", 1, {"b": 2}) is False
    same(db.delete("no", "a", 1), 0)
    same(db.get_last_n_records("no", 3), [])
    same(db.get_records_in_timeframe("no", "timestamp", 0, 1), [])
    same(db.history("no", 1), [])
    same(db.pop("no"), [])
    same(db.collections(), [])


def test_found_records_are_copies():
    db = fresh()
    db.insert("c", {"tags": ["a"]})
    found = db.get("c", 1)
    found["tags"].append("b")
    found["x"] = 1
    same(plain([db.get("c", 1)]), [{"tags": ["a"]}])


def people():
    db = fresh()
    for name, age, city in (("Ann", 25, "NY"), ("Bob", 30, "LA"), ("Cid", 35, "NY"), ("Dan", 30, "SF")):
        db.insert("users", {"name": name, "age": age, "city": city})
    return db


def test_find_by_one_and_by_several_keys():
    db = people()
    same(column(db.find("users", "age", 30), "name"), ["Bob", "Dan"])
    same(column(db.find("users", ["city", "age"], ["NY", 35]), "name"), ["Cid"])
    same(column(db.find("users", {"city": "NY", "age": 25}), "name"), ["Ann"])
    same(column(db.find("users"), "name"), ["Ann", "Bob", "Cid", "Dan"])
    same(column(db.find("users", "id", 3), "name"), ["Cid"])
    same(db.find("users", "name", "Eve"), [])
    same(db.find("users", "shoe", 42), [])


def test_find_one():
    db = people()
    same(db.find_one("users", "age", 30)["name"], "Bob")
    same(db.find_one("users", {"age": 30}, order_by="-name")["name"], "Dan")
    assert db.find_one("users", "age", 31) is None


def test_update_merges():
    db = people()
    first = db.get("users", 1)
    assert db.update("users", "name", "Ann", {"age": 26, "tall": True}) is True
    record = db.get("users", 1)
    same(plain([record]), [{"name": "Ann", "age": 26, "city": "NY", "tall": True}])
    same((record["id"], record["version"]), (1, 2))
    assert record["timestamp"] >= first["timestamp"]
    same(db.get("users", 2)["version"], 1)


def test_update_all_that_match():
    db = people()
    assert db.update("users", {"age": {"lt": 35}}, {"young": True}) is True
    same(column(db.find("users", "young", True), "name"), ["Ann", "Bob", "Dan"])
    assert db.update("users", ["city", "age"], ["NY", 35], {"age": 36}) is True
    same(column(db.find("users", "age", 36), "name"), ["Cid"])
    assert db.update("users", "age", 99, {"x": 1}) is False
    same(db.find("users", "x", 1), [])


def test_update_of_the_searched_field():
    """Records moved ahead of the search must not be met, and changed, again."""
    db = fresh()
    db.create_index("c", "n")
    for n in range(10):
        db.insert("c", {"n": n})
    assert db.update("c", {"n": {"lt": 5}}, {"n": 7})
    same(column(db.all("c"), "version"), [2] * 5 + [1] * 5)
    same(db.count("c", {"n": 7}), 6)


def test_update_cannot_change_what_the_database_sets():
    db = people()
    for changes in (
        {"id": 50, "version": 50, "timestamp": 1, "age": 1}, {"id": 1}, {"version": 1}, {"timestamp": 1, "age": 1},
        {"id": 1, "version": 1}, {"id": 1, "version": 0, "timestamp": 1}, {"id": True, "version": 1, "timestamp": 1},
        {"id": 1, "version": 1, "timestamp": 1.5},
    ):
        raises(ValueError, "changes[", db.update, "users", "name", "Ann", changes)
        raises(ValueError, "changes[", db.upsert, "users", "name", "Ann", changes)
    raises(ValueError, ("changes['id']", "1", "2"), db.update, "users", {"id": {"lt": 3}}, db.get("users", 1))
    same(column(db.all("users"), "version"), [1] * 4)


def test_update_by_the_record_that_was_read():
    db = people()
    record = db.find_one("users", "name", "Ann")
    record["age"] = 3
    assert db.update("users", "id", record["id"], record) is True
    same(db.upsert("users", "name", "Ann", dict(db.get("users", 1), age=3)), 1)
    found = db.get("users", 1)
    same((plain([found]), found["version"]), (plain([record]), 3))


def test_a_record_that_was_read_is_inserted_again():
    db = people()
    for record in db.pop("users", 2):
        db.insert("archive", record)
    same(db.insert_many("archive", db.find("users")), 2)
    same(column(db.all("archive"), "name"), ["Ann", "Bob", "Cid", "Dan"])
    same([(r["id"], r["version"]) for r in db.all("archive")], [(n, 1) for n in range(1, 5)])


def test_what_a_user_gave_is_not_lost():
    """An id, timestamp or version of one's own is refused; the message names it."""
    db = people()
    for own, field in (
        ({"id": "node-7"}, "id"), ({"id": 7}, "id"), ({"timestamp": 1700000000}, "timestamp"), ({"version": "fw2.1"}, "version"),
        ({"id": "node-7", "timestamp": 1700000000, "version": "fw2.1"}, "id"), ({"id": 1, "timestamp": 1}, "id"),
        ({"id": 0, "timestamp": 1, "version": 1}, "id"), ({"id": 1, "timestamp": -1, "version": 1}, "timestamp"),
        ({"id": 1, "timestamp": 1.5, "version": 1}, "timestamp"), ({"id": 1, "timestamp": 1, "version": 0}, "version"),
        ({"id": None}, "id"), ({"id": 1, "timestamp": 1, "version": True}, "version"),
    ):
        words = ("record['%s']" % field, "another name", "own_" + field)
        raises(ValueError, words, db.insert, "users", dict(own, lat=48.1))
        raises(ValueError, words, db.insert_many, "users", [{}, dict(own, lat=48.1)])
    db.insert("users", {"nested": {"id": "node-7", "timestamp": 1, "version": "fw"}})
    same(db.count("users"), 5)


def test_upsert_inserts_nothing_that_the_next_one_would_miss():
    db = people()
    for call in (("id", 42), ("timestamp", 1), ("version", 7), ({"name": "Eve", "id": 42},), ({"or": [{"id": 42}, {"id": 43}]},),
                 ({"id": {"gt": 42}},), (["name", "version"], ["Eve", 1])):
        raises(ValueError, "database", db.upsert, "users", *(call + ({"age": 1},)))
    read = db.get("users", 1)
    db.delete("users", "id", 1)
    raises(ValueError, "database", db.upsert, "users", "name", "Ann", read)
    same(db.count("users"), 3)
    same(db.upsert("users", "id", 2, {"age": 1}), 2)
    same(db.get("users", 2)["age"], 1)


def test_upsert_of_a_field_within_a_dict():
    db, size = fresh(), {"w": 1}
    same(db.upsert("c", {"size": {"eq": size}, "size.h": 2}, {}), 1)
    same((plain(db.all("c")), size), ([{"size": {"w": 1, "h": 2}}], {"w": 1}))
    raises(ValueError, "size.h", db.upsert, "c", {"size": 5, "size.h": 2}, {})
    same(db.count("c"), 1)


def test_upsert_inserts_then_updates():
    db = fresh()
    same(db.upsert("settings", "key", "volume", {"value": 3}), 1)
    same(plain(db.all("settings")), [{"key": "volume", "value": 3}])
    same(db.upsert("settings", "key", "volume", {"value": 4}), 1)
    same(db.upsert("settings", {"key": "mute"}, {"value": True}), 2)
    same(plain(db.all("settings")), [{"key": "volume", "value": 4}, {"key": "mute", "value": True}])
    same(column(db.all("settings"), "version"), [2, 1])


def test_delete():
    db = people()
    same(db.delete("users", "age", 30), 2)
    same(column(db.all("users"), "name"), ["Ann", "Cid"])
    same(db.count("users"), 2)
    assert db.get("users", 2) is None
    same(db.delete("users", "age", 30), 0)
    same(db.delete("users", {"age": {"gt": 30}}), 1)
    same(column(db.all("users"), "name"), ["Ann"])


def test_ids_are_never_reused():
    db = people()
    db.delete("users", "id", 4)
    same(db.insert("users", {}), 5)
    db.delete("users", {})
    same(db.count("users"), 0)
    same(db.insert("users", {}), 6)
    db.delete("users", "id", 6)
    same(again(db).insert("users", {}), 7)


def test_insert_many():
    db = fresh()
    same(db.insert_many("c", ({"n": n} for n in range(50))), 50)
    same(column(db.all("c"), "n"), list(range(50)))
    same(column(db.all("c"), "id"), list(range(1, 51)))
    same(db.insert_many("c", []), 0)
    same(db.insert("c", {}), 51)


def test_insert_many_is_all_or_nothing():
    db = fresh()
    db.insert("c", {"n": 0})
    raises(ValueError, "", db.insert_many, "c", [{"n": 1}, {"n": 2}, "no dict"])
    same(column(db.all("c"), "n"), [0])
    same(db.count("c"), 1)

    def broken():
        yield {"n": 1}
        raise KeyError("source")

    raises(KeyError, "source", db.insert_many, "c", broken())
    same(column(again(db).all("c"), "n"), [0])


def test_last_n():
    db = people()
    same(column(db.get_last_n_records("users", 2), "name"), ["Cid", "Dan"])
    same(len(db.get_last_n_records("users", 99)), 4)
    same(db.get_last_n_records("users", 0), [])
    db.delete("users", "name", "Cid")
    same(column(db.get_last_n_records("users", 2), "name"), ["Bob", "Dan"])


def test_timeframe_on_any_field():
    db = people()
    same(column(db.get_records_in_timeframe("users", "age", 30, 35), "name"), ["Bob", "Cid", "Dan"])
    same(column(db.get_records_in_timeframe("users", "age", 25.5, 30), "name"), ["Bob", "Dan"])
    same(db.get_records_in_timeframe("users", "age", 31, 34), [])


def test_iterate_is_lazy():
    db = people()
    records = db.iterate("users", {"age": {"gte": 30}})
    same(next(records)["name"], "Bob")
    same(column(records, "name"), ["Cid", "Dan"])


def test_writing_while_iterating():
    db = fresh()
    db.insert_many("c", ({"n": n} for n in range(20)))
    seen = []
    for record in db.iterate("c"):
        seen.append(record["n"])
        db.update("c", "id", record["id"], {"n": -1})
        if record["id"] % 2:
            db.delete("c", "id", record["id"])
    same(seen, list(range(20)))
    same(column(db.all("c"), "n"), [-1] * 10)


def test_optimize_memory_keeps_everything():
    db = people()
    db.optimize_memory()
    same(db.count("users"), 4)
    db.optimize_memory()
    db.insert("users", {"name": "Eve"})
    db.optimize_memory()
    same(column(db.all("users"), "name"), ["Ann", "Bob", "Cid", "Dan", "Eve"])


def test_record_of_some_kilobytes():
    db = fresh()
    text = "".join("%d," % (i * i) for i in range(500))
    db.insert("c", {"text": text})
    db.insert("c", {"text": "short"})
    same(db.get("c", 1)["text"], text)
    same(again(db).get("c", 1)["text"], text)


def test_databases_do_not_see_each_other():
    a, b = fresh("a"), fresh("a_b")
    a.insert("c", {"in": "a"})
    b.insert("c", {"in": "a_b"})
    b.insert("b_c", {"in": "a_b"})
    same(a.collections(), ["c"])
    same(column(again(a, "a").all("c"), "in"), ["a"])
    same(column(again(b, "a_b").all("c"), "in"), ["a_b"])


def test_with_statement_closes():
    with fresh() as db:
        db.insert("c", {"n": 1})
    raises(ClosedError, "", db.count, "c")


def test_every_call_on_a_closed_database_says_so():
    db = fresh()
    db.insert("c", {"n": 1})
    db.close()
    db.close()
    for call in (
        lambda: db.insert("c", {}), lambda: db.insert_many("c", [{}]), lambda: db.get("c", 1), lambda: db.find("c"),
        lambda: next(db.iterate("c")), lambda: db.find_one("c"), lambda: db.update("c", "n", 1, {}),
        lambda: db.upsert("c", "n", 1, {}), lambda: db.delete("c", "n", 1), lambda: db.all("c"),
        lambda: db.count("c"), lambda: db.get_last_n_records("c", 1), lambda: db.history("c", 1),
        lambda: db.get_records_in_timeframe("c", "n", 0, 1), lambda: db.collections(), lambda: db.clear("c"),
        lambda: db.drop("c"), lambda: db.configure("c", capped=1), lambda: db.pop("c"), lambda: db.ack("c", 1),
        lambda: db.create_index("c", "n"), lambda: db.drop_index("c", "n"), lambda: db.indexes("c"),
        lambda: db.explain("c"), lambda: db.transaction().__enter__(), lambda: next(db.changes()),
        lambda: db.last_change(), lambda: db.backup("x"), lambda: db.incremental_backup("x", 0),
        lambda: db.restore("x"), lambda: db.optimize_memory(), lambda: db.rekey(None), lambda: db.compact(),
        lambda: db.verify(), lambda: db.get_stats(), lambda: db.flush(), lambda: db.__enter__(),
    ):
        raises(ClosedError, "closed", call)


def test_stats():
    db = fresh()
    for n in range(3):
        db.insert("a", {"n": n})
    db.insert("b", {})
    stats = db.get_stats()
    same(stats["collections"], {"a": 3, "b": 1})
    for key in ("bytes", "free", "segments", "levels", "memtable", "wal", "change", "version"):
        assert key in stats, key
    same(stats["change"], db.last_change())


def test_verify_and_compact_of_a_sound_database():
    db = people()
    same(db.verify(), [])
    db.delete("users", "name", "Bob")
    db.compact()
    same(db.verify(), [])
    same(column(db.all("users"), "name"), ["Ann", "Cid", "Dan"])
