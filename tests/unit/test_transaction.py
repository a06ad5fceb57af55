"""Transactions as users write them, on the PC: commit, roll back, do not nest, and take calls that are batches themselves."""
import pytest

from media import MemFiles
from unosql.core import StorageFullError, Unosql


@pytest.fixture
def db():
    with Unosql("t", None, 1000, "NONE", storage=MemFiles().storage(), memtable=1024) as db:
        db.insert("c", {"n": 0})
        yield db


def values(db):
    return [record["n"] for record in db.all("c")]


def test_batches_within_a_transaction_are_part_of_it(db):
    with db.transaction():
        db.insert_many("c", [{"n": 1}, {"n": 2}])
        assert db.update("c", {"n": {"gte": 1}}, {"more": True})
        assert values(db) == [0, 1, 2]
    assert values(db) == [0, 1, 2] and db.verify() == []


def test_an_exception_rolls_back_and_goes_on(db):
    with pytest.raises(KeyError):
        with db.transaction():
            db.insert_many("c", [{"n": 1}, {"n": 2}])
            raise KeyError
    assert values(db) == [0] and db.insert("c", {"n": 3}) == 2 and db.verify() == []


def test_a_second_transaction_within_is_refused_and_the_first_goes_on(db):
    with db.transaction():
        db.insert("c", {"n": 1})
        with pytest.raises(ValueError, match="transaction"):
            with db.transaction():
                pass
        db.insert("c", {"n": 2})
    assert values(db) == [0, 1, 2]


@pytest.mark.parametrize("error", [StorageFullError, MemoryError])
def test_what_could_not_begin_may_begin_within_the_same_call(db, monkeypatch, error):
    """As a list does that finds no room at first."""
    def fail():
        raise error("no room")

    with db._database as catalog:
        monkeypatch.setattr(catalog.store, "begin", fail)
        with pytest.raises(error), catalog.atomic():
            pass
        monkeypatch.undo()
        with catalog.atomic():
            catalog.collection("c").insert({"n": 1})
    assert values(db) == [0, 1]
