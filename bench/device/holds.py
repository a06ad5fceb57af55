"""The longest time for which calls of unosql.aio hold the loop: a task beside them looks at the clock whenever its turn comes.

The clock is that of the process: what else the machine does has no part in it.
"""
import asyncio
import time

from database import Subject
from unosql.aio import Unosql
from workload import record


class Watch:
    """longest: seconds between two turns."""

    def __init__(self):
        self.longest = 0
        self._running = True

    async def run(self):
        before = time.clock()
        while self._running:
            await asyncio.sleep(0)
            now = time.clock()
            self.longest = max(self.longest, now - before)
            before = now

    def stop(self):
        self._running = False


async def one_by_one(call, arguments):
    for each in arguments:
        await call(*each)


async def rows(iterator):
    async for _ in iterator:
        pass


# What is done, on n records: name -> coroutine.
CALLS = (
    ("get, 50 times", lambda db, n: one_by_one(db.get, [("log", 1 + i * 7919 % n) for i in range(50)])),
    ("find by index, 50 times", lambda db, n: one_by_one(db.find, [("log", "tag", "n%05d" % (1 + i * 7919 % n)) for i in range(50)])),
    ("insert, 100 times", lambda db, n: one_by_one(db.insert, [("log", record(n + i + 1)) for i in range(100)])),
    ("insert_many of 100", lambda db, n: db.insert_many("log", (record(n + i + 101) for i in range(100)))),
    ("update of one, 20 times", lambda db, n: one_by_one(db.update, [("log", {"id": 1 + i * 97}, {"t": 5}) for i in range(20)])),
    ("update of 100", lambda db, n: db.update("log", {"id": {"lte": 100}}, {"t": 6})),
    ("find of 100, no index", lambda db, n: db.find("log", {"rh": 50}, limit=100)),
    ("count, no index", lambda db, n: db.count("log", {"rh": 50})),
    ("iterate over 500", lambda db, n: rows(db.iterate("log", limit=500))),
    ("aggregate of 500", lambda db, n: rows(db.aggregate("log", {"id": {"lte": 500}}, bucket=("timestamp", 3600), avg="t"))),
    ("create_index", lambda db, n: db.create_index("log", "rh")),
    ("backup", lambda db, n: db.backup("holds.bak")),
    ("delete of 100", lambda db, n: db.delete("log", {"id": {"lte": 100}})),
    ("compact", lambda db, n: db.compact()),
    ("verify", lambda db, n: db.verify()),
    ("restore", lambda db, n: db.restore("holds.bak")),
    ("rekey to no key", lambda db, n: db.rekey(None)),
)


async def _measure(n, place):
    db = Unosql(Subject(*place)._db)
    for name, call in CALLS:
        watch = Watch()
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        start = time.clock()
        await call(db, n)
        whole = time.clock() - start
        watch.stop()
        await task
        print("%s: %d %d" % (name, 1e6 * watch.longest, 1e6 * whole))
    await db.close()


def measure(n, place):
    """Print a line for each call: its name, and microseconds, of the longest hold and of all."""
    asyncio.run(_measure(n, place))
