"""iterate() and changes() while their loops write."""
from runner import column, fresh, raises, same
from unosql.core import UnosqlError

ORDERS = (
    ({}, {}),
    ({}, {"order_by": "-id"}),
    ({}, {"order_by": "n"}),
    ({}, {"order_by": "-n"}),
    ({}, {"order_by": ["-n", "-id"]}),
    ({}, {"order_by": "kind"}),
    ({}, {"order_by": "-kind"}),
    ({}, {"order_by": "s"}),  # no index
    ({"n": {"gte": 0}}, {}),
    ({"n": {"gte": 0}}, {"order_by": "n"}),
    ({"kind": 1}, {}),
    ({"kind": {"gte": 0}}, {"order_by": "-kind", "limit": 9}),
)
N = 12


def filled(history=4, n=N):
    db = fresh()
    db.drop("a")
    db.configure("a", history=history)
    db.create_index("a", "n")
    db.create_index("a", "kind")
    db.insert_many("a", ({"n": i, "kind": i % 3, "s": "x%d" % i} for i in range(n)))
    return db


def walk(db, where, options, write, most=10 * N):
    """Return the ids met."""
    met = []
    for record in db.iterate("a", where, **options):
        met.append(record["id"])
        assert len(met) <= most, "endless"
        write(record)
    return met


def test_each_is_met_once_whatever_is_done_to_it():
    """Moving the record at hand to the end or to the start of the order, deleting it, inserting more."""
    for where, options in ORDERS:
        for history in (0, 4):
            for write in (
                lambda db, r: db.update("a", "id", r["id"], {"n": r["n"] + 1000, "kind": r["kind"] + 1000}),
                lambda db, r: db.update("a", "id", r["id"], {"n": r["n"] - 1000, "kind": r["kind"] - 1000}),
                lambda db, r: db.update("a", "id", r["id"], {"s": "y"}),
                lambda db, r: db.delete("a", "id", r["id"]),
                lambda db, r: db.insert("a", {"n": r["n"], "kind": r["kind"], "s": r["s"]}),
                lambda db, r: db.insert_many("a", [{"n": n, "kind": 1} for n in (-9, 9, 9999)]),
            ):
                db = filled(history)
                wanted = column(db.find("a", where, **options), "id")
                same(walk(db, where, options, lambda record: write(db, record)), wanted)
                db.close()


def test_changing_others_meanwhile():
    """Those that stay where they are in the order are met; none twice."""
    for where, options in ORDERS:
        db = filled()
        done = []

        def write(record):
            if not done:
                done.append(1)
                db.update("a", {"id": {"gt": 5}}, {"s": "z"})  # no index
                db.update("a", "id", 7, {"n": 2000, "kind": 2000})
                db.update("a", "id", 7, {"n": -2000, "kind": -2000})
                db.update("a", "id", 8, {"n": 2001, "kind": 2001})
                db.update("a", "id", 8, {"n": 7, "kind": 1})  # as before

        wanted = column(db.find("a", where, **options), "id")
        met = walk(db, where, options, write)
        same(len(set(met)), len(met))
        if "limit" in options:
            continue
        assert set(met) <= set(wanted), met
        if "order_by" not in options:
            same([i for i in met if i != 7], [i for i in wanted if i != 7])
        assert set(wanted) - set(met) <= {7}, (options, set(wanted) - set(met))
        db.close()


def test_changing_all_again_and_again():
    for where, options in ORDERS:
        db = filled(n=12)
        met = walk(db, where, options, lambda record: db.update("a", {}, {"n": record["n"] + 100, "kind": record["kind"] + 5}))
        same(len(set(met)), len(met))
        db.close()


def test_what_ends_it():
    db = filled()

    def rest(act, *args, **options):
        rows = db.iterate("a", **options)
        next(rows)
        act(*args)
        return column(rows, "id")

    for options in ({}, {"order_by": "n"}, {"order_by": "-n"}, {"order_by": "s"}, {"where": {"n": {"gte": 0}}}):
        same(rest(db.clear, "a", **options), [])
        db.create_index("a", "n")
        db.insert_many("a", ({"n": n, "s": str(n)} for n in range(5)))
        same(rest(db.drop, "a", **options), [])

        def anew():
            db.drop("a")
            db.create_index("a", "n")
            db.insert_many("a", ({"n": n, "s": str(n)} for n in range(5)))

        anew()
        same(rest(anew, **options), [])
        same(len(rest(db.compact, **options)), 4)
        same(len(rest(db.drop_index, "a", "s", **options)), 4)


def test_those_there_at_the_call():
    db = filled()
    for where, options in ORDERS:
        wanted = column(db.find("a", where, **options), "id")
        rows = db.iterate("a", where, **options)
        db.insert("a", {"n": 5, "kind": 1, "s": "x"})
        same(column(rows, "id"), wanted)
    rows = db.iterate("b")
    db.insert("b", {})
    same(list(rows), [])


def test_more_than_a_search_sorts_in_ram():
    db = filled(n=1200)
    for options in ({}, {"order_by": "-id"}, {"order_by": "n"}):
        seen = 0
        for record in db.iterate("a", {"n": {"gte": 0}}, **options):
            seen += 1
            if seen % 40 == 0:
                db.update("a", "id", record["id"], {"n": record["n"] + 2000})
                db.insert("a", {"n": 5000})
            if seen > 1600:
                break
        same(seen, 1200)
        db.drop("a")
        db.create_index("a", "n")
        db.insert_many("a", ({"n": i} for i in range(1200)))


def test_restore_overtakes():
    db = filled()
    db.backup("a.bak")
    rows, changes = db.iterate("a"), db.changes()
    next(rows)
    next(changes)
    db.restore("a.bak")
    raises(UnosqlError, "restore()", lambda: next(rows))
    raises(UnosqlError, "restore()", lambda: next(changes))
    same(len(list(db.iterate("a"))), N)


def test_the_feed_ends_with_the_last_change_at_the_call():
    db = filled()
    told = []
    for change in db.changes():
        told.append(change["id"])
        db.insert("log", {"of": change["id"]})
        db.update("a", "id", change["id"], {"s": "z"})
        assert len(told) <= N
    same(told, list(range(1, N + 1)))
    last = db.last_change()
    same(len(list(db.changes(change["change"]))), 2 * N)
    same(list(db.changes(last)), [])
    rows = db.changes()
    db.clear("a")
    same([c["collection"] for c in rows], ["log"] * N)
