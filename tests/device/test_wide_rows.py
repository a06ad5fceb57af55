"""Wide records in a small heap: what insert() takes can be merged, read and opened there."""
import sys

from runner import again, board, fresh, same
from unosql.core import Unosql  # noqa: F401  what it takes is not part of FREE_HEAP

MODES = ("files",)
FREE_HEAP = 40960
QUIET = 600
N = 60 if board else 400
FIELDS = 44 if sys.maxsize < 1 << 32 else 22  # objects of 64 bits are twice as large
LAST = "c%02d" % (FIELDS - 1)


def wide(n):
    record = {"c%02d" % i: "%d.%02d" % (n * 7 % 230, i) for i in range(FIELDS)}
    record["when"] = 1552917357 + n
    return record


def check(db):
    same(db.count("rows"), N)
    for n in (0, 1, N // 2, N - 1):
        found = db.find("rows", "when", 1552917357 + n)
        same([(r["id"], r[LAST], len(r)) for r in found], [(n + 1, wide(n)[LAST], FIELDS + 4)])
    same(len(db.get_records_in_timeframe("rows", "when", 1552917360, 1552917362)), 3)


def test_insert_merge_search_and_reopen():
    db = fresh()
    db.create_index("rows", "when")
    for n in range(N):
        same(db.insert("rows", wide(n)), n + 1)
    check(db)
    same(db.verify(), [])
    db = again(db)
    check(db)
    same(db.update("rows", "when", 1552917357, {"c00": "changed"}), True)
    db.compact()
    same(db.get("rows", 1)["c00"], "changed")
    same(db.backup("wide.backup"), N)
    same(db.delete("rows", {"when": {"lt": 1552917357 + N // 2}}), N // 2)
    same(db.restore("wide.backup"), N)
    same(db.count("rows"), N)
