"""Every way in which a database removes data, as work that can go on for ever: a turnover replaces all live records.

WAYS has them by name: functions of a Turnover, each called once a turnover.
"""
import random

LIVE = 400


class Turnover:
    """A collection of `live` records that come and go. indexed: by a value of no order. opened: opens the database."""

    def __init__(self, opened, live=LIVE, indexed=True):
        self.opened = opened
        self.live = live
        self.inserted = 0
        self.time = 1000
        self.dearest = 0  # bytes programmed by one call, see measured()
        self.open()
        if indexed:
            self.db.create_index("c", "tag")

    def open(self):
        """Open the database, for the first time or again."""
        self.db = self.opened()
        self.db._database._catalog.clock = lambda: self.time

    def insert(self):
        n = self.inserted
        self.inserted += 1
        self.time += 1
        rng = random.Random(n)
        self.last = self.db.insert("c", {"n": n, "tag": rng.randrange(1 << 30), "t": round(rng.gauss(18, 6), 2), "site": "site%d" % (n % 5)})

    def fill(self):
        """All records there are to be, for the first time."""
        while self.inserted < self.live:
            self.insert()


def capped(work):
    if not work.db._database._catalog.collection("c").options.get("capped"):
        work.db.configure("c", capped=work.live)
    for _ in range(work.live):
        work.insert()


def ttl(work):
    if not work.db._database._catalog.collection("c").options.get("ttl"):
        work.db.configure("c", ttl=work.live)
    for _ in range(work.live):
        work.insert()


def ack(work):
    for _ in range(work.live):
        work.insert()
        if work.last % 20 == 0:
            work.db.ack("c", work.last - work.live)
    work.db.ack("c", work.last - work.live)


def pop(work):
    for _ in range(work.live):
        work.db.pop("c")
        work.insert()


def delete(work):
    """The oldest, one by one."""
    for _ in range(work.live):
        work.db.delete("c", "id", work.last - work.live + 1)
        work.insert()


def delete_anywhere(work):
    """Any record but the last one, ten at a time."""
    rng = random.Random(work.inserted)
    for _ in range(work.live // 10):
        some = {r["n"] for r in (work.db.get("c", rng.randrange(1, work.last)) for _ in range(30)) if r}
        work.db.delete("c", {"n": {"in": sorted(some)[:10]}})
        while work.db.count("c") < work.live:
            work.insert()


def update(work):
    for n in range(work.live):
        work.inserted += 1
        work.db.update("c", "id", n + 1, {"tag": random.Random(work.inserted).randrange(1 << 30), "t": work.inserted})


def clear(work):
    work.db.clear("c")
    work.db.create_index("c", "tag")
    for _ in range(work.live):
        work.insert()


def drop(work):
    work.db.drop("c")
    work.db.create_index("c", "tag")
    for _ in range(work.live):
        work.insert()


def drop_index(work):
    """A second index goes and comes back, while the records go through a queue."""
    for _ in range(work.live):
        work.insert()
    work.db.ack("c", work.last - work.live)
    work.db.drop_index("c", "t")
    work.db.create_index("c", "t")


WAYS = {f.__name__: f for f in (capped, ttl, ack, pop, delete, delete_anywhere, update, clear, drop, drop_index)}
