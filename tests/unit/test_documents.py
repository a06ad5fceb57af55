"""The documents layer on a store in RAM: what it writes, and what it makes of errors."""
import errno
import os
from types import SimpleNamespace

import pytest
from unosql.documents import backup, condition, index, keys, query, queue, record, shortage
from unosql.kv import archive
from unosql.documents import many
from unosql.documents.steps import finish
from unosql.documents.catalog import Catalog
from unosql.documents.changes import changes
from unosql.core import Unosql
from unosql.errors import StorageFullError, UniqueError, UnosqlError
from unosql.documents.verify import checking

from fake_store import FakeStore, is_dead


def problems(catalog):
    return (problem for problem in checking(catalog) if problem is not ...)


def whole(steps):
    """A call of many.py as one that takes all its steps."""
    return lambda *arguments: finish(steps(*arguments))


delete, insert_many, update, upsert = map(whole, (many.delete, many.insert_many, many.update, many.upsert))


class Place:
    """A catalogue, its store, and a clock to set."""

    def __init__(self, flash=None, **options):
        self.time = 1000
        self.catalog = Catalog(clock=lambda: self.time, **options)
        self.store = self.catalog.store = FakeStore(self.catalog, flash)
        self.store.open()

    def __getitem__(self, name):
        return self.catalog.collection(name, True)

    def insert(self, name, *numbers):
        return [self[name].insert({"n": n}) for n in numbers]

    def find(self, name, where=None, **options):
        return list(query.search(self[name], condition.compile(where), **options))

    def ids(self, name, where=None, **options):
        return [r["id"] for r in self.find(name, where, **options)]

    def update(self, name, where, changes):
        return update(self[name], condition.compile(where), changes)

    def delete(self, name, where):
        return delete(self[name], condition.compile(where))

    def index(self, name, *keys, unique=False, where=None):
        finish(index.creating(self[name], list(keys), unique, where))

    def explain(self, name, where=None, **options):
        plan = query.explain(self[name], condition.compile(where), **options)
        return plan["plan"], plan["index"], plan["range"], plan["sorted"]

    def kinds(self):
        """The kinds of the keys in the last batch, lower case for deletions."""
        ops = self.store.batches[-1]
        return "".join(sorted(k[:1].decode() if v is not None else k[:1].decode().lower() for k, v in ops))


@pytest.fixture
def place():
    return Place()


# -- what a call writes

def test_every_write_is_one_batch(place):
    place.insert("c", 1)
    place.index("c", "n")
    for write, kinds in (
        (lambda: place.insert("c", 2), "IR"),
        (lambda: place.update("c", {"n": 2}, {"n": 3}), "HIRis"),
        (lambda: place.update("c", {"n": 3}, {"m": 1}), "HRs"),
        (lambda: place.delete("c", {"n": 3}), "HSirs"),
    ):
        before = len(place.store.batches)
        write()
        assert (len(place.store.batches) - before, place.kinds()) == (1, kinds)


def test_the_first_insert_makes_the_collection_in_the_same_batch(place):
    place.insert("c", 1)
    assert len(place.store.batches) == 1 and place.kinds() == "RZ"
    place.insert("c", 1)
    assert place.kinds() == "R"


def test_many_records_are_one_batch(place):
    insert_many(place["c"], [{"n": n} for n in range(5)])
    assert len(place.store.batches) == 1
    place.update("c", {}, {"m": 1})
    place.delete("c", {"n": {"gt": 1}})
    assert len(place.store.batches) == 3


def test_no_match_writes_nothing(place):
    place.insert("c", 1)
    before = len(place.store.batches)
    assert place.update("c", {"n": 2}, {"n": 3}) is False and place.delete("c", {"n": 2}) == 0
    assert len(place.store.batches) == before


def test_what_an_id_names_is_read_once(place, monkeypatch):
    ids = place.insert("c", 1, 2, 3)
    read = []
    get = place.store.get
    monkeypatch.setattr(place.store, "get", lambda key: read.append(key) or get(key))
    monkeypatch.setattr(place.store, "scan", None)
    record = place["c"].key(ids[1])
    assert place.ids("c", {"id": ids[1]}) == [2] and read == [record]
    assert place.update("c", {"id": ids[1], "n": 2}, {"n": 4}) and read.count(record) == 2
    assert place.delete("c", {"id": ids[1]}) == 1 and read.count(record) == 3
    read.clear()
    for id in (0, -1, ids[1], 4):
        assert not place.update("c", {"id": id}, {}) and not place.delete("c", {"id": id}) and not place.find("c", {"id": id})
    assert set(read) == {record}


def test_operators_read_and_write_a_record_once(place, monkeypatch):
    place.insert("c", 1, 2, 3)
    read, before = [], len(place.store.batches)
    get, record = place.store.get, place["c"].key(2)
    monkeypatch.setattr(place.store, "get", lambda key: read.append(key) or get(key))
    operators = {"inc": {"n": 5, "home.visits": 1}, "max": {"top": 9}, "push": {"last": 1.5}, "keep": {"last": 3}, "rename": {"n2": "m"}}
    finish(many.update(place["c"], condition.compile("id", 2), {"home.city": "Lyon"}, operators))
    assert read.count(record) == 1 and len(place.store.batches) == before + 1
    assert {name: place["c"].get(2)[name] for name in ("n", "home", "top", "last")} == {
        "n": 7, "home": {"visits": 1, "city": "Lyon"}, "top": 9, "last": [1.5]}


def test_a_search_by_an_id_does_not_meet_what_came_after_it(place):
    place.insert("c", 1)
    plan = query.Plan(place["c"], condition.compile({"id": 2}), [("id", False)])
    place.insert("c", 2)
    assert list(plan.records()) == [] and place.ids("c", {"id": 2}) == [2]


@pytest.mark.parametrize("depth, kept", [(0, [5]), (1, [5, 4]), (3, [5, 4, 3, 2])])
def test_history_is_bounded_on_flash(depth, kept):
    place = Place(history=depth)
    place.insert("c", 1)
    for n in range(2, 6):
        place.update("c", {}, {"n": n})
    assert [r["n"] for r in place["c"].history(1)] == kept
    assert sum(key[:1] == b"H" for key in place.store.data) == depth


def versions(place, changes, id=1):
    """Update a record so many times; return the numbers of its versions that flash holds, and check the history."""
    for n in range(changes):
        place.update("c", {"id": id}, {"n": n})
    prefix = keys.make(keys.HISTORY, place["c"].number, id)
    kept = [keys.parse(key, 2)[1] for key in sorted(place.store.data) if key.startswith(prefix)]
    current = [r["version"] for r in place.find("c", {"id": id})]
    assert [r["version"] for r in place["c"].history(id)] == current + kept[::-1][: place["c"].depth]
    return kept


@pytest.mark.parametrize("lowered, kept", [(0, []), (1, [12]), (2, [11, 12]), (9, list(range(4, 13)))])
@pytest.mark.parametrize("by", ["collection", "database"])
def test_lowering_the_depth_frees_what_is_beyond_it(lowered, kept, by):
    place = Place(history=10)

    def deepen(n):
        if by == "collection":
            place["c"].configure({"history": n})
        else:
            place.catalog.history = n

    place.insert("c", 1)
    assert versions(place, 11) == list(range(2, 12))
    deepen(lowered)
    assert versions(place, 1) == kept
    deepen(10)
    assert versions(place, 1) == kept + [13]
    assert versions(place, 20) == list(range(24, 34))


def test_lowering_the_depth_for_a_moment_loses_nothing(place):
    place.insert("c", 1)
    versions(place, 6)
    place["c"].configure({"history": 1})
    place["c"].configure({"history": 4})
    assert versions(place, 0) == [3, 4, 5, 6]


def test_a_deep_history_goes_in_parts():
    """One write must not need the RAM for all of them; what is left has no gap."""
    place = Place(history=255)
    place.insert("c", 1)
    assert versions(place, 100) == list(range(1, 101))
    place.catalog.history = 2
    assert versions(place, 1) == list(range(33, 102))
    assert len(place.store.batches[-1]) < 40
    assert versions(place, 3) == [103, 104]
    assert versions(place, 1) == [104, 105]


def test_few_versions_with_a_gap_stay(db):
    """Restoring an increment leaves one: version 3, then 8, of which the depth allows both."""
    db.configure("c", history=0)
    db.insert("c", {"n": 1})
    for n in (2, 3):
        db.update("c", {}, {"n": n})
    db.configure("c", history=4)
    db.backup("three.bak")
    for n in range(4, 9):
        db.update("c", {}, {"n": n})
    db.incremental_backup("eight.bak", since_change=0)
    db.restore("three.bak")
    db.restore("eight.bak")
    db.update("c", {}, {"n": 9})
    assert [r["version"] for r in db.history("c", 1)] == [9, 8, 3]


def test_deleting_a_record_frees_what_is_beyond_the_depth(place):
    place.insert("c", 1)
    versions(place, 6)
    place["c"].configure({"history": 1})
    place.delete("c", {})
    assert versions(place, 0) == [7]


def test_history_of_a_deleted_record(place):
    place.insert("c", 1)
    place.update("c", {}, {"n": 2})
    place.delete("c", {})
    assert [(r["n"], r["version"]) for r in place["c"].history(1)] == [(2, 2), (1, 1)]
    place["c"].clear()
    assert place["c"].history(1) == []


def test_one_change_entry_for_each_record(place):
    place.insert("c", 1, 2)
    place.update("c", {"n": 1}, {"n": 3})
    place.delete("c", {"n": 2})
    assert sum(key[:1] == b"S" for key in place.store.data) == 2
    assert [(c["change"], c["id"], c["deleted"]) for c in changes(place.catalog)] == [(3, 1, False), (4, 2, True)]


def test_change_numbers_do_not_follow_the_clock(place):
    place.insert("c", 1)
    place.time = 10
    place.insert("c", 2)
    assert [c["change"] for c in changes(place.catalog)] == [1, 2]
    assert [r["timestamp"] for r in place.find("c")] == [1000, 10]


# -- counters

def test_counters_survive_a_flush_at_any_time(place):
    for step in range(12):
        place.insert("c", step)
        if step % 3 == 2:
            place.delete("c", {"n": step - 1})
        place.store.flush()
        again = Place(dict(place.store.flash))
        for name in ("number", "next", "count", "first"):
            assert getattr(again["c"], name) == getattr(place["c"], name)
        assert again.catalog.change == place.catalog.change


def test_flush_within_a_transaction_knows_nothing_of_it(place):
    place.insert("c", 1)
    place.catalog.begin()
    place.insert("c", 2)
    place.insert("new", 1)
    place.store.flush()
    again = Place(dict(place.store.flash))
    assert (again["c"].count, again["c"].next, again.catalog.change) == (1, 2, 1)
    assert [c.name for c in again.catalog.collections()] == ["c"]
    place.catalog.rollback()
    assert (place["c"].count, place["c"].next, place["new"].number) == (1, 2, 0)


def test_an_error_of_the_store_changes_no_counter(place):
    place.insert("c", 1)
    state = vars(place["c"]).copy()
    for write in (
        lambda: place.insert("c", 2), lambda: place.update("c", {}, {"n": 2}), lambda: place.delete("c", {}),
        lambda: place["c"].clear(), lambda: place["c"].drop(), lambda: queue.ack(place["c"], 1), lambda: queue.pop(place["c"], 1),
        lambda: place.index("c", "n"), lambda: place["c"].configure({"capped": 1}),
    ):
        place.store.fail = OSError("broken")  # of a full medium some calls are tried again
        with pytest.raises(OSError):
            write()
        assert {k: v for k, v in vars(place["c"]).items() if k in state and k != "_indexes"} == {
            k: v for k, v in state.items() if k != "_indexes"}
        assert place.catalog.change == 1 and not place.catalog.in_transaction


def test_commit_that_fails_rolls_back(place):
    place.insert("c", 1)
    with pytest.raises(StorageFullError):
        with place.catalog.atomic():
            place.insert("c", 2)
            place.store.fail = StorageFullError("full")
    assert (place["c"].count, place.ids("c")) == (1, [1])


def test_call_that_failed_half_way_spoils_the_transaction(place):
    with pytest.raises(UnosqlError, match="half-way"):
        with place.catalog.atomic():
            place.insert("c", 1)
            with pytest.raises(ValueError):
                insert_many(place["c"], [{"n": 2}, "no dict"])
    assert place["c"].count == 0
    with place.catalog.atomic():
        place.insert("c", 3)
    assert place["c"].count == 1


# -- the low-water mark

def test_capped_without_gaps_writes_nothing_but_the_record(place):
    place["c"].configure({"capped": 3})
    place.insert("c", *range(3))
    for n in range(3, 10):
        place.insert("c", n)
        assert place.kinds() == "R" and place["c"].count == 3
    assert [r["n"] for r in place.find("c")] == [7, 8, 9]


def test_capped_with_gaps(place):
    place["c"].configure({"capped": 3})
    place.insert("c", 0, 1, 2)
    place.delete("c", {"n": 1})
    place.insert("c", 3)
    assert [r["n"] for r in place.find("c")] == [0, 2, 3]
    place.insert("c", 4)
    assert place.kinds() == "RZ" and [r["n"] for r in place.find("c")] == [2, 3, 4] and place["c"].count == 3


def test_expired_records_are_dropped_by_the_way(place):
    place["c"].configure({"ttl": 10})
    place.insert("c", *range(20))
    place.time += 10
    assert (place.find("c"), place["c"].size(), place["c"].count) == ([], 0, 20)
    place.insert("c", *range(20))
    assert (place["c"].size(), place["c"].count) == (20, 20) and place["c"].first == 21


def test_a_refreshed_record_does_not_expire(place):
    place["c"].configure({"ttl": 10})
    place.insert("c", 1, 2)
    place.time += 5
    place.update("c", {"n": 1}, {"m": 1})
    place.time += 5
    assert place.ids("c") == [1] and place["c"].get(2) is None and place["c"].history(2) == []


def kept_alive(place, name, inserts, alive=1, ttl=60):
    """Insert one record a second, after the first ones, which are updated before they expire."""
    place.insert(name, *range(alive))
    for n in range(inserts):
        if n % (ttl // 2):
            place.insert(name, n)
        else:
            place.update(name, {"id": {"lte": alive}}, {"n": n})
        place.time += 1
    return place[name]


def stored(place, kind):
    return sum(key[:1] == kind for key in place.store.data)


@pytest.mark.parametrize("alive", [1, 50])
def test_what_expires_behind_a_record_kept_alive_is_forgotten(alive):
    place = Place(history=2)
    place["c"].configure({"ttl": 60})
    place.index("c", "n")
    c = kept_alive(place, "c", 3000, alive)
    live = c.size()
    assert alive + 50 < live < alive + 60 and c.first == 1
    assert c.count == stored(place, b"R") == stored(place, b"S") == stored(place, b"I") < 2 * live
    assert stored(place, b"H") == 2 * alive and list(problems(place.catalog)) == []
    assert place.ids("c", {"n": {"gte": 0}}) == place.ids("c")
    place.store.flush()
    assert Place(dict(place.store.flash))["c"].count == c.count


def test_a_record_that_was_kept_alive_is_forgotten_with_its_history(place):
    place["c"].configure({"ttl": 60})
    place.insert("c", 1, 2)
    for n in range(3):
        place.time += 30
        place.update("c", {"id": {"lte": 2}}, {"n": n})
    for n in range(200):
        place.time += 1
        place.insert("c", n)
        place.update("c", {"id": 1}, {"n": n}) if n % 30 == 0 else None
    place.store.compact()
    assert place.ids("c", {"id": {"lte": 2}}) == [1]
    assert all(key[:3] != b"H\1\2" for key in place.store.data) and stored(place, b"H") == 4


def test_a_record_from_a_wrong_clock_keeps_nothing_alive(place):
    place["c"].configure({"ttl": 60})
    place.time = 10**6
    place.insert("c", 0)
    place.time = 1000
    for n in range(1000):
        place.insert("c", n)
        place.time += 1
    assert stored(place, b"R") < 120 and place["c"].size() == 60


def test_records_that_live_on_are_passed_by_once_for_two_inserts(place, monkeypatch):
    """The look for expired records costs the same however many live on, and nothing where none was updated."""
    seen = []
    expired = place["c"].is_expired
    place["c"].configure({"ttl": 10**6})
    place.insert("c", *range(1000))
    monkeypatch.setattr(place["c"], "is_expired", lambda raw: seen.append(raw) or expired(raw))
    place.insert("c", *range(160))
    assert len(seen) == 10
    place.update("c", {"id": 1}, {"n": 5})
    seen.clear()
    place.insert("c", *range(160))
    assert len(seen) == 10 * (1 + 32)


def test_a_sweep_that_fails_changes_nothing(place):
    place["c"].configure({"ttl": 60})
    place.insert("c", *range(14))
    place.time += 59
    place.update("c", {"id": 1}, {"n": 1})
    place.time += 10
    place.insert("c", 14)
    place.store.fail = StorageFullError("full")
    with pytest.raises(StorageFullError):
        place.insert("c", 15)
    assert place["c"].count == stored(place, b"R") == 15
    place.insert("c", *range(20))
    assert place["c"].count == stored(place, b"R") == 22


def test_pop_passes_over_expired_records(place):
    place["c"].configure({"ttl": 10})
    place.insert("c", 1, 2)
    place.time += 10
    place.insert("c", 3, 4)
    assert [r["n"] for r in queue.pop(place["c"], 1)] == [3]
    assert (place["c"].count, place["c"].first) == (1, 4)


def test_ack_counts_across_gaps(place):
    place.insert("c", *range(6))
    place.delete("c", {"n": 1})
    assert queue.ack(place["c"], 4) == 3 and place["c"].count == 2 and queue.ack(place["c"], 2) == 0


def test_what_compaction_may_forget(place):
    place.index("c", "n")
    place.insert("c", *range(6))
    place.update("c", {"n": 1}, {"n": 7})
    queue.ack(place["c"], 3)
    index.drop(place["c"], ["n"])
    place.insert("gone", 1)
    place["gone"].drop()
    place.store.compact()
    kinds = [key[:1] for key in place.store.data]
    assert (kinds.count(b"R"), kinds.count(b"S"), kinds.count(b"I"), kinds.count(b"H")) == (3, 3, 0, 0)
    assert place.ids("c") == [4, 5, 6]


def test_nothing_is_dead_within_a_transaction(place):
    place.insert("c", 1)
    place.catalog.begin()
    place["c"].drop()
    assert not any(is_dead(place.store, k, v) for k, v in place.store.data.items())
    place.catalog.rollback()
    assert place.ids("c") == [1]


def test_numbers_of_collections_and_indexes_are_never_used_again(place):
    numbers = []
    for _ in range(3):
        place.insert("c", 1)
        place.index("c", "n")
        numbers += [place["c"].number, place["c"].definitions[0]["number"]]
        index.drop(place["c"], ["n"])
        place["c"].drop()
        place.store.flush()
        place = Place(dict(place.store.flash))
    assert len(set(numbers)) == len(numbers)


# -- plans

@pytest.fixture
def planned(place):
    insert_many(place["c"], ({"a": i % 3, "b": i % 4, "c": i} for i in range(12)))
    place.index("c", "a", "b")
    place.index("c", "c", where={"a": 1})
    return place


@pytest.mark.parametrize("where, order, wanted", [
    ({}, None, ("scan", None, False, True)),
    ({}, "-id", ("scan", None, False, True)),
    ({}, "c", ("scan", None, False, False)),
    ({"id": 3}, None, ("id", None, False, True)),
    ({"id": 3, "a": 0}, "b", ("id", None, False, True)),
    ({"id": {"gt": 3}}, None, ("scan", None, True, True)),
    ({"a": 1}, None, ("index", ["a", "b"], False, False)),
    ({"a": 1}, "b", ("index", ["a", "b"], False, True)),
    ({"a": 1}, "-b", ("index", ["a", "b"], False, True)),
    ({"a": 1}, ["a", "b"], ("index", ["a", "b"], False, True)),
    ({"a": 1}, ["b", "-id"], ("index", ["a", "b"], False, False)),
    ({"a": {"gt": 1}}, ["a", "b"], ("index", ["a", "b"], True, True)),
    ({"a": {"gt": 1}}, "a", ("index", ["a", "b"], True, False)),
    ({"a": 2, "b": 2}, None, ("index", ["a", "b"], False, True)),
    ({"a": 2, "b": {"lt": 2}}, None, ("index", ["a", "b"], True, False)),
    ({}, ["-a", "-b"], ("index", ["a", "b"], False, True)),
    ({}, ["-a", "b"], ("scan", None, False, False)),
    ({"c": {"gt": 1}}, None, ("scan", None, False, True)),
    ({"c": {"gt": 1}, "a": 1}, None, ("index", ["a", "b"], False, False)),
    ({"a": 1, "c": 7}, None, ("index", ["c"], False, True)),
    ({"a": 1}, "c", ("index", ["a", "b"], False, False)),
    ({"a": {"gt": []}}, None, ("scan", None, False, True)),
    ({"or": [{"a": 1}]}, None, ("scan", None, False, True)),
])
def test_plan(planned, where, order, wanted):
    assert planned.explain("c", where, order_by=order) == wanted


def test_a_range_of_many_is_read_in_bounded_ram(place, monkeypatch):
    """More ids than the window: the plan falls back to a scan, and the answer is the same."""
    insert_many(place["c"], ({"n": 100 - i} for i in range(30)))
    place.index("c", "n")
    wanted = place.ids("c", {"n": {"gt": 75}})
    assert wanted == list(range(1, 26))
    monkeypatch.setattr(query, "_WINDOW", 10)
    assert place.ids("c", {"n": {"gt": 75}}) == wanted
    assert place.ids("c", {"n": {"gt": 75}}, order_by="-id", limit=2) == [25, 24]


def test_only_the_best_are_kept(place, monkeypatch):
    monkeypatch.setattr(query, "_SPARE", 1)
    insert_many(place["c"], ({"n": i * 7 % 30} for i in range(30)))
    assert [r["n"] for r in place.find("c", order_by="-n", skip=2, limit=3)] == [27, 26, 25]


def test_long_texts_are_ordered_without_the_index(place):
    place.index("c", "t")
    place["c"].insert({"t": "short"})
    assert place.explain("c", order_by="t")[0] == "index"
    for end in "ba":
        place["c"].insert({"t": "x" * 200 + end})
    assert place.explain("c", order_by="t")[0] == "scan"
    assert place.ids("c", order_by="t") == [1, 3, 2]
    assert place.ids("c", {"t": "x" * 200 + "a"}) == [3]
    place.store.flush()
    assert Place(dict(place.store.flash)).explain("c", order_by="t")[0] == "scan"


def test_floats_of_another_precision(place, monkeypatch):
    """A database of a board with single floats, read on a PC: an index on floats answers nothing, and takes nothing."""
    place.index("c", "t")
    place.insert("c", 1)
    place["c"].insert({"t": 1})
    assert "float" not in place["c"].definitions[0]
    place["c"].insert({"t": 0.5})
    place.index("c", "n")
    place.store.flush()
    monkeypatch.setattr(index, "float_bits", lambda: 24)
    board = Place(dict(place.store.flash))
    assert board.explain("c", {"t": 0.5})[0] == "scan" and board.explain("c", {"n": 1})[0] == "index"
    assert board.ids("c", {"t": 0.5}) == [3] and list(problems(board.catalog)) == []
    with pytest.raises(UnosqlError, match="t.*precision"):
        board["c"].insert({"t": 2})
    index.drop(board["c"], ["t"])
    board.index("c", "t")
    board["c"].insert({"t": 2})
    assert board.ids("c", {"t": {"gt": 0}}, order_by="t") == [3, 2, 4]


def test_unique_compares_what_an_index_cuts(place):
    place.index("c", "t", unique=True)
    for value in ("x" * 200 + "a", "x" * 200 + "b", [1], [2], {"a": 1}, None):
        place["c"].insert({"t": value})
    for value in ("x" * 200 + "b", [2], {"a": 1.0}):
        with pytest.raises(UniqueError):
            place["c"].insert({"t": value})
    with pytest.raises(UniqueError):
        place["c"].insert({})  # a missing field is null
    assert place["c"].count == 6


def test_unique_notices_a_change_that_an_index_cuts(place):
    """The entry in the index stays the same, the value does not."""
    place.index("c", "t", unique=True)
    for value in ("x" * 200 + "a", "x" * 200 + "b", [1], [2]):
        place["c"].insert({"t": value})
    for id, value in ((2, "x" * 200 + "a"), (4, [1])):
        with pytest.raises(UniqueError):
            place.update("c", {"id": id}, {"t": value})
    place.update("c", {"id": 3}, {"t": {}})
    place.update("c", {"id": 2}, {"t": "x" * 200 + "b", "n": 1})
    assert [r["t"] for r in place.find("c")] == ["x" * 200 + "a", "x" * 200 + "b", {}, [2]]


def test_definition_that_differs_is_refused(place):
    place.index("c", "n")
    place.index("c", "n")
    with pytest.raises(ValueError, match="drop it first"):
        place.index("c", "n", unique=True)


# -- conditions and records

def test_true_is_not_one():
    assert not condition.same(True, 1) and not condition.same([0], [False]) and condition.same({"a": [1]}, {"a": [1.0]})
    assert not condition.same({"a": None}, {"b": None}) and not condition.same([1], [1, 2])


@pytest.mark.parametrize("query_, index_, wanted", [
    ({"a": 1, "b": 2}, {"a": 1}, True), ({"a": True}, {"a": 1}, False), ({"a": {"gt": 1, "lt": 5}}, {"a": {"gt": 1}}, True),
    ({"a": {"gt": 2}}, {"a": {"gt": 1}}, False), ({"or": [{"a": 1}]}, {"or": [{"a": 1}]}, True), ({}, {"a": 1}, False),
])
def test_implies(query_, index_, wanted):
    assert condition.implies(condition.compile(query_), condition.compile(index_)) is wanted


@pytest.mark.parametrize("bad, words", [
    ({"a": [1, {"b": float("nan")}]}, r"record\['a'\]\[1\]\['b'\]: nan is not JSON"),
    ({"a": {1: 2}}, r"record\['a'\]: the key 1 is not a string"),
    ({"a": b"x"}, r"record\['a'\]: a bytes is not JSON"),
    ([1], "record: a list is not a dict"),
])
def test_flaws_are_named(place, bad, words):
    with pytest.raises(ValueError, match=words):
        place["c"].insert(bad)
    assert place.store.batches == []


def nested(depth):
    return [nested(depth - 1)] if depth else []


def test_nesting():
    record.check({"a": nested(15)})
    with pytest.raises(ValueError, match="deeper than 16"):
        record.check({"a": nested(16)})


def test_pack_and_unpack():
    raw = record.pack(3, 10**9, 70000, {"id": 9, "a": "ü\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "version": 1})
    assert record.header(raw)[:3] == (3, 10**9, 70000)
    assert record.unpack(raw, 5) == {"a": "ü\U0001f600", "id": 5, "timestamp": 10**9, "version": 3}
    assert record.header(record.restamp(raw, 5))[:3] == (3, 10**9, 5)
    assert record.unpack(record.restamp(raw, 5), 5) == record.unpack(raw, 5)


def test_upsert_makes_nested_fields(place):
    assert upsert(place["c"], condition.compile({"a.b": 1, "n": {"gt": 5}, "a.c": {"eq": 2}}), {"m": 3}) == 1
    found = place.find("c", {"a.b": 1})[0]
    assert (found["a"], found["m"]) == ({"b": 1, "c": 2}, 3)


def test_upsert_does_not_change_what_it_is_given(place):
    inner = {"x": {"y": 1}}
    where = {"a": {"eq": inner}, "a.b": 2, "a.x.z": 3}
    assert upsert(place["c"], condition.compile(where), {"m": 3}) == 1
    assert place["c"].get(1)["a"] == {"x": {"y": 1, "z": 3}, "b": 2}
    assert inner == {"x": {"y": 1}} and where == {"a": {"eq": inner}, "a.b": 2, "a.x.z": 3}


@pytest.mark.parametrize("where", [{"a": 5, "a.b": 2}, {"a.b": 2, "a": 5}, {"a.b.c": 1, "a.b": None}, {"a": [], "a.0": 1}])
def test_upsert_of_fields_that_exclude_each_other(place, where):
    with pytest.raises(ValueError, match="a.b|a.0"):
        upsert(place["c"], condition.compile(where), {"m": 3})
    assert place.store.batches == []


# -- verify

def test_verify_finds_what_disagrees(place):
    place.index("c", "n")
    place.insert("c", 1, 2, 3)
    assert list(problems(place.catalog)) == []
    entries = [key for key in place.store.data if key[:1] == b"I"]
    del place.store.data[entries[0]]
    del place.store.data[place["c"].key(3)]
    found = "\n".join(problems(place.catalog))
    assert "record 1 is missing in the index on n" in found
    assert "the index on n is wrong about record 3" in found
    assert "has 2 records and counts 3" in found


# -- restoring an increment, on files

@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Unosql("restored", path=".") as db:
        yield db


def test_restoring_what_was_popped_brings_back_nothing_else(db):
    db.create_index("q", "n")
    db.insert_many("q", [{"n": n} for n in range(6)])
    db.update("q", {}, {"m": 1})
    cursor = db.last_change()
    db.update("q", "n", 2, {"m": 2})
    db.incremental_backup("inc.bak", since_change=cursor)
    db.pop("q", 5)
    assert db.restore("inc.bak") == 1
    assert [(r["id"], r["m"]) for r in db.all("q")] == [(3, 2), (6, 1)]
    assert [r["id"] for r in db.find("q", {"n": {"gte": 0}}, order_by="-n")] == [6, 3]
    assert db.history("q", 4) == [] and db.get("q", 4) is None and db.count("q") == 2
    assert db.insert("q", {}) == 7 and db.verify() == []


def test_restoring_what_was_acknowledged_brings_back_no_changes(db):
    """Deleted, acknowledged, and then an increment brings an earlier record back: the deletion stays forgotten."""
    db.insert_many("q", [{"n": n} for n in range(6)])
    cursor = db.last_change()
    db.update("q", "n", 2, {"m": 2})
    db.incremental_backup("inc.bak", since_change=cursor)
    db.delete("q", "n", 3)
    db.ack("q", 5)
    assert [(c["id"], c["deleted"]) for c in db.changes()] == [(6, False)]
    db.restore("inc.bak")
    assert [(c["id"], c["deleted"]) for c in db.changes()] == [(6, False), (3, False)]
    stored = db._database._store.scan(keys.CHANGE, keys.above(keys.CHANGE))
    assert [keys.parse(value, 0)[1] for _, value in stored] == [1, 2, 6, 3] and db.verify() == []


def test_a_record_that_was_deleted_and_restored_is_not_deleted_by_the_next_increment(db):
    db.insert_many("c", [{"n": 1}, {"n": 2}])
    db.incremental_backup("one.bak", since_change=0)
    db.delete("c", {"n": 1})
    db.delete("c", {"n": 2})
    db.restore("one.bak")
    db.delete("c", {"n": 2})
    assert [(c["id"], c["deleted"]) for c in db.changes()] == [(1, False), (2, True)]
    assert db.incremental_backup("two.bak", since_change=0) == 2
    assert db.restore("two.bak") == 2
    assert [r["n"] for r in db.all("c")] == [1] and db.verify() == []


def test_an_increment_may_swap_unique_values(db):
    db.create_index("c", "n", unique=True)
    db.insert_many("c", [{"n": 1}, {"n": 2}])
    db.backup("full.bak")
    cursor = db.last_change()
    for old, new in ((1, 3), (2, 1), (3, 2)):
        db.update("c", "n", old, {"n": new})
    db.incremental_backup("inc.bak", since_change=cursor)
    db.restore("full.bak")
    assert [r["n"] for r in db.all("c")] == [1, 2]
    assert db.restore("inc.bak") == 2
    assert [r["n"] for r in db.all("c")] == [2, 1] and db.verify() == []


def test_an_increment_that_collides_changes_nothing(db):
    db.create_index("c", "n", unique=True)
    db.insert("c", {"n": 1})
    db.incremental_backup("inc.bak", since_change=0)
    db.update("c", "n", 1, {"n": 5})
    db.insert("c", {"n": 1})
    wanted, change = db.all("c"), db.last_change()
    with pytest.raises(UniqueError):
        db.restore("inc.bak")
    assert (db.all("c"), db.last_change(), db.verify()) == (wanted, change, [])


def test_an_increment_keeps_the_history_in_order(db):
    db.insert("c", {"n": 1})
    for n in (2, 3):
        db.update("c", {}, {"n": n})
    db.incremental_backup("three.bak", since_change=0)
    for n in (4, 5):
        db.update("c", {}, {"n": n})
    db.incremental_backup("five.bak", since_change=0)
    db.restore("three.bak")
    assert [r["version"] for r in db.history("c", 1)] == [3, 2, 1]
    for _ in range(2):
        db.restore("five.bak")
        assert [r["version"] for r in db.history("c", 1)] == [5, 3, 2, 1]


def test_a_backup_of_a_later_format_is_refused(db, monkeypatch):
    db.insert("c", {})
    with monkeypatch.context() as patch:
        patch.setattr(backup, "FORMAT", 2)
        db.backup("later.bak")
    with pytest.raises(UnosqlError, match="later.bak"):
        db.restore("later.bak")


# -- backup files when the filesystem fails

def filesystem(monkeypatch, **calls):
    """Give archive.py these functions in the place of os's."""
    known = {name: getattr(os, name) for name in ("remove", "rename", "stat")}
    monkeypatch.setattr(archive, "os", SimpleNamespace(**{**known, **calls}))


def failing(number):
    def call(*args, **options):
        raise OSError(number, "made to fail")

    return call


def fat_rename(old, new):
    """As FAT does it: not over a file."""
    if os.path.exists(new):
        raise OSError(errno.EEXIST, new)
    os.rename(old, new)


@pytest.fixture
def saved(db):
    """A database of two records with a backup of the first one in "c.bak"."""
    db.insert("c", {"n": 1})
    db.backup("c.bak")
    db.insert("c", {"n": 2})
    return db


def in_backup(db, name="c.bak"):
    db.restore(name)
    return [r["n"] for r in db.all("c")]


def test_a_backup_takes_the_place_of_the_old_one_at_once(saved, monkeypatch):
    filesystem(monkeypatch, remove=lambda path: pytest.fail("removed " + path))
    assert saved.backup("c.bak") == 2 and in_backup(saved) == [1, 2]
    assert not os.path.exists("c.bak.tmp")


def test_where_renaming_does_not_replace_the_old_backup_is_removed(saved, monkeypatch):
    filesystem(monkeypatch, rename=fat_rename)
    assert saved.backup("c.bak") == 2 and in_backup(saved) == [1, 2]
    assert not os.path.exists("c.bak.tmp")


def test_renaming_that_fails_leaves_the_old_backup(saved, monkeypatch):
    filesystem(monkeypatch, rename=failing(errno.EIO))
    with pytest.raises(OSError, match="made to fail"):
        saved.backup("c.bak")
    assert not os.path.exists("c.bak.tmp") and in_backup(saved) == [1]


def test_a_complete_backup_stays_when_the_old_one_is_gone(saved, monkeypatch):
    renames = [fat_rename, failing(errno.EIO)]
    filesystem(monkeypatch, rename=lambda *names: renames.pop(0)(*names))
    with pytest.raises(OSError, match="made to fail"):
        saved.backup("c.bak")
    assert not os.path.exists("c.bak")
    with pytest.raises(OSError, match="c.bak.tmp") as raised:
        saved.restore("c.bak")
    assert raised.value.errno == errno.ENOENT
    assert in_backup(saved, "c.bak.tmp") == [1, 2]


@pytest.mark.parametrize("name", ["sync", "Writer"])
def test_a_backup_that_fails_leaves_nothing_about(saved, monkeypatch, name):
    monkeypatch.setattr(archive, name, failing(errno.ENOSPC))
    with pytest.raises(OSError, match="made to fail"):
        saved.backup("c.bak")
    assert not os.path.exists("c.bak.tmp") and in_backup(saved) == [1]


def test_a_full_medium_at_the_end_of_a_backup_leaves_nothing_about(saved, monkeypatch):
    """Closing a file writes out what is buffered, and says again that there is no room."""

    def full(path, mode):
        file = open(path, mode)
        return SimpleNamespace(write=failing(errno.ENOSPC), close=lambda: file.close() or failing(errno.ENOSPC)())

    monkeypatch.setattr(archive, "open", full, raising=False)
    with pytest.raises(OSError, match="made to fail"):
        saved.backup("c.bak")
    assert not os.path.exists("c.bak.tmp")


# -- deleting while flash is short

def full(place, n=60):
    place.insert("c", *range(n))
    place.store.is_short = True
    return place


@pytest.mark.parametrize("where, left", [
    ({"n": {"gte": 100}}, 60), ({"n": 7}, 59), ({"n": {"lt": 20}}, 40), ({"n": {"gte": 3, "lt": 50}}, 13), ({"n": {"gte": 3, "lt": 35}}, 28), ({}, 0),
    ({"n": {"in": [3, 4, 8, 9, 10, 30]}}, 54),
])
def test_deletions_on_a_full_medium(place, where, left):
    full(place)
    assert place.delete("c", where) == 60 - left and place.find("c", where) == []
    assert len(place.ids("c")) == place["c"].count == left and not place.catalog.promise and list(problems(place.catalog)) == []


def test_ids_that_fill_more_than_one_entry(place):
    full(place, 1200)
    assert place.delete("c", {"n": {"in": list(range(1, 1200, 2))}}) == 600 and place.ids("c") == [n + 1 for n in range(0, 1200, 2)]


@pytest.mark.parametrize("after", range(1, 8))
def test_a_promise_is_kept_later_or_given_up_when_there_is_no_room(monkeypatch, place, after):
    full(place)
    apply, left = place.store.apply, [after]

    def filling(ops):
        left[0] -= 1
        if left[0] == 0:
            raise StorageFullError
        apply(ops)

    monkeypatch.setattr(place.store, "apply", filling)
    try:
        assert place.delete("c", {"n": {"gte": 3, "lt": 50}}) == 47
    except StorageFullError:
        assert not place.catalog.promise and place.store.get(keys.make(keys.PROMISE, 0)) is None
    assert set(place.ids("c")) >= {1, 2, 3, *range(51, 61)} and list(problems(place.catalog)) == []


def test_a_promise_that_a_cut_interrupted(monkeypatch, place):
    """What it is about goes with the next call, but for what was written since; where there is no room it is tried again."""
    full(place)
    tests = condition.compile({"n": {"gte": 3, "lt": 50}})
    shortage._promise(place["c"], tests)
    place.update("c", {"n": 10}, {"n": 11})
    with monkeypatch.context() as patch:
        patch.setattr(place.store, "apply", failing_apply)
        shortage.try_promise(place.catalog)
    assert place.catalog.promise and len(place.ids("c")) == 60
    shortage.try_promise(place.catalog)
    assert place.ids("c") == [1, 2, 3, 11, *range(51, 61)] and not place.catalog.promise


def failing_apply(ops):
    raise StorageFullError
