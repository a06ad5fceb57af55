"""More data than heap, with an index. test_small_heap.py has the most records in the least heap."""
from runner import again, board, column, fresh, same

FREE_HEAP = 81920
QUIET = 600
N = 1500
SOME = 400 if board else N  # for what takes a board long
STEP = SOME // 7


def record(n):
    return {"n": n, "group": n % 10, "name": "sensor %d" % (n * 7919 % N), "value": n * 0.5}


def filled(index, number=N):
    db = fresh(history=0)
    if index:
        db.create_index("c", "name")
    for start in range(0, number, 1000):
        db.insert_many("c", (record(n) for n in range(start, min(start + 1000, number))))
    return db


def test_by_id_and_in_order():
    db = filled(False)
    same(db.count("c"), N)
    for n in (0, 1, STEP, N // 2, N - 1):
        same(db.get("c", n + 1)["name"], record(n)["name"])
    assert db.get("c", N + 1) is None
    for n, r in enumerate(db.iterate("c")):
        assert r["n"] == n, (r, n)
    same(n, N - 1)
    same(column(db.get_last_n_records("c", 3), "n"), [N - 3, N - 2, N - 1])
    same(column(db.find("c", {"id": {"gt": N // 2}}, limit=3), "n"), [N // 2, N // 2 + 1, N // 2 + 2])
    same(column(db.find("c", order_by="-id", limit=2), "n"), [N - 1, N - 2])
    same(column(db.find("c", limit=2, skip=N - 5, fields=["n"]), "n"), [N - 5, N - 4])
    db = again(db)
    same((db.count("c"), db.get("c", STEP)["n"]), (N, STEP - 1))


def test_without_an_index():
    db = filled(False)
    same(column(db.find("c", "name", record(STEP)["name"]), "n"), [STEP])
    same(db.count("c", {"group": 3}), N // 10)
    same(column(db.find("c", {"value": {"gte": (N - 2) * 0.5}}), "n"), [N - 2, N - 1])
    same(column(db.find("c", {"group": 4}, order_by="-value", limit=2), "n"), [N - 6, N - 16])


def test_by_index():
    db = filled(True)
    same(db.explain("c", "name", "x")["plan"], "index")
    for n in (0, STEP, N - 1):
        same(column(db.find("c", "name", record(n)["name"]), "n"), [n])
    same(db.find("c", "name", "sensor %d" % N), [])
    names = sorted("sensor %d" % i for i in range(5))
    same(column(db.find("c", {"name": {"gte": "sensor 0", "lte": "sensor 10"}}, order_by="name", limit=3), "name"),
         ["sensor 0", "sensor 1", "sensor 10"])
    same(len(db.find("c", {"name": {"in": names}})), 5)
    previous, count = "", 0
    for r in db.iterate("c", order_by="name", fields=["name"]):
        assert r["name"] > previous
        previous = r["name"]
        count += 1
    same(count, N)


def test_inserts_one_by_one():
    db = fresh(history=0)
    n = 150 if board else 1000
    for i in range(n):
        same(db.insert("c", record(i)), i + 1)
    same(db.count("c"), n)
    same(again(db).get("c", n)["n"], n - 1)


def test_updates_and_deletes():
    db = filled(True, SOME)
    for n in range(0, SOME, STEP):
        assert db.update("c", "name", record(n)["name"], {"name": "new %d" % n})
        same(column(db.find("c", "name", "new %d" % n), "n"), [n])
    same(db.delete("c", {"id": {"lte": STEP}}), STEP)
    same(db.count("c"), SOME - STEP)
    same(db.find("c", limit=1)[0]["n"], STEP)
    db.compact()
    same(db.verify(), [])
    same(db.find("c", limit=1)[0]["n"], STEP)


def test_backup_and_restore():
    db = filled(True, SOME)
    same(db.backup("big.bak"), SOME)
    db.clear("c")
    same(db.restore("big.bak"), SOME)
    same(db.count("c"), SOME)
    same(column(db.find("c", "name", record(STEP)["name"]), "n"), [STEP])


def test_encrypted():
    db = fresh(history=0, encryption_key=b"1234567890abcdef", iterations=1000)
    n = N // 10
    db.insert_many("c", (record(i) for i in range(n)))
    for i, r in enumerate(db.iterate("c")):
        assert r["n"] == i
    same(i, n - 1)
    db = again(db, encryption_key=b"1234567890abcdef")
    same(db.get("c", n // 2)["n"], n // 2 - 1)
