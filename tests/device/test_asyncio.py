"""One database used by several coroutines."""
import asyncio

from runner import again, column, fresh, same


def test_writers_and_readers_take_turns():
    db = fresh()
    seen = []

    async def write(who):
        for n in range(20):
            db.insert("c", {"who": who, "n": n})
            await asyncio.sleep(0)

    async def read():
        for _ in range(20):
            count = db.count("c")
            same(len(db.all("c")), count)
            seen.append(count)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(write(1), write(2), read())

    asyncio.run(main())
    same(db.count("c"), 40)
    assert seen == sorted(seen) and seen[-1] > seen[0]
    for who in (1, 2):
        same(column(db.find("c", "who", who), "n"), list(range(20)))
    same(again(db).count("c"), 40)


def test_iteration_goes_on_while_others_write():
    db = fresh()
    db.insert_many("c", ({"n": n} for n in range(30)))
    met = []

    async def read():
        for record in db.iterate("c"):
            met.append(record["n"])
            await asyncio.sleep(0)

    async def write():
        for n in range(30, 40):
            db.insert("c", {"n": n})
            db.delete("c", "n", n - 30)
            db.update("c", "n", n - 5, {"x": 1})
            await asyncio.sleep(0)
        db.compact()

    async def main():
        await asyncio.gather(read(), write())

    asyncio.run(main())
    same(met, sorted(set(met)))
    assert set(range(10, 30)) <= set(met), met
    same(db.count("c"), 30)


def test_producer_and_consumer():
    db = fresh()
    taken = []

    async def produce():
        for n in range(40):
            db.insert("queue", {"n": n})
            await asyncio.sleep(0)

    async def consume():
        while len(taken) < 40:
            for record in db.pop("queue", 3):
                taken.append(record["n"])
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(consume(), produce())

    asyncio.run(main())
    same(taken, list(range(40)))
    same(db.count("queue"), 0)
