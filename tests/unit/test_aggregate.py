"""Groups that are more than RAM has room for: the passes over the records, on CPython, where room is no matter by itself."""
import random

import pytest

from unosql import Unosql
from unosql.documents import aggregate


@pytest.fixture
def db(tmp_path):
    with Unosql("sums", path=str(tmp_path)) as db:
        yield db


@pytest.fixture
def passes(monkeypatch):
    """How many passes there were; each has room for eight groups."""
    made = []
    monkeypatch.setattr(aggregate, "_room", lambda: made.append(1) or 8)
    return made


ORDERS = {"sorted": lambda ns: sorted(ns), "backwards": lambda ns: sorted(ns, reverse=True), "any": lambda ns: random.Random(5).sample(ns, len(ns))}


@pytest.mark.parametrize("order", ORDERS)
def test_rows_are_the_same_in_any_number_of_passes(db, passes, order):
    ns = ORDERS[order]([n // 3 for n in range(180)])
    db.insert_many("c", ({"n": n, "v": i} for i, n in enumerate(ns)))
    rows = list(db.aggregate("c", group_by="n", count=True, sum="v", first="v", last="v"))
    assert [row["n"] for row in rows] == list(range(60)) and len(passes) == 8
    for row in rows:
        values = [i for i, n in enumerate(ns) if n == row["n"]]
        assert (row["count"], row["sum_v"], row["first_v"], row["last_v"]) == (3, sum(values), values[0], values[-1])


def test_a_later_pass_begins_behind_the_earlier_groups(db, passes):
    """Where records come in the order of the groups the later passes have less to read."""
    db.insert_many("c", ({"n": n // 4, "pad": "x" * 300} for n in range(400)))
    reads = db.get_stats()["reads"]
    db.count("c", {"pad": "x"})
    scan = db.get_stats()["reads"] - reads
    assert [row["n"] for row in db.aggregate("c", group_by="n")] == list(range(100)) and len(passes) == 13
    assert db.get_stats()["reads"] - reads - scan < 9 * scan


def test_condition_with_another_index(db, passes):
    db.insert_many("c", ({"n": n * 7 % 50, "a": n % 2} for n in range(200)))
    db.create_index("c", "a")
    assert db.explain("c", "a", 1, group_by="n") == {"plan": "index", "index": ["a"], "range": False, "sorted": False}
    assert list(db.aggregate("c", "a", 1, group_by="n", count=True)) == [
        {"n": n, "count": sum(1 for i in range(200) if i % 2 and i * 7 % 50 == n)} for n in range(50) if any(i % 2 and i * 7 % 50 == n for i in range(200))]


def test_inserts_of_the_loop_are_in_no_group(db, passes):
    db.insert_many("c", ({"n": n} for n in range(40)))
    for row in db.aggregate("c", group_by="n", count=True):
        assert row["count"] == 1
        db.insert("c", {"n": 39})
    assert db.count("c") == 80
