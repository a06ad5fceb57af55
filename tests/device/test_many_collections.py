"""Many collections in a small heap: RAM does not grow with their number."""
from runner import again, board, fresh, same
from unosql.core import Unosql  # noqa: F401  what it takes is not part of FREE_HEAP

MODES = ("files",)
FREE_HEAP = 32768
QUIET = 600
N = 60 if board else 1000


def name(n):
    return "2024-%04d" % (n * 7 % N)


def check(db, counts):
    for n in range(0, N, 7):
        same(db.count(name(n)), counts(n))
        same([r["t"] for r in db.find(name(n), limit=1)], [n])


def test_insert_reopen_change_and_drop():
    db = fresh()
    for n in range(N):
        same(db.insert(name(n), {"t": n}), 1)
    check(db, lambda n: 1)
    db = again(db)
    check(db, lambda n: 1)
    for n in range(N):
        same(db.insert(name(n), {"t": -n}), 2)
    with db.transaction():
        for n in range(0, N, 2):
            db.insert(name(n), {"t": 0})
    check(db, lambda n: 3 - n % 2)
    db = again(db)
    check(db, lambda n: 3 - n % 2)
    same(db.verify(), [])
    db.compact()
    check(db, lambda n: 3 - n % 2)
    same(db.backup("many.backup"), 2 * N + N // 2)
    same(db.restore("many.backup"), 2 * N + N // 2)
    check(db, lambda n: 3 - n % 2)
    for n in range(N):
        same(db.drop(name(n)), True)
    same(db.collections(), [])
    db.compact()
    same(again(db).collections(), [])
