"""The whole database against a model: dicts of records, searched by plain Python.

UNOSQL_STEPS: how many steps the state machine takes in all (default 4,000; at scale 100,000 and more).
UNOSQL_SHRINK: look for the shortest example of a failure.
"""
import copy
import json
import os
import re

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memfs import MemFs
from unosql.documents.catalog import Catalog
from unosql.core import UniqueError, Unosql, UnosqlError
from unosql.storage.files import Files

STEPS = int(os.environ.get("UNOSQL_STEPS", 4000))
PER_RUN = 50
DEPTH = 2  # of the history
META = ("id", "timestamp", "version")

NAMES = st.sampled_from(["a", "b"])
SCALARS = st.sampled_from([None, False, True, -1, 0, 1, 2, 2.5, 3, "", "a", "ab", "b"])
LONG = st.sampled_from(["long" * 40 + end for end in "cab"])  # alike as far as an index keeps them
VALUES = SCALARS | SCALARS | LONG | st.sampled_from([[1, "a"], [], {"y": 1}, {"y": "a"}])
RECORDS = st.fixed_dictionaries({}, optional={"x": VALUES, "y": VALUES, "z": VALUES})
FIELDS = st.sampled_from(["x", "y", "z", "x.y", "id", "version"])
TESTS = st.one_of(
    st.tuples(FIELDS, st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte", "contains"]), VALUES),
    st.tuples(FIELDS, st.just("in"), st.lists(VALUES, max_size=3)),
    st.tuples(FIELDS, st.just("exists"), st.booleans()),
    st.tuples(FIELDS, st.just("regex"), st.sampled_from(["^a", "b$", "."])),
)
WHERE = st.lists(TESTS, max_size=2).map(lambda tests: {field: {operator: value} for field, operator, value in tests})
DEEP = WHERE | st.tuples(st.sampled_from(["or", "and"]), st.lists(WHERE, max_size=2)).map(lambda t: dict([t]))
DEEP = DEEP | WHERE.map(lambda where: {"not": where})
ORDER = st.none() | st.lists(st.sampled_from(["x", "-x", "x", "-x", "y", "-y", "z", "id", "-id", "-version"]), max_size=2)
SEARCHES = st.tuples(DEEP, ORDER, st.integers(0, 2), st.none() | st.integers(0, 5))
INDEXES = st.lists(st.sampled_from(["x", "x", "y", "z", "x.y", "version"]), min_size=1, max_size=2).map(lambda l: sorted(set(l)))
MISSING = object()


def kind(value):
    return "number" if type(value) in (int, float) else type(value).__name__


def same(a, b):
    if kind(a) != kind(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return a == b


def value_of(record, field):
    for name in field.split("."):
        if not isinstance(record, dict) or name not in record:
            return MISSING
        record = record[name]
    return record


def compare(operator, a, b):
    if kind(a) != kind(b) or kind(a) not in ("number", "str", "bool"):
        return False
    return {"gt": a > b, "gte": a >= b, "lt": a < b, "lte": a <= b}[operator]


def holds(operator, found, wanted):
    value = None if found is MISSING else found
    if operator == "exists":
        return (found is not MISSING) == wanted
    if operator in ("eq", "ne"):
        return same(value, wanted) == (operator == "eq")
    if operator == "in":
        return any(same(value, w) for w in wanted)
    if operator == "contains":
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and any(same(v, wanted) for v in value)
    if operator == "regex":
        return isinstance(value, str) and bool(re.search(wanted, value))
    return compare(operator, value, wanted)


def matches(where, record):
    for field, test in where.items():
        if field in ("or", "and"):
            ok = (any if field == "or" else all)(matches(part, record) for part in test)
        elif field == "not":
            ok = not matches(test, record)
        else:
            ok = all(holds(operator, value_of(record, field), wanted) for operator, wanted in test.items())
        if not ok:
            return False
    return True


def rank(value):
    if value is MISSING or value is None:
        return 0, 0, ""
    if isinstance(value, bool):
        return 1, value, ""
    if isinstance(value, (int, float)):
        return 2, value, ""
    return (3, 0, value) if isinstance(value, str) else (4, 0, "")


def ordered(records, order):
    records = sorted(records, key=lambda r: r["id"])
    for field in reversed(order or []):
        records.sort(key=lambda r: rank(value_of(r, field.lstrip("-"))), reverse=field.startswith("-"))
        # sorted() with reverse keeps the order of equals: ties by id
    return records


class Conflict(Exception):
    """A unique index would hold a value twice."""


class Model:
    """What the database should hold. feed: {(collection, id): deleted} in order of change.

    short: the medium was full, so that some old versions and deletions need not be there.
    """

    def __init__(self):
        self.collections = {}
        self.feed = {}
        self.short = False

    def collection(self, name):
        new = {"next": 1, "records": {}, "versions": {}, "indexes": [], "capped": 0, "ttl": 0}
        return self.collections.setdefault(name, new)

    def live(self, name, now):
        c = self.collections.get(name)
        if not c:
            return []
        return [r for _, r in sorted(c["records"].items()) if not c["ttl"] or r["timestamp"] + c["ttl"] > now]

    def changed(self, name, id, deleted=False):
        self.feed.pop((name, id), None)
        self.feed[name, id] = deleted

    def insert(self, name, record, now):
        c = self.collection(name)
        id = c["next"]
        c["next"] += 1
        self.put(name, id, dict(record, id=id, timestamp=now, version=1))
        while c["capped"] and len(c["records"]) > c["capped"]:
            self.forget(name, min(c["records"]))
        return id

    def retire(self, c, id):
        versions = c["versions"].setdefault(id, [])
        versions.insert(0, c["records"][id])
        if not self.short:
            del versions[DEPTH:]

    def update(self, name, id, changes, now):
        c = self.collections[name]
        self.retire(c, id)
        old = c["records"][id]
        self.put(name, id, dict(old, **dict(changes, id=id, timestamp=now, version=old["version"] + 1)))

    def put(self, name, id, record, check=True):
        c = self.collections[name]
        c["records"][id] = record
        self.changed(name, id)
        if check and self.conflicts(c, record):
            raise Conflict

    def conflicts(self, c, record):
        for index in c["indexes"]:
            there = [r for r in c["records"].values() if r is not record and matches(index["where"] or {}, r)]
            if index["unique"] and matches(index["where"] or {}, record):
                values = [self.values(index, r) for r in there]
                if any(same(v, self.values(index, record)) for v in values):
                    return True
        return False

    def values(self, index, record):
        found = [value_of(record, key) for key in index["keys"]]
        return [None if value is MISSING else value for value in found]

    def merge(self, entries):
        """Restore an increment: entries are those of the change feed, in order of collection and id."""
        for name, id, record in entries:
            c = self.collection(name)
            old = c["records"].get(id)
            if record is None:
                if old:
                    self.delete(name, id)
                continue
            if old and old["version"] < record["version"]:
                self.retire(c, id)
            kept = [v for v in c["versions"].get(id, []) if v["version"] < record["version"]]
            c["versions"][id] = kept
            self.put(name, id, record, False)
            c["next"] = max(c["next"], id + 1)
        for name, c in self.collections.items():
            if any(self.conflicts(c, record) for record in c["records"].values()):
                raise Conflict
            while c["capped"] and len(c["records"]) > c["capped"]:
                self.forget(name, min(c["records"]))

    def delete(self, name, id):
        c = self.collections[name]
        self.retire(c, id)
        del c["records"][id]
        self.changed(name, id, True)

    def forget(self, name, last):
        """All up to the id `last` is gone, without a trace."""
        c = self.collections[name]
        for records in (c["records"], c["versions"]):
            for id in [id for id in records if id <= last]:
                del records[id]
        for key in [key for key in self.feed if key[0] == name and key[1] <= last]:
            del self.feed[key]

    def clear(self, name):
        c = self.collections.get(name)
        if c:
            self.forget(name, c["next"])
            c["indexes"] = []


class Machine(RuleBasedStateMachine):
    """Does everything to the database and the model, and compares what they answer."""

    def __init__(self):
        super().__init__()
        self.medium = self.fresh_medium()
        self.now = 1000
        Catalog.now = lambda catalog: self.now
        self.model = Model()
        self.saved = None  # the model when the transaction began
        self.transaction = None
        self.backup = self.increment = None
        self.db = self.opened()

    def fresh_medium(self, before=None):
        """A medium; before: that which the power has left, with what it holds."""
        return MemFs(before and before.files)

    def storage(self):
        return Files("m.udb", slots=8, fs=self.medium)

    def opened(self):
        return Unosql("m", storage=self.storage(), history=DEPTH, memtable=1024)

    def teardown(self):
        Catalog.now = NOW
        if self.transaction is None:
            self.db.close()

    @initialize(records=st.lists(RECORDS, min_size=5, max_size=30), indexes=st.lists(INDEXES, max_size=2, unique_by=tuple))
    def start(self, records, indexes):
        for name in ("a", "b"):
            self.insert_many(name, records)
            for keys in indexes:
                self.create_index(name, keys, None, False)

    # -- writes

    def both(self, on_model, on_database, several=False):
        """Do the same to both and compare; several: the call writes more than one record."""
        before = copy.deepcopy(self.model)
        try:
            wanted = on_model()
        except Conflict:
            self.model = before
            with pytest.raises(UniqueError):
                on_database()
            if several and self.transaction is not None:
                self.spoiled()
        else:
            assert on_database() == wanted

    def spoiled(self):
        """A call failed half-way in a transaction: it can't commit."""
        with pytest.raises(UnosqlError, match="half-way"):
            self.transaction.__exit__(None, None, None)
        self.rolled_back()

    def rolled_back(self):
        self.transaction = None
        self.model = self.saved

    @rule(name=NAMES, record=RECORDS)
    def insert(self, name, record):
        self.both(lambda: self.model.insert(name, record, self.now), lambda: self.db.insert(name, record))

    @rule(name=NAMES, records=st.lists(RECORDS, max_size=30))
    def insert_many(self, name, records):
        def on_model():
            return len([self.model.insert(name, record, self.now) for record in records])

        self.both(on_model, lambda: self.db.insert_many(name, iter(records)), True)

    def found(self, name, where):
        return [r["id"] for r in self.model.live(name, self.now) if matches(where, r)]

    @rule(name=NAMES, where=DEEP, changes=RECORDS)
    def update(self, name, where, changes):
        ids = self.found(name, where)

        def on_model():
            for id in ids:
                self.model.update(name, id, changes, self.now)
            return bool(ids)

        self.both(on_model, lambda: self.db.update(name, where, changes), len(ids) > 1)

    @rule(name=NAMES, field=st.sampled_from(["x", "y"]), value=VALUES, changes=RECORDS)
    def upsert(self, name, field, value, changes):
        ids = self.found(name, {field: {"eq": value}})

        def on_model():
            for id in ids:
                self.model.update(name, id, changes, self.now)
            return ids[0] if ids else self.model.insert(name, dict({field: value}, **changes), self.now)

        self.both(on_model, lambda: self.db.upsert(name, field, value, changes), len(ids) > 1)

    @rule(name=NAMES, where=WHERE)
    def delete(self, name, where):
        ids = self.found(name, where)
        assert self.db.delete(name, where) == len(ids)
        for id in ids:
            self.model.delete(name, id)

    @rule(name=NAMES, what=st.sampled_from(["pop", "ack", "clear", "drop", "cap"]), n=st.integers(0, 30))
    def lose(self, name, what, n):
        """One rule for all that empties a collection, so that they grow in between."""
        getattr(self, "_" + what)(name, n)

    def _pop(self, name, n):
        wanted = self.model.live(name, self.now)[: n % 6]
        assert self.db.pop(name, n % 6) == wanted
        if wanted:
            self.model.forget(name, wanted[-1]["id"])

    def _ack(self, name, id):
        wanted = [r for r in self.model.live(name, self.now) if r["id"] <= id]
        assert self.db.ack(name, id) == len(wanted)
        if name in self.model.collections:
            self.model.forget(name, id)

    def _clear(self, name, _):
        self.db.clear(name)
        self.model.clear(name)

    def _drop(self, name, _):
        assert self.db.drop(name) == (name in self.model.collections)
        self.model.clear(name)
        self.model.collections.pop(name, None)

    def _cap(self, name, n):
        capped = n if n > 2 else 0
        self.db.configure(name, capped=capped)
        c = self.model.collection(name)
        c["capped"] = capped
        while capped and len(c["records"]) > capped:
            self.model.forget(name, min(c["records"]))

    @rule(seconds=st.integers(-5, 60))
    def wait(self, seconds):
        self.now += seconds

    # -- indexes

    @rule(name=NAMES, keys=INDEXES, where=st.none() | WHERE, unique=st.integers(0, 5).map(lambda n: not n))
    def create_index(self, name, keys, where, unique):
        indexes = self.model.collections.get(name, {"indexes": []})["indexes"]  # the collection is made by the call, or not at all
        there = [i["keys"] for i in indexes]
        definitions = [*indexes, {"keys": keys, "where": where}]
        if keys in there or len(json.dumps(definitions)) > 700:  # more would not fit this memtable
            return

        def on_model():
            c = self.model.collection(name)
            c["indexes"].append({"keys": keys, "unique": unique, "where": where})
            if any(self.model.conflicts(c, record) for record in c["records"].values()):
                raise Conflict

        self.both(on_model, lambda: self.db.create_index(name, keys, where=where, unique=unique), True)

    @rule(name=NAMES, keys=INDEXES)
    def drop_index(self, name, keys):
        c = self.model.collections.get(name, {"indexes": []})
        there = [i for i in c["indexes"] if i["keys"] == keys]
        assert self.db.drop_index(name, keys) == bool(there)
        c["indexes"] = [i for i in c["indexes"] if i not in there]

    # -- reads

    @rule(name=NAMES, searches=st.lists(SEARCHES, min_size=3, max_size=6))
    def find(self, name, searches):
        for where, order, skip, limit in searches:
            wanted = ordered([r for r in self.model.live(name, self.now) if matches(where, r)], order)
            plan = self.db.explain(name, where, order_by=order)
            found = self.db.find(name, where, order_by=order, skip=skip, limit=limit)
            assert found == wanted[skip:][:limit], plan

    @rule(name=NAMES, field=FIELDS, value=VALUES)
    def find_equal(self, name, field, value):
        assert [r["id"] for r in self.db.find(name, field, value)] == self.found(name, {field: {"eq": value}})

    @rule(name=NAMES, id=st.integers(0, 30))
    def look_at_one(self, name, id):
        record = next((r for r in self.model.live(name, self.now) if r["id"] == id), None)
        assert self.db.get(name, id) == record
        versions = self.model.collections.get(name, {"versions": {}})["versions"].get(id, [])
        if record or id not in self.model.collections.get(name, {"records": {}})["records"]:
            assert self.db.history(name, id) == [record][: record is not None] + versions

    @rule(since=st.integers(0, 30))
    def changes(self, since):
        found = list(self.db.changes())
        assert [(c["collection"], c["id"], c["deleted"]) for c in found] == [(*k, d) for k, d in self.model.feed.items()]
        assert all(a["change"] < b["change"] for a, b in zip(found, found[1:]))
        assert list(self.db.changes(since)) == [c for c in found if c["change"] > since]

    # -- transactions

    @precondition(lambda self: self.transaction is None)
    @rule()
    def begin(self):
        self.transaction = self.db.transaction()
        self.transaction.__enter__()
        self.saved = copy.deepcopy(self.model)

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self):
        self.transaction.__exit__(None, None, None)
        self.transaction = None

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def roll_back(self):
        error = KeyError()
        self.transaction.__exit__(KeyError, error, None)
        self.rolled_back()

    # -- the database as a whole

    @precondition(lambda self: self.transaction is None)
    @rule()
    def reopen(self):
        self.db.close()
        self.db = self.opened()

    @rule()
    def cut(self):
        """The power fails: what was acknowledged, and no open transaction, is there."""
        self.medium = self.fresh_medium(self.medium)
        if self.transaction is not None:
            self.rolled_back()
        self.db = self.opened()

    @precondition(lambda self: self.transaction is None)
    @rule(compact=st.booleans())
    def tidy(self, compact):
        self.db.compact() if compact else self.db.optimize_memory()

    @precondition(lambda self: self.transaction is None)
    @rule()
    def back_up(self):
        self.db.backup("model.bak")
        self.backup = copy.deepcopy(self.model)

    @precondition(lambda self: self.transaction is None and self.backup)
    @rule()
    def restore(self):
        self.db.restore("model.bak")
        self.model = copy.deepcopy(self.backup)
        names = sorted(self.model.collections)
        live = [(n, r["id"]) for n in names for r in self.model.collections[n]["records"].values()]
        self.model.feed = {key: False for key in live}
        self.refresh_feed()

    @precondition(lambda self: self.transaction is None)
    @rule(since=st.integers(0, 40))
    def back_up_increment(self, since):
        found = [(c["collection"], c["id"], c["record"]) for c in self.db.changes(since)]
        assert self.db.incremental_backup("increment.bak", since_change=since) == len(found)
        records = sorted(((n, i, r) for n, i, r in found if r), key=lambda e: e[:2])
        self.increment = records + [e for e in found if not e[2]]
        empty = {"records": {}, "versions": {}}
        self.definitions = copy.deepcopy({n: dict(c, **empty) for n, c in self.model.collections.items()})

    @precondition(lambda self: self.transaction is None and self.increment is not None)
    @rule()
    def restore_increment(self):
        before = copy.deepcopy(self.model)
        try:
            for name, definition in copy.deepcopy(self.definitions).items():
                c = self.model.collections.setdefault(name, definition)
                c["next"] = max(c["next"], definition["next"])
            self.model.merge(self.increment)
        except Conflict:
            self.model = before
            with pytest.raises(UniqueError):
                self.db.restore("increment.bak")
        else:
            assert self.db.restore("increment.bak") == len(self.increment)
            self.refresh_feed()

    def refresh_feed(self):
        """Restoring numbers the changes anew: take over their order, not what they are about."""
        changes = list(self.db.changes())
        found = {(c["collection"], c["id"]): c["deleted"] for c in changes}
        assert found == self.model.feed and len(found) == len(changes)
        self.model.feed = found

    @invariant()
    def counts(self):
        assert self.db.collections() == sorted(self.model.collections)
        for name, c in self.model.collections.items():
            assert self.db.count(name) == len(self.model.live(name, self.now))
            assert self.db.indexes(name) == c["indexes"]

    @precondition(lambda self: self.transaction is None)
    @rule()
    def verify(self):
        assert self.db.verify() == []
        for name in self.model.collections:
            assert self.db.all(name) == self.model.live(name, self.now)


NOW = Catalog.now
PHASES = [Phase.generate] + [Phase.shrink] * ("UNOSQL_SHRINK" in os.environ)
Machine.TestCase.settings = settings(
    max_examples=max(1, STEPS // PER_RUN), stateful_step_count=PER_RUN, deadline=None, phases=PHASES,
    suppress_health_check=list(HealthCheck), print_blob=True,
)


@pytest.mark.usefixtures("elsewhere")
class TestModel(Machine.TestCase):
    pass


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
