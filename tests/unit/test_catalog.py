"""The catalogue keeps a few collections in RAM: what leaves the cache comes back, and nothing alive is taken for dead."""
import random

import pytest
from unosql.documents import catalog as catalogs
from unosql.documents import keys
from unosql.documents.steps import finish
from unosql.documents.catalog import Catalog
from unosql.core import Unosql
from unosql.storage.files import Files
from unosql.documents.record import dumps

from fake_store import FakeStore, is_dead
from memfs import MemFs


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Three collections fit the cache."""
    monkeypatch.setattr(catalogs, "_LARGE", 3)


def opened(fs, **options):
    return Unosql("t", storage=Files("t.udb", fs=fs), memtable=2048, **options)


def name(i):
    return "c%03d" % i


class Old(Catalog):
    """The catalogue of the versions that did not write the entries which lead from numbers to names."""

    def expand(self, key, value):
        return None if key[:1] == keys.CATALOG else super().expand(key, value)

    def _missing_names(self):
        return ()

    def _entries(self):
        for key, value in super()._entries():
            yield key, dumps({"change": self.change, "next": self.next_number}) if key == keys.CATALOG else value


@pytest.fixture
def old(monkeypatch):
    """A medium with 50 collections as an older version left it: 40 of them hold records, some of these in the WAL only."""
    fs = MemFs()
    with monkeypatch.context() as patch:
        patch.setattr("unosql.database.Catalog", Old)
        patch.setattr(catalogs, "_LARGE", 1000)
        db = opened(fs)
        for turn in range(4):
            for i in range(50):
                db.insert(name(i), {"turn": turn})
        for i in range(0, 50, 5):
            db.drop(name(i))
        db.compact()
        db.insert(name(1), {"turn": 4})
        db.insert("new", {"turn": 0})
        db.close()
    return fs


def content(db):
    return {n: [r["turn"] for r in db.all(n)] for n in db.collections()}


OLD = dict({name(i): list(range(4 + (i == 1))) for i in range(50) if i % 5}, new=[0])


def names(db):
    """{number: name} as the entries say."""
    entries = db._database._store.scan(keys.NAME, keys.above(keys.NAME))
    return {keys.parse(key)[0]: value.decode() for key, value in entries}


def test_an_older_database_is_read_and_loses_nothing(old):
    db = opened(old)
    assert content(db) == OLD and db.verify() == [] and len(list(db.changes())) == 162
    db.compact()
    assert content(db) == OLD
    assert content(opened(old)) == OLD


def test_an_older_database_gets_its_names_in_steps(old):
    db = opened(old)
    wanted = dict(OLD)
    for step in range(8):
        db.insert("new", {"turn": step})
        wanted["new"] = wanted["new"] + [step]
        db.optimize_memory()
        cut = MemFs(dict(old.files))  # the power fails here
        other = opened(cut)
        other.compact()
        assert content(other) == wanted and other.verify() == []
    catalog = db._database._catalog
    assert catalog._named is True and names(db) == {c.number: c.name for c in catalog.collections()}
    db.drop("c001")
    db.compact()
    assert "c001" not in names(db).values() and 2 not in {keys.parse(k)[0] for k, _ in db._database._store.scan(b"R", b"S")}


def test_an_older_version_may_come_in_between(old, monkeypatch):
    """What it makes has no names, whether it flushed that or not."""
    for flush in (False, True):
        db = opened(old)
        for i in range(8):
            db.insert("new", {"turn": i})
            db.optimize_memory()
        assert db._database._catalog._named is True
        db.close()
        before = content(opened(old))
        with monkeypatch.context() as patch:
            patch.setattr("unosql.database.Catalog", Old)
            patch.setattr(catalogs, "_LARGE", 1000)
            db = opened(old)
            db.insert("between%d" % flush, {"turn": 7})
            if flush:
                db.compact()
            db.close()
        db = opened(old)
        for _ in range(2):
            assert content(db) == dict(before, **{"between%d" % flush: [7]}) and db.verify() == []
            db.compact()
        db.close()


@pytest.mark.parametrize("durability", ["sync", "batch"])
@pytest.mark.parametrize("seed", range(4))
def test_any_calls_on_more_collections_than_fit(seed, durability):
    r, fs, model = random.Random(seed), MemFs(), {}
    db = opened(fs, durability=durability)
    def act(model):
        n = name(r.randrange(20))
        what = r.random()
        if what < 0.6:
            id = db.insert(n, {"turn": r.randrange(1000)})
            model.setdefault(n, {})[id] = db.get(n, id)["turn"]
        elif what < 0.75 and model.get(n):
            id = r.choice(list(model[n]))
            assert db.delete(n, {"id": id}) == 1
            del model[n][id]
        elif what < 0.8:
            assert db.drop(n) == (model.pop(n, None) is not None)
        elif what < 0.85:
            db.clear(n)
            if n in model:
                model[n] = {}
        elif model.get(n):
            assert [x["id"] for x in db.pop(n)] == [min(model[n])]
            del model[n][min(model[n])]

    for step in range(1500):
        if step % 10 == 0:  # a transaction, kept or not
            staged = {n: dict(records) for n, records in model.items()}
            try:
                with db.transaction():
                    for _ in range(r.randrange(1, 30)):
                        act(staged)
                    if r.random() < 0.5:
                        raise ZeroDivisionError
                model.clear()
                model.update(staged)
            except ZeroDivisionError:
                pass
        else:
            act(model)
        if step % 300 == 299:
            assert {n: {x["id"]: x["turn"] for x in db.all(n)} for n in db.collections()} == model
            assert {n: db.count(n) for n in model} == {n: len(records) for n, records in model.items()}
            assert db.verify() == []
            if r.random() < 0.5:
                db.compact()
            db.close()
            db = opened(fs, durability=durability)
            assert names(db) == {c.number: c.name for c in db._database._catalog.collections()}
    assert len(db._database._catalog._cached) <= 3


def test_a_search_goes_on_when_its_collection_has_left_the_cache():
    db = opened(MemFs())
    for i in range(10):
        for turn in range(5):
            db.insert(name(i), {"turn": turn})
    rows = db.iterate("c000")
    assert next(rows)["turn"] == 0
    for i in range(1, 10):
        db.count(name(i))
    db.insert("c000", {"turn": 5})  # by another object: the search's is gone from the cache
    assert [x["turn"] for x in rows] == [1, 2, 3, 4]
    rows = db.iterate("c001")
    assert next(rows)["turn"] == 0
    for i in range(2, 10):
        db.count(name(i))
    db.clear("c001")
    db.insert("c001", {"turn": 9})
    assert list(rows) == []


def test_restore_of_more_collections_than_fit(tmp_path):
    db = opened(MemFs())
    for turn in range(3):
        for i in range(30):
            db.insert(name(i), {"turn": turn})
    db.create_index("c007", "turn")
    db.configure("c003", capped=2)
    wanted = content(db)
    db.backup(str(tmp_path / "b"))
    other = opened(MemFs())
    other.insert("gone", {"turn": 1})
    assert other.restore(str(tmp_path / "b")) == 89
    assert content(other) == wanted and other.verify() == [] and other.indexes("c007")
    assert not list(other._database._store.scan(b"U", b"V"))
    assert {n: other.count(n) for n in wanted} == {n: len(turns) for n, turns in wanted.items()}


# -- what is dead

def place():
    catalog = Catalog(clock=lambda: 1000)
    store = catalog.store = FakeStore(catalog)
    store.open()
    for i in range(1, 6):
        for turn in range(4):
            catalog.collection(name(i)).insert({"turn": turn})
    return catalog


def record(number, id):
    return keys.make(keys.RECORD, number, id)


def test_ranges_of_dead_keys():
    catalog = place()
    catalog.collection("c002").drop()
    catalog.collection("c003").drop()
    c = catalog.collection("c004")
    c.save_state(first=3, count=2)
    dead = catalog.is_dead_range
    assert dead(record(2, 1), record(2, 9)) and dead(record(2, 1), record(3, 4)) and dead(record(2, 1), record(4, 2))
    assert dead(record(4, 1), record(4, 2)) and dead(keys.make(keys.HISTORY, 4, 1, 1), keys.make(keys.HISTORY, 4, 2, 7))
    for lo, hi in ((record(1, 4), record(2, 9)), (record(4, 2), record(4, 3)), (record(3, 1), record(5, 1)),
                   (record(2, 1), keys.make(keys.CHANGE, 9)), (record(6, 1), record(6, 2)), (record(2, 1), record(900, 1))):
        assert not dead(lo, hi)
    catalog.begin()
    assert not dead(record(2, 1), record(2, 9))
    catalog.rollback()
    assert dead(record(2, 1), record(2, 9))


def test_ranges_of_dead_index_entries():
    from unosql.documents import index

    catalog = place()
    c = catalog.collection("c001")
    for field in "abc":
        finish(index.creating(c, [field], False, None))
    first, second, third = [d["number"] for d in c.definitions]
    index.drop(c, ["b"])

    def key(number, rest=b""):
        return keys.make(keys.INDEX, c.number, number) + rest

    dead = catalog.is_dead_range
    assert dead(key(second), key(second, b"x")) and is_dead(catalog.store, key(second, b"x"), b"\1")
    assert not dead(key(first), key(second)) and not dead(key(second), key(third)) and not is_dead(catalog.store, key(first), b"\1")


def test_what_cannot_be_read_is_alive():
    catalog = place()
    catalog.collection("c001").drop()
    assert is_dead(catalog.store, record(1, 1), b"")
    for error in (MemoryError, OSError):
        def failing(key):
            raise error
        catalog.reload()
        catalog.store.peek = failing
        assert not is_dead(catalog.store, record(1, 1), b"") and not catalog.is_dead_range(record(1, 1), record(1, 2))
        del catalog.store.peek


def test_nothing_is_read_for_collections_of_which_nothing_is_dead():
    catalog = place()
    catalog.store.peek = lambda key: pytest.fail("read")
    assert not any(is_dead(catalog.store, k, v) for k, v in catalog.store.data.items() if k[:1] in (b"R", b"S", b"H"))
    del catalog.store.peek
    catalog.collection("c001").drop()
    assert is_dead(catalog.store, record(1, 1), b"") and not is_dead(catalog.store, record(2, 1), b"")


def test_numbers_beyond_the_bits(monkeypatch):
    """Bits of numbers long given away must not speak for newer ones."""
    monkeypatch.setattr(catalogs, "_BITS_LARGE", 2)
    catalog = place()
    for i in range(60):
        c = catalog.collection(name(i % 7))
        if i % 3:
            c.drop()
        catalog.collection(name(i % 7)).insert({"turn": i})
        live = {found.number for found in catalog.collections()}
        for number in range(1, catalog.next_number):
            assert is_dead(catalog.store, record(number, 1), b"") == (number not in live)
