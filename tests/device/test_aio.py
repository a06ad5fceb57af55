"""unosql.aio: tasks take turns, others run meanwhile, and who is cancelled leaves all or nothing."""
import asyncio

from runner import Skip, after_cut, again, board, column, fresh, mode, plain, raises, same
from unosql.core import BusyError, ClosedError, UniqueError, UnosqlError

try:
    from unosql.aio import Unosql
except ImportError:  # an image without it
    Unosql = None

N = 30 if board else 60


def run(main):
    if not Unosql:
        raise Skip("needs unosql.aio")
    return asyncio.run(main)


async def araises(error, words, call):
    """call: a function that returns what to await; bad arguments it may refuse at once."""
    try:
        result = await call()
    except error as e:
        assert words in str(e), "%r is not in %r" % (words, e)
        return e
    raise AssertionError("returned %r and raised no %r" % (result, error))


async def listed(rows):
    found = []
    async for row in rows:
        found.append(row)
    return found


def filled(n=N, **options):
    db = fresh(**options)
    db.insert_many("c", ({"n": i, "even": i % 2 == 0} for i in range(n)))
    return db


def test_calls_do_as_plain_ones():
    plain_db = fresh()

    async def main():
        db = Unosql(plain_db)
        same(await db.insert("c", {"n": 1}), 1)
        same(await db.insert_many("c", ({"n": n} for n in (2, 3, 4))), 3)
        same(await db.create_index("c", "n"), None)
        same(await db.indexes("c"), [{"keys": ["n"], "unique": False, "where": None}])
        same(plain([await db.get("c", 2)]), [{"n": 2}])
        same(column(await db.find("c", {"n": {"gte": 2}}, order_by="-n", limit=2), "n"), [4, 3])
        same(column(await db.all("c"), "n"), [1, 2, 3, 4])
        same((await db.find_one("c", "n", 3))["id"], 3)
        same(await db.find_one("c", "n", 9), None)
        same((await db.count("c"), await db.count("c", {"n": {"lt": 3}}), await db.count("none")), (4, 2, 0))
        same(column(await db.get_last_n_records("c", 2), "n"), [3, 4])
        same(column(await db.get_records_in_timeframe("c", "n", 2, 3), "n"), [2, 3])
        same(await db.update("c", "n", 1, {"x": 1}), True)
        same(await db.update("c", {}, inc={"n": 10}), True)
        same(await db.update("c", "n", 99, {"x": 1}), False)
        same(await db.upsert("c", "n", 20, {"y": 1}), 5)
        same(await db.upsert("c", "n", 20, inc={"y": 1}), 5)
        same(column(await listed(db.iterate("c", order_by="-id")), "n"), [20, 14, 13, 12, 11])
        same(await listed(db.aggregate("c", bucket=("n", 10), count=True)), [{"bucket": 10, "count": 4}, {"bucket": 20, "count": 1}])
        same(await listed(db.distinct("c", "y")), [None, 2])
        same([c["id"] for c in await listed(db.changes(limit=2))], [1, 2])
        same(await db.delete("c", {"n": {"lt": 13}}), 2)
        same(await db.delete("c", "n", 20), 1)
        same(await db.verify(), [])
        same(await db.backup("c.bak"), 2)
        await db.clear("c")
        same(await db.restore("c.bak"), 2)
        same(await db.incremental_backup("i.bak", since_change=await db.last_change()), 0)
        await db.compact()
        same(db.post("c", {"n": 5}), True)
        await db.flush()
        same(column(await db.all("c"), "n"), [13, 14, 5])
        same(await db.configure("c", capped=2), {"capped": 2, "ttl": 0, "history": 4, "schema": {}})
        same(column(await db.pop("c"), "n"), [14])
        assert repr(db) == repr(plain_db), repr(db)
        await db.close()
        await db.close()
        await araises(ClosedError, "", lambda: db.insert("c", {}))

    run(main())


def test_errors_and_arguments():
    plain_db = filled(5)

    async def main():
        db = Unosql(plain_db)
        await araises(ValueError, "record", lambda: db.insert("c", 5))
        await araises(ValueError, "condition", lambda: db.delete("c", None))
        await araises(ValueError, "limit", lambda: db.find("c", limit="5"))
        await araises(TypeError, "no value", lambda: db.find("c", "n"))
        await araises(ValueError, "since", lambda: db.incremental_backup("x.bak"))
        await araises(UniqueError, "", lambda: db.create_index("c", "even", unique=True))
        for name in (5, "", b"c"):
            raises(ValueError, "name of a collection", db.watch, name)
        same(await db.indexes("c"), [])
        await araises(ValueError, "record", lambda: db.insert_many("c", [{"n": 1}, 5]))
        same(await db.count("c"), 5)
        raises(AttributeError, "", lambda: db.nothing)

    run(main())


class Others:
    """A task that counts how often it runs."""

    def __init__(self):
        self.n = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            self.n += 1
            await asyncio.sleep(0)

    def stop(self):
        self._task.cancel()


def test_others_run_meanwhile():
    plain_db = filled()

    async def main():
        db, others = Unosql(plain_db), Others()
        calls = (
            ("create_index", lambda: db.create_index("c", "n"), N), ("find", lambda: db.find("c", {"even": True}), N),
            ("none", lambda: db.find("c", {"even": 5}, order_by="even"), N), ("count", lambda: db.count("c", {"even": True}), N),
            ("update", lambda: db.update("c", {}, {"x": 1}), N), ("insert_many", lambda: db.insert_many("d", ({"n": n} for n in range(N))), N),
            ("backup", lambda: db.backup("c.bak"), N), ("verify", lambda: db.verify(), 2 * N),
            ("incremental_backup", lambda: db.incremental_backup("i.bak", since_change=0), N),
            ("delete", lambda: db.delete("c", {"n": {"gte": N // 2}}), N // 2), ("compact", lambda: db.compact(), 1),
            ("rekey", lambda: db.rekey(b"sixteen byte key", 1000), 2), ("decrypt", lambda: db.rekey(None), 2),
            ("restore of an increment", lambda: db.restore("i.bak"), 4 * N), ("restore", lambda: db.restore("c.bak"), 2 * N),
            ("delete after it", lambda: db.delete("c", {"n": {"gte": N // 2}}), N // 2),
        )
        for name, call, least in calls:
            before = others.n
            await call()
            assert others.n - before >= least, (name, others.n - before, least)
        for rows in (db.iterate("d", {"n": {"lt": 0}}), db.aggregate("d", group_by="n", count=True)):
            before = others.n
            await listed(rows)
            assert others.n - before >= N
        others.stop()
        same((await db.count("c"), await db.count("d"), await db.verify()), (N // 2, N, []))

    run(main())


def test_tasks_take_turns():
    plain_db = filled()
    log = []

    async def long(db):
        await db.update("c", {}, inc={"n": 1000})
        log.append("long")

    async def short(db):
        same(column(await db.find("c", {"id": {"lte": 3}}), "n"), [1000, 1001, 1002])  # none of it in between
        await db.insert("c", {"n": 0})
        log.append("short")

    async def main():
        db, other = Unosql(plain_db), Unosql(plain_db)
        await asyncio.gather(long(db), short(other), short(db))
        same(log, ["long", "short", "short"])
        same(await db.count("c"), N + 2)

    run(main())


def test_plain_calls_in_between_are_refused():
    plain_db = filled()
    refused = []

    async def interfere(task):
        while not task.done():
            for call in (lambda: plain_db.insert("c", {}), lambda: plain_db.get("c", 1)):
                try:
                    call()
                except BusyError:
                    refused.append(1)
            assert plain_db.post("c", {"posted": 1}) in (True, False)
            await asyncio.sleep(0)

    async def main():
        db = Unosql(plain_db)
        task = asyncio.create_task(db.delete("c", {"n": {"gte": 5}}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await interfere(task)
        same(await task, N - 5)
        assert len(refused) > N
        same(column(await db.find("c", {"n": {"exists": True}}), "n"), [0, 1, 2, 3, 4])
        plain_db.insert("c", {})

    run(main())


async def cancelled(call, awaits):
    """Make a task of a coroutine, and cancel it after so many turns; return whether it was done by then."""
    task = asyncio.create_task(call)
    for _ in range(awaits):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    try:
        await task
        done = True
    except asyncio.CancelledError:
        pass
    return done


def cancelled_at_any_await(**options):
    """Whatever is cancelled, at each of its awaits in turn, is done or is not, and the next call works."""
    plain_db = filled(6, **options)
    plain_db.create_index("c", "n")
    plain_db.backup("c.bak")
    plain_db.insert("c", {"n": 6})
    plain_db.incremental_backup("i.bak", since_change=6)

    def state():
        kept = plain(plain_db.all("c")), [d["keys"] for d in plain_db.indexes("c")], plain_db.configure("c"), plain_db.collections()
        same(plain_db.verify(), [])
        return kept

    async def at_each_await(call):
        db = Unosql(plain_db)
        outcomes = set()
        for awaits in range(99):
            before = state()
            done = await cancelled(call(db), awaits)
            after = state()
            assert done or after == before, (awaits, before, after)
            assert plain_db._database.turn is None
            outcomes.add(done)
            if done:
                assert after != before
                break
        same(outcomes, {True, False})

    async def bulk(db):
        async with db.transaction():
            await db.insert("c", {"n": 50})
            await db.update("c", {}, inc={"m": 1})

    async def main():
        await at_each_await(lambda db: db.update("c", {}, inc={"n": 1}))
        await at_each_await(lambda db: db.insert_many("c", ({"n": n} for n in range(20, 24))))
        await at_each_await(lambda db: db.insert("c", {"n": 30}))
        await at_each_await(lambda db: db.upsert("c", {"n": {"gte": 0}}, {"z": 1}))
        await at_each_await(lambda db: db.create_index("c", "m"))
        await at_each_await(bulk)
        await at_each_await(lambda db: db.delete("c", {"n": {"gte": 22}}))
        await at_each_await(lambda db: db.pop("c", 2))
        await at_each_await(lambda db: db.ack("c", 4))
        await at_each_await(lambda db: db.configure("c", capped=3, schema={"n": "int"}))
        await at_each_await(lambda db: db.create_collection("d"))
        await at_each_await(lambda db: db.drop_index("c", "m"))
        await at_each_await(lambda db: db.clear("c"))
        await at_each_await(lambda db: db.restore("i.bak"))
        await at_each_await(lambda db: db.restore("c.bak"))
        await at_each_await(lambda db: db.drop("c"))

    run(main())
    db = again(plain_db, **options)
    same([db.collections(), db.verify()], [[], []])


def test_cancelled_at_any_await():
    cancelled_at_any_await()


def test_cancelled_at_any_await_of_an_encrypted_database():
    cancelled_at_any_await(encryption_key=b"sixteen byte key", iterations=1000)


def test_cancelled_at_any_await_where_a_batch_is_durable_later():
    cancelled_at_any_await(durability="batch")


def test_rekey_cancelled_at_any_await():
    """One of the keys opens it, and all is there."""
    old, new = b"sixteen byte key", b"another key's 16"
    plain_db = filled(N, encryption_key=old, iterations=1000, memtable=1024)
    whole = plain_db.all("c")

    async def rekeyed(db, awaits):
        done = await cancelled(db.rekey(new, 1000), awaits)
        assert plain_db._database.turn is None
        same([await db.all("c"), await db.verify()], [whole, []])
        await db.insert("d", {"awaits": awaits})
        return done

    for awaits in range(99):
        done = run(rekeyed(Unosql(plain_db), awaits))
        plain_db = again(plain_db, encryption_key=new if done else old)
        same([plain_db.all("c"), plain_db.count("d"), plain_db.verify()], [whole, awaits + 1, []])
        if done:
            break
    assert done and awaits > 4, (done, awaits)


def test_cancelled_while_it_waits_for_its_turn():
    plain_db = filled(3)

    async def main():
        db = Unosql(plain_db)
        for awaits in range(12):
            async with db.transaction():
                await db.insert("other", {"n": awaits})
                waiting = [asyncio.create_task(call()) for call in (
                    lambda: db.insert("c", {"n": 9}), lambda: db.update("c", {}, inc={"n": 1}), lambda: db.find("c"), lambda: bulk(db))]
                for _ in range(awaits):
                    await asyncio.sleep(0)
                for task in waiting:
                    task.cancel()
            for task in waiting:
                try:
                    await task
                    raise AssertionError("it was not cancelled")
                except asyncio.CancelledError:
                    pass
            same([plain_db.count("other"), column(plain_db.all("c"), "n")], [awaits + 1, [0, 1, 2]])
            assert plain_db._database.turn is None
        same(await db.insert("c", {}), 4)

    async def bulk(db):
        async with db.transaction():
            await db.insert("c", {"n": 50})

    run(main())
    same(again(plain_db).verify(), [])


def test_cancelled_in_what_changes_nothing():
    plain_db = filled(12)

    async def main():
        db = Unosql(plain_db)
        for call in (db.verify, db.compact, lambda: db.backup("c.bak"), lambda: db.find("c"), lambda: listed(db.iterate("c"))):
            for awaits in range(0, 30, 3):
                task = asyncio.create_task(call())
                for _ in range(awaits):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass
                same(plain_db.count("c"), 12)
        same(await db.verify(), [])
        same(await db.backup("c.bak"), 12)

    run(main())
    same(again(plain_db).verify(), [])


def test_transaction():
    plain_db = filled(3)
    log = []

    async def slow(db):
        async with db.transaction():
            await db.insert("c", {"n": 10})
            raises(BusyError, "", plain_db.insert, "c", {})
            for _ in range(5):
                await asyncio.sleep(0)
            same(await db.count("c"), 4)
            await db.update("c", {}, inc={"n": 1})
            log.append("slow")

    async def other(db):
        await asyncio.sleep(0)
        same(column(await db.all("c"), "n"), [1, 2, 3, 11])
        log.append("other")

    async def main():
        db = Unosql(plain_db)
        await asyncio.gather(slow(db), other(db))
        same(log, ["slow", "other"])
        last = await db.last_change()
        try:
            async with db.transaction():
                await db.delete("c", {})
                await araises(ValueError, "transaction", lambda: db.backup("x.bak"))
                await araises(ValueError, "transaction", lambda: db.compact())
                await araises(ValueError, "transaction", lambda: db.verify())
                raise KeyError
        except KeyError:
            pass
        same((await db.count("c"), await db.last_change()), (4, last))
        try:
            async with db.transaction():
                async with db.transaction():
                    assert False
        except ValueError:
            pass
        plain_db.insert("c", {})
        same(await db.count("c"), 5)

    run(main())
    same(again(plain_db).count("c"), 5)


def test_iteration_goes_on_while_others_write():
    plain_db = filled()

    async def read(db):
        return column(await listed(db.iterate("c", {"even": True})), "n")

    async def write(db):
        for n in range(N):
            await db.update("c", "n", n, {"x": 1})
            await db.insert("c", {"n": 1000 + n, "even": True})

    async def main():
        db = Unosql(plain_db)
        found, _ = await asyncio.gather(read(db), write(db))
        same(found, list(range(0, N, 2)))
        rows = db.iterate("c")
        async for _ in rows:
            break
        await db.backup("c.bak")
        await db.restore("c.bak")
        await araises(UnosqlError, "restore", lambda: listed(rows))

    run(main())


# -- changes as they come


async def settled():
    for _ in range(15):
        await asyncio.sleep(0.01)


def test_watch_misses_nothing_and_tells_nothing_twice():
    plain_db = filled(3)
    seen = []

    async def look(watch):
        async for change in watch:
            seen.append(change)

    async def write(db, who):
        for n in range(10):
            id = await db.insert("c", {"who": who, "n": n})
            if n % 3 == 0:
                await db.update("c", "id", id, {"x": n})
            if n % 4 == 0:
                await db.delete("c", "id", id)
            await db.insert("other", {"n": n})

    async def main():
        db = Unosql(plain_db)
        task = asyncio.create_task(look(db.watch("c")))
        await asyncio.gather(write(db, 1), write(db, 2))
        plain_db.insert("c", {"who": 3})  # by a plain call, too
        with plain_db.transaction():
            for n in range(3):
                plain_db.insert("c", {"who": 4})
        await settled()
        task.cancel()

    run(main())
    numbers = column(seen, "change")
    assert numbers == sorted(set(numbers)) and numbers[0] > 3, numbers
    told = {change["id"]: change for change in seen}
    for change in plain_db.changes(3):
        if change["collection"] == "c":
            same(told[change["id"]], change)
    same({change["collection"] for change in seen}, {"c"})


def test_a_watch_that_is_cancelled_at_any_await_goes_on():
    """Who watches is cancelled before, in the midst of and after what it is told of; the same watch tells the rest."""
    plain_db = filled(3)
    seen = []

    async def look(watch):
        async for change in watch:
            seen.append(change["change"])

    async def main():
        db = Unosql(plain_db)
        watch, resumed = db.watch("c"), []
        for before in range(3):
            for after in range(14):
                task = asyncio.create_task(look(watch))
                for _ in range(before):
                    await asyncio.sleep(0)
                await db.insert("c", {"n": after})
                await db.insert("other", {})
                await db.insert("c", {"n": after})
                for _ in range(after):
                    await asyncio.sleep(0)
                if after == 13:
                    await settled()
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    resumed.append(len(seen))
        task = asyncio.create_task(look(watch))
        await settled()
        task.cancel()
        assert len(resumed) == 42 and len(set(resumed)) > 3, resumed

    run(main())
    same(seen, [change["change"] for change in plain_db.changes(3) if change["collection"] == "c"])


def test_watch_since():
    plain_db = filled(4)

    async def first(watch, n):
        found = []
        async for change in watch:
            found.append(change["change"])
            if len(found) == n:
                return found

    async def main():
        db = Unosql(plain_db)
        same(await first(db.watch(since=0), 4), [1, 2, 3, 4])
        same(await first(db.watch("c", since=2), 2), [3, 4])
        watch = db.watch()
        await db.insert("d", {})
        same(await first(watch, 1), [5])
        watch = db.watch(since=0)
        await db.delete("c", {})
        await db.insert_many("c", ({} for _ in range(400)))
        await db.delete("c", {"id": {"lte": 200}})
        await db.insert_many("c", ({} for _ in range(200)))
        while not plain_db.get_stats()["forgotten"]:
            await db.delete("c", "id", (await db.insert("c", {})))
        await araises(UnosqlError, "forgotten", lambda: first(watch, 1))
        watch = db.watch()
        await db.backup("c.bak")
        await db.insert("c", {})
        await first(watch, 1)
        await db.restore("c.bak")
        await araises(UnosqlError, "restore", lambda: first(watch, 1))
        raises(ValueError, "since", db.watch, since=-1)

    if not board:
        run(main())


def test_only_what_is_durable_is_told():
    plain_db = fresh(durability="batch")
    seen = []

    async def main():
        db = Unosql(plain_db)
        task = db.on_change(seen.append)
        for n in range(3):
            await db.insert("c", {"n": n})
        await settled()
        same(seen, [])
        await db.flush()
        await settled()
        same([change["record"]["n"] for change in seen], [0, 1, 2])
        async with db.transaction():
            await db.insert("c", {"n": 3})
            await settled()
        await db.flush()
        await settled()
        same(seen[-1]["record"]["n"], 3)
        n = 4
        while len(seen) == 4:  # full memtables go to flash by themselves
            await db.insert("c", {"n": n, "text": "x" * 90})
            n += 1
        await settled()
        assert seen[-1]["record"]["n"] < n - 1
        cut = after_cut(plain_db)
        same(cut.get("c", seen[-1]["id"]), seen[-1]["record"])
        task.cancel()

    run(main())


def test_transaction_is_told_when_it_is_over():
    plain_db = filled(2)
    seen = []

    async def main():
        db = Unosql(plain_db)
        db.on_change(seen.append, "c")
        async with db.transaction():
            await db.update("c", "id", 1, {"x": 1})
            await db.insert("c", {"n": 5})
            await settled()
            same(seen, [])
        await settled()
        same(column(seen, "id"), [1, 3])
        try:
            async with db.transaction():
                await db.update("c", "id", 2, {"x": 1})
                raise KeyError
        except KeyError:
            pass
        await settled()
        same(len(seen), 2)

    run(main())


def test_on_change():
    plain_db = filled(1)
    seen, others = [], []

    async def callback(change):
        await asyncio.sleep(0)
        others.append(change["id"])

    async def main():
        db = Unosql(plain_db)
        task = db.on_change(lambda change: seen.append(change["id"]), "c")
        other = db.on_change(callback, since=0)
        for _ in range(3):
            await db.insert("c", {})
        await settled()
        same((seen, others), ([2, 3, 4], [1, 2, 3, 4]))
        task.cancel()
        await db.insert("c", {})
        await settled()
        same((seen, others), ([2, 3, 4], [1, 2, 3, 4, 5]))
        await db.close()
        await settled()
        assert other.done() and task.done()

    run(main())


def test_changes_of_another_thread():
    try:
        import _thread
    except ImportError:
        raise Skip("needs threads")
    if board:
        raise Skip("needs a heap for two stacks")
    plain_db = fresh()
    seen = []

    async def main():
        db = Unosql(plain_db)
        db.on_change(seen.append)
        _thread.start_new_thread(lambda: plain_db.insert("c", {"n": 1}), ())
        for _ in range(100):
            if seen:
                break
            await asyncio.sleep(0.02)
        same(column(seen, "id"), [1])

    run(main())


def test_opens_by_itself():
    from runner import medium

    where = {"path" if mode() == "files" else "storage": medium("mine")}

    async def main():
        async with Unosql("mine", b"1234567890123456", 1000, **where) as db:
            await db.insert("c", {})
        await araises(ClosedError, "", lambda: db.get("c", 1))
        async with Unosql("mine", b"1234567890123456", **where) as db:
            same(await db.count("c"), 1)

    run(main())
