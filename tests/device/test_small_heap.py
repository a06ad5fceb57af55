"""10,000 records where 24 KB of heap are free once unosql is imported, of the 35 that an ESP8266 has."""
from runner import again, board, fresh, same
from unosql.core import Unosql  # noqa: F401  what it takes is not part of FREE_HEAP

MODES = ("files",)
FREE_HEAP = 24576
QUIET = 600
N = 300 if board else 10000  # an emulated board takes a minute for a few hundred
STEP = N // 60


def record(n):
    return {"n": n, "group": n % 10, "name": "sensor %d" % (n * 7919 % N), "value": n * 0.5}


def check(db, changed):
    same(db.count("c"), N)
    for n in range(0, N, STEP):
        same(db.get("c", n + 1)["value"], -1 if n + 1 in changed else n * 0.5)
    last = 0
    for r in db.iterate("c"):
        last += 1
        same(r["id"], last)
    same(last, N)
    same([r["n"] for r in db.find("c", {"id": {"gt": N // 2}}, limit=2)], [N // 2, N // 2 + 1])
    same([r["id"] for r in db.find("c", order_by="-id", limit=2)], [N, N - 1])


def test_insert_read_change_and_reopen():
    db = fresh(history=0)
    for n in range(N):
        same(db.insert("c", record(n)), n + 1)
    check(db, ())
    changed = [1 + i * STEP for i in range(0, 60, 7)]
    for id in changed:
        assert db.update("c", {"id": id}, {"value": -1})
    check(db, changed)
    db = again(db)
    check(db, changed)
    same(db.insert("c", record(N)), N + 1)
    same(db.verify(), [])
