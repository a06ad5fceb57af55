"""Sums over groups, distinct values, and the ends of indexes."""
import gc

from runner import again, board, column, fresh, raises, same, set_clock
from unosql.core import UnosqlError

SENSORS = ("roof", None, "cellar", True, 7, 7.5, False)


def readings(n, step=97):
    """Records in no order of time: a record now and then lacks a field."""
    for i in range(n):
        record = {"at": i * step % 1009 * 10, "celsius": i * 7 % 40 - 10, "sensor": SENSORS[i % 7]}
        if i % 5 == 0:
            del record["celsius"]
        if i % 11 == 0:
            record["at"] = None if i % 2 else "late"
        yield record


def rank(value):
    return (0, 0) if value is None else (1, value) if isinstance(value, bool) else (3, value) if isinstance(value, str) else (2, value)


def expected(records, fields, width):
    """The rows by a dict of lists, as a program would make them that has RAM enough."""
    groups = {}
    for record in records:
        if width and not isinstance(record["at"], int):
            continue
        values = [record[field] for field in fields] + ([record["at"] // width * width] if width else [])
        groups.setdefault(tuple(rank(value) for value in values), (values, []))[1].append(record)
    for key in sorted(groups):
        values, members = groups[key]
        row = dict(zip(fields + ["bucket"], values))
        found = [(r["at"] if width else 0, r["id"], r["celsius"]) for r in members if "celsius" in r]
        celsius = [part[2] for part in found]
        row["count"], row["count_celsius"], row["sum_celsius"] = len(members), len(celsius), sum(celsius) if celsius else None
        row["avg_celsius"] = sum(celsius) / len(celsius) if celsius else None
        row["low"], row["high"] = (min(celsius), max(celsius)) if celsius else (None, None)
        row["first_celsius"], row["last_celsius"] = (min(found)[2], max(found)[2]) if found else (None, None)
        yield row


COLUMNS = {"avg": ["celsius"], "sum": "celsius", "min": {"low": "celsius"}, "max": {"high": "celsius"},
           "first": "celsius", "last": "celsius"}


def compare(db, fields, width, is_sorted):
    options = {"group_by": fields or None, "bucket": ("at", width) if width else None}
    same(db.explain("c", **options)["sorted"], is_sorted)
    rows = list(db.aggregate("c", count={"count_celsius": "celsius"}, **dict(COLUMNS, **options)))
    counts = list(db.aggregate("c", count=True, **options))
    for row, count in zip(rows, counts):
        row["count"] = count["count"]
    wanted = list(expected(db.all("c"), fields, width))
    same(len(rows), len(wanted))
    for row, want in zip(rows, wanted):
        same(row, want)
    return len(rows)


def test_groups_with_and_without_an_index():
    db = fresh()
    db.insert_many("c", readings(60 if board else 200))
    for fields, width, keys in ((["sensor"], 0, "sensor"), ([], 500, "at"), (["sensor"], 2000, ["sensor", "at"]), (["at"], 0, "at")):
        found = compare(db, fields, width, False)
        db.create_index("c", keys)
        same(compare(db, fields, width, True), found)
        db.drop_index("c", keys)


def test_more_groups_than_ram_has_room_for():
    """They come in order all the same, each once, and complete."""
    db = fresh()
    db.insert_many("c", ({"n": i * 37 % 101, "one": 1} for i in range(202)))
    same(list(db.aggregate("c", group_by="n", count=True, sum="one")), [{"n": n, "count": 2, "sum_one": 2} for n in range(101)])
    if hasattr(gc, "mem_alloc"):
        gc.collect()
        keep = [bytearray(1000) for _ in range(gc.mem_free() // 3072)]  # less room for groups
        same(list(db.aggregate("c", {"n": {"gte": 50}}, group_by="n", count=True)), [{"n": n, "count": 2} for n in range(50, 101)])
        same(list(db.distinct("c", "n")), list(range(101)))
        assert keep


def test_one_row_without_groups():
    db = fresh()
    same(list(db.aggregate("none", count=True, sum="n", avg="n", min="n", first="n")),
         [{"count": 0, "sum_n": None, "avg_n": None, "min_n": None, "first_n": None}])
    same(list(db.aggregate("none", group_by="n", count=True)), [])
    db.insert_many("c", ({"n": n} for n in range(10)))
    same(list(db.aggregate("c", {"n": {"gte": 4}}, count=True, sum="n", avg="n", min="n", max="n", last={"newest": "n"})),
         [{"count": 6, "sum_n": 39, "avg_n": 6.5, "min_n": 4, "max_n": 9, "newest": 9}])
    same(list(db.aggregate("c", "n", 4, count=True)), [{"count": 1}])
    same(list(db.aggregate("c", group_by="n")), [{"n": n} for n in range(10)])
    db.create_index("c", "n")
    same(list(db.aggregate("c", {"n": {"gte": 4}}, count=True, first="n")), [{"count": 6, "first_n": 4}])
    same(list(db.aggregate("c", {"n": {"in": []}}, min="n")), [{"min_n": None}])


def test_ends_of_an_index():
    db = fresh()
    db.insert_many("c", ({"n": n * 7 % 50 if n % 5 else None, "s": "x" * 200 + str(n)} for n in range(100)))
    for keys in (None, "n", ["n", "s"]):
        if keys:
            db.create_index("c", keys)
        same(list(db.aggregate("c", min="n", max={"most": "n"})), [{"min_n": 1, "most": 49}])
    db.drop_index("c", ["n", "s"])
    same(list(db.aggregate("c", min="n", max="n")), [{"min_n": 1, "max_n": 49}])
    db.create_index("c", "s")  # cut: the ends of it may be wrong
    same(list(db.aggregate("c", max="s", min="n")), [{"max_s": "x" * 200 + "99", "min_n": 1}])
    db.delete("c", "n", 49)
    same(list(db.aggregate("c", min="n", max="n")), [{"min_n": 1, "max_n": 48}])
    db.insert("c", {"n": "text"})
    db.insert("c", {"n": True})
    same(list(db.aggregate("c", min="n", max="n")), [{"min_n": True, "max_n": "text"}])
    db.insert("c", {"n": [1]})
    raises(ValueError, ("'n'", "record 103", "a list"), list, db.aggregate("c", max="n"))
    same(list(db.aggregate("empty", min="n")), [{"min_n": None}])


def test_ends_of_an_index_are_read_and_not_what_is_between():
    db = fresh()
    reads = []
    for n in (100, 400 if board else 1600):
        db.drop("c")
        db.insert_many("c", ({"n": i} for i in range(n)))
        db.create_index("c", "n")
        db.compact()
        db.optimize_memory()
        before = db.get_stats()["reads"]
        same(list(db.aggregate("c", min="n", max="n")), [{"min_n": 0, "max_n": n - 1}])
        reads.append(db.get_stats()["reads"] - before)
    assert reads[1] <= reads[0] + 6, reads


def test_partial_index_does_not_serve():
    db = fresh()
    db.insert_many("c", ({"n": n, "a": n % 2} for n in range(20)))
    db.create_index("c", "n", where={"a": 1})
    same(list(db.aggregate("c", min="n", max="n")), [{"min_n": 0, "max_n": 19}])
    same(list(db.distinct("c", "n")), list(range(20)))
    same(list(db.distinct("c", "n", {"a": 1})), list(range(1, 20, 2)))


def test_distinct():
    db = fresh()
    values = (3, None, "b", True, 1.5, 3.0, "a", False, "b")
    db.insert_many("c", ({"v": values[i % 9], "l": []} for i in range(90)))
    db.insert("c", {"l": []})
    for round in range(2):
        found = list(db.distinct("c", "v"))
        same(found, [None, False, True, 1.5, 3, "a", "b"])
        same([type(value) for value in found[1:3]], [bool, bool])
        same(list(db.distinct("c", "v", {"v": {"gte": 2}})), [3])
        same(list(db.distinct("c", "v", "v", "b")), ["b"])
        raises(ValueError, ("'l'", "a list"), list, db.distinct("c", "l"))
        db.create_index("c", "v")
        db.create_index("c", "l")
    db.delete("c", "v", 1.5)
    same(list(db.distinct("c", "v")), [None, False, True, 3, "a", "b"])
    same(list(db.distinct("none", "v")), [])
    raises(ValueError, "field", list, db.distinct("c", 5))


def test_buckets():
    db = fresh()
    db.insert_many("c", ({"t": t} for t in (-1, 0, 59, 60.5, 119, 120)))
    for _ in range(2):
        same([(r["bucket"], r["count"]) for r in db.aggregate("c", bucket=("t", 60), count=True)], [(-60, 1), (0, 2), (60, 2), (120, 1)])
        same([r["bucket"] for r in db.aggregate("c", bucket=("t", 0.5), count=True)], [-1, 0, 59, 60.5, 119, 120])
        same([r["bucket"] for r in db.aggregate("c", bucket=("id", 4))], [0, 4])
        db.create_index("c", "t")
    same(db.explain("c", bucket=("id", 4)), {"plan": "scan", "index": None, "range": False, "sorted": True})
    same(db.explain("c", {"t": {"gt": 5}}, bucket=("t", 4)), {"plan": "index", "index": ["t"], "range": True, "sorted": True})


def test_equal_field_and_the_order_of_the_rest():
    db = fresh()
    db.insert_many("c", ({"s": i % 3, "t": i * 7 % 60} for i in range(60)))
    db.create_index("c", ["s", "t"])
    same(db.explain("c", "s", 1, bucket=("t", 20))["sorted"], True)
    same([(r["bucket"], r["count"]) for r in db.aggregate("c", "s", 1, bucket=("t", 20), count=True)], [(0, 7), (20, 6), (40, 7)])
    same([r["count"] for r in db.aggregate("c", group_by=["s"], bucket=("t", 30), count=True)], [10] * 6)


def test_paths_and_own_names():
    db = fresh()
    db.insert_many("c", ({"home": {"city": "Lyon", "n": n}} for n in range(4)))
    same(list(db.aggregate("c", group_by="home.city", avg={"mean": "home.n"}, sum="home.n")),
         [{"home.city": "Lyon", "mean": 1.5, "sum_home.n": 6}])


def test_rows_are_fit_to_be_stored():
    clock = set_clock(817000000)
    db = fresh()
    for i in range(30):
        clock.time += 600
        db.insert("raw", {"celsius": i})
    db.create_index("raw", "timestamp")
    db.create_index("hours", "bucket", unique=True)
    for _ in range(2):
        for row in db.aggregate("raw", bucket=("timestamp", 3600), count=True, avg="celsius"):
            db.upsert("hours", "bucket", row["bucket"], row)
    hours = db.all("hours")
    same(sum(column(hours, "count")), 30)
    assert len(hours) in (5, 6) and all(h["bucket"] % 3600 == 0 for h in hours) and hours[0]["version"] == 2
    same(again(db).verify(), [])


def test_loop_may_write():
    db = fresh()
    db.insert_many("c", ({"n": n} for n in range(20)))
    db.create_index("c", "n")
    met = []
    for row in db.aggregate("c", group_by="n", count=True):
        met.append(row["n"])
        db.insert("c", {"n": 100 + row["n"]})
        db.delete("c", "n", row["n"] + 2)
    same(met, [n for n in range(20) if n % 3 != 2])  # one record is ahead of the rows
    rows = db.aggregate("c", group_by="n", count=True)
    next(rows)
    db.clear("c")
    list(rows)
    db.insert("c", {})
    db.backup("a.bak")
    rows = db.aggregate("c", count=True, group_by="n")
    db.restore("a.bak")
    raises(UnosqlError, "restore", list, rows)


def test_values_that_do_not_fit():
    db = fresh()
    db.insert_many("c", [{"n": 1}, {"n": "two"}, {"n": [3], "d": {}}])
    for operator, words in (("sum", "record 2"), ("avg", "a str"), ("min", "record 3"), ("max", "a list")):
        raises(ValueError, ("'n'", words), list, db.aggregate("c", **{operator: "n"}))
    raises(ValueError, ("'d'", "record 3", "a dict"), list, db.aggregate("c", group_by="d"))
    same(list(db.aggregate("c", first="d", last="n", count="n")), [{"first_d": {}, "last_n": [3], "count_n": 3}])


def test_arguments_that_do_not_fit():
    db = fresh()
    for words, options in (
        ("group_by", {"group_by": 5}), ("group_by", {"group_by": [5]}), ("bucket", {"bucket": "n"}), ("bucket", {"bucket": ("n",)}),
        ("bucket", {"bucket": ("n", 0)}), ("bucket", {"bucket": (5, 5)}), ("bucket", {"bucket": ("n", "5")}), ("bucket", {"bucket": ("n", True)}),
        ("sum", {"sum": 5}), ("sum", {"sum": True}), ("avg", {"avg": [5]}), ("max", {"max": {"a": 5}}), ("min", {"min": {5: "a"}}),
        ("two columns", {"group_by": "a", "sum": {"a": "b"}}), ("two columns", {"count": True, "sum": {"count": "b"}}),
        ("two columns", {"group_by": "bucket", "bucket": ("n", 5)}), ("count", {"count": 1}),
    ):
        raises(ValueError, words, db.aggregate, "c", **options)
    raises(TypeError, "", db.aggregate, "c", total="n")
    raises(ValueError, "bucket", db.explain, "c", bucket="n")
    raises(TypeError, "no value", db.aggregate, "c", "n", sum="n")


def test_index_is_read_in_both_directions():
    """What follows by ids is read by a scan; gaps and turns are no matter to it."""
    db = fresh()
    order = [0, 1, 2, 3, 9, 8, 7, 6, 5, 4, 10, 12, 14, 11, 13, 15, 16, 17, 18, 19]
    for n in order:
        db.insert("c", {"n": n})
    db.create_index("c", "n")
    db.delete("c", {"n": {"in": [2, 7, 17]}})
    wanted = [n for n in range(20) if n not in (2, 7, 17)]
    same(column(db.find("c", {"n": {"gte": 0}}, order_by="n"), "n"), wanted)
    same(column(db.find("c", {"n": {"gte": 0}}, order_by="-n"), "n"), wanted[::-1])
    met = []
    for record in db.iterate("c", {"n": {"gte": 0}}, order_by="n"):
        met.append(record["n"])
        db.update("c", {"n": record["n"] + 1}, {"m": 1})
    same(met, wanted)
