"""Collections that forget their oldest records by number or by age, and queues."""
from runner import after_cut, again, column, fresh, raises, same, set_clock


def fill(db, name, numbers):
    for n in numbers:
        db.insert(name, {"n": n})
    return db


def test_capped_keeps_the_last():
    db = fresh()
    db.configure("c", capped=5)
    fill(db, "c", range(12))
    same(column(db.all("c"), "n"), [7, 8, 9, 10, 11])
    same((db.count("c"), db.get("c", 7), db.get("c", 8)["n"]), (5, None, 7))
    same(column(after_cut(db).all("c"), "n"), [7, 8, 9, 10, 11])
    same(column(again(db).all("c"), "n"), [7, 8, 9, 10, 11])


def test_capped_by_many_at_once():
    db = fresh()
    db.configure("c", capped=4)
    same(db.insert_many("c", ({"n": n} for n in range(100))), 100)
    same(column(db.all("c"), "n"), [96, 97, 98, 99])
    db.compact()
    same((db.count("c"), column(again(db).all("c"), "n")), (4, [96, 97, 98, 99]))


def test_capping_what_is_there():
    db = fill(fresh(), "c", range(10))
    db.configure("c", capped=3)
    fill(db, "c", [10])
    same(column(db.all("c"), "n"), [8, 9, 10])


def test_capped_counts_only_what_was_not_deleted():
    db = fresh()
    db.configure("c", capped=3)
    fill(db, "c", range(3))
    db.delete("c", "n", 1)
    fill(db, "c", [3])
    same(column(db.all("c"), "n"), [0, 2, 3])
    fill(db, "c", [4])
    same((column(db.all("c"), "n"), db.count("c")), ([2, 3, 4], 3))


def test_index_and_history_forget_too():
    db = fresh()
    db.configure("c", capped=2)
    db.create_index("c", "n")
    fill(db, "c", [1, 1, 2])
    same(column(db.find("c", "n", 1), "id"), [2])
    db.update("c", "id", 2, {"n": 5})
    fill(db, "c", [3, 4])
    same((db.find("c", "n", 1), db.find("c", "n", 5), db.history("c", 2)), ([], [], []))
    same(column(db.find("c", {"n": {"gt": 0}}, order_by="-n"), "n"), [4, 3])
    same(db.verify(), [])


def test_unique_value_is_free_when_its_record_was_forgotten():
    db = fresh()
    db.configure("c", capped=2)
    db.create_index("c", "n", unique=True)
    fill(db, "c", [1, 2, 3, 1])
    same(column(db.all("c"), "n"), [3, 1])


def test_ttl():
    db = fresh()
    clock = set_clock(1000)
    db.configure("c", ttl=60)
    fill(db, "c", [0, 1])
    clock.time = 1050
    fill(db, "c", [2])
    same(column(db.all("c"), "n"), [0, 1, 2])
    clock.time = 1070
    same(column(db.all("c"), "n"), [2])
    same((db.count("c"), db.get("c", 1), db.find("c", "n", 0)), (1, None, []))
    clock.time = 2000
    same((db.all("c"), db.count("c")), ([], 0))
    fill(db, "c", [3])
    same((column(db.all("c"), "n"), db.count("c")), ([3], 1))
    same(column(again(db).all("c"), "n"), [3])


def test_ttl_uses_the_timestamp_of_the_insert():
    db = fresh()
    set_clock(500)
    db.configure("c", ttl=0)
    fill(db, "c", [1])
    same(db.get("c", 1)["timestamp"], 500)
    set_clock(10**6)
    same(column(db.all("c"), "n"), [1])


def test_ttl_frees_what_expires_behind_a_record_kept_alive():
    db = fresh()
    clock = set_clock(1000)
    db.configure("c", ttl=20)
    db.create_index("c", "n")
    sizes = []
    for n in range(300):
        db.insert("c", {"n": n})
        if n % 10 == 9:
            db.update("c", "id", 1, {"alive": n})
        if n % 50 == 49:
            db.compact()
            sizes.append(db.get_stats()["bytes"])
        clock.time += 1
    assert max(sizes) < 2 * sizes[0], sizes
    same(column(db.all("c"), "n"), [0] + list(range(281, 300)))
    same(column(db.find("c", {"n": {"gt": 100}}), "n"), list(range(281, 300)))
    same((db.verify(), len(db.history("c", 1)), db.history("c", 2)), ([], 5, []))
    same(column(after_cut(db).all("c"), "n"), column(db.all("c"), "n"))
    same(column(again(db).all("c"), "n"), [0] + list(range(281, 300)))


def test_queue():
    db = fill(fresh(), "q", range(10))
    same(column(db.find("q", limit=3), "n"), [0, 1, 2])
    same(column(db.pop("q"), "n"), [0])
    same(column(db.pop("q", 3), "n"), [1, 2, 3])
    same((db.count("q"), column(db.all("q"), "n")), (6, [4, 5, 6, 7, 8, 9]))
    same(column(after_cut(db).all("q"), "n"), [4, 5, 6, 7, 8, 9])
    same(column(db.pop("q", 99), "n"), [4, 5, 6, 7, 8, 9])
    same((db.pop("q"), db.pop("q", 2), db.count("q")), ([], [], 0))
    same(db.insert("q", {"n": 10}), 11)
    same(column(again(db).pop("q"), "n"), [10])


def test_peek_then_acknowledge():
    db = fill(fresh(), "q", range(6))
    batch = db.find("q", limit=4)
    same(db.ack("q", batch[-1]["id"]), 4)
    same(db.ack("q", batch[-1]["id"]), 0)
    same((column(db.all("q"), "n"), db.count("q")), ([4, 5], 2))
    same(again(db).count("q"), 2)


def test_acknowledge_counts_what_was_there():
    db = fill(fresh(), "q", range(6))
    db.delete("q", "n", 1)
    same(db.ack("q", 3), 2)
    same(db.count("q"), 3)
    same(db.ack("q", 1000), 3)
    same((db.count("q"), db.insert("q", {})), (0, 7))
    same(db.ack("no", 5), 0)


def test_queue_wraps_many_times():
    db = fresh()
    for n in range(200):
        db.insert("q", {"n": n})
        if n >= 3:
            same(column(db.pop("q"), "n"), [n - 3])
    same((column(db.all("q"), "n"), db.count("q")), ([197, 198, 199], 3))
    db.compact()
    same((column(again(db).all("q"), "n")), [197, 198, 199])


def test_bad_options():
    db = fill(fresh(), "c", range(3))
    for name in ("capped", "ttl"):
        for value in (-1, "5", 1.5):
            raises((TypeError, ValueError), name, db.configure, "c", **{name: value})
    for n in (-1, "1", None):
        raises((TypeError, ValueError), "", db.pop, "c", n)
    raises((TypeError, ValueError), "id", db.ack, "c", "3")
    same(column(db.all("c"), "n"), [0, 1, 2])
