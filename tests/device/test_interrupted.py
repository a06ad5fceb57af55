"""Calls in the middle of other calls, as the callbacks of timers and pins make them.

The storage calls back at every nth access, so that each run is the same; micropython.schedule() does that between any two
bytecodes.
"""
import gc
import os
import sys

from runner import Skip, again, board, column, fresh, medium, mode, raises, same
from unosql.core import BusyError, ClosedError, StorageFullError, UniqueError, Unosql, UnosqlError
from unosql.storage.files import Files


def intervals():
    """Numbers n, for a callback at every nth access: all to 200 where that takes no minutes."""
    if board:
        return (7, 50)
    if sys.implementation.name == "cpython" and mode() == "files":
        return range(1, 201)
    return (1, 2, 3, 5, 7, 17, 29, 113, 199) if mode() == "files" else (1, 7, 31, 199)


class Filesystem:
    """os and open() that call a function at each access, and tell it whether that writes."""

    def __init__(self, access):
        self._access = access

    def open(self, *args):
        self._access(args[1][0] != "r" or "+" in args[1])
        file = open(*args)
        return file

    def __getattr__(self, name):
        call = getattr(os, name)
        self._access(False)
        return call


class Device:
    """A block device that does the same."""

    def __init__(self, device, access):
        self._device = device
        self._access = access

    def readblocks(self, *args):
        self._device.readblocks(*args)
        self._access(False)

    def writeblocks(self, *args):
        self._access(True)
        self._device.writeblocks(*args)

    def ioctl(self, *args):
        result = self._device.ioctl(*args)
        self._access(False)
        return result


def storage_of(name, access=lambda writes: None):
    """A storage of a database, which calls access() at each access; all of one test are on one flash."""
    if mode() == "files":
        return Files(medium(name) + "/" + name + ".udb", fs=Filesystem(access))
    return Device(medium("shared"), access)


class Interrupting:
    """A storage whose accesses run a callback, every nth of them, but not within that."""

    def __init__(self, name="db"):
        self.callback = None
        self.every = 1
        self.count = 0
        self.full = False
        self.storage = storage_of(name, self.access)
        Unosql.destroy(name, storage=self.storage)  # a board's flash may hold one of an earlier test

    def access(self, writes):
        if writes and self.full:
            raise OSError(28)  # ENOSPC
        callback = self.callback
        self.count += 1
        if callback and self.count % self.every == 0:
            self.callback = None  # as MicroPython does: no callback within a callback
            callback()
            self.callback = callback


class Intruder:
    """A callback that tries one call after the other and notes what is not refused."""

    def __init__(self, db, name, storage):
        self.db = db
        self.tried = 0
        self.wrong = []
        self.posted = 0
        self.iterator = None
        self.calls = (
            lambda: db.insert("a", {"n": -1}),
            lambda: db.insert_many("a", [{"n": -1}]),
            lambda: db.get("a", 1),
            lambda: db.find("a", "n", 1),
            lambda: db.find_one("a"),
            lambda: list(db.iterate("a")),
            lambda: db.update("a", {}, {"x": -1}),
            lambda: db.upsert("a", "n", -1, {"x": -1}),
            lambda: db.delete("a", {}),
            lambda: db.count("a"),
            lambda: db.history("a", 1),
            lambda: db.collections(),
            lambda: db.clear("a"),
            lambda: db.drop("a"),
            lambda: db.configure("a", capped=1),
            lambda: db.pop("a"),
            lambda: db.ack("a", 1),
            lambda: db.create_index("a", "x"),
            lambda: db.drop_index("a", "n"),
            lambda: db.indexes("a"),
            lambda: db.explain("a"),
            lambda: db.transaction().__enter__(),
            lambda: next(db.changes()),
            lambda: db.last_change(),
            lambda: db.backup("intruder.bak"),
            lambda: db.restore("intruder.bak"),
            lambda: db.flush(),
            lambda: db.optimize_memory(),
            lambda: db.rekey(None),
            lambda: db.compact(),
            lambda: db.verify(),
            lambda: db.get_stats(),
            lambda: db.close(),
            lambda: Unosql(name, storage=storage),
            lambda: Unosql.destroy(name, storage=storage),
        )

    def __call__(self):
        call = self.calls[self.tried % len(self.calls)]
        self.tried += 1
        try:
            result = call()
        except BusyError:
            return
        except Exception as error:
            result = error
        self.wrong.append(((self.tried - 1) % len(self.calls), result))


def calls(db, restoring=True):
    """All kinds of calls, one after the other, each a step of a generator; they check what they return."""
    db.create_index("a", "n")
    yield
    for n in range(12):
        same(db.insert("a", {"n": n, "text": "x" * 60}), n + 1)
        yield
        same(column(db.find("a", "n", n), "n"), [n])
        yield
    same(db.insert_many("a", ({"n": 100 + n, "seen": db.count("b")} for n in range(20))), 20)
    yield
    same(db.update("a", {"n": {"gte": 100}}, {"x": 1}), True)
    same(db.upsert("a", "n", 3, {"x": 2}), 4)
    same(db.delete("a", {"n": 4}), 1)
    yield
    same(db.history("a", 4)[0]["x"], 2)
    same([r["n"] for r in db.iterate("a", {"x": 1}, order_by="-n")], list(range(119, 99, -1)))
    yield
    with db.transaction():
        db.insert("b", {"n": 1})
        same(db.count("b"), 1)
        db.update("a", "n", 5, {"x": 5})
    yield
    try:
        with db.transaction():
            db.delete("a", {})
            raise KeyError
    except KeyError:
        pass
    same(db.count("a"), 31)
    yield
    db.configure("b", capped=5)
    db.insert_many("b", [{"n": n} for n in range(2, 9)])
    same(column(db.pop("b"), "n"), [4])
    same(db.ack("b", 5), 1)
    yield
    same(len(list(db.changes())) > 30, True)
    same(db.backup("db.bak") > 30, True)
    db.clear("b")
    yield
    db.compact()
    if restoring:
        same(db.restore("db.bak") > 30, True)
    yield
    same(db.verify(), [])
    db.optimize_memory()
    db.create_index("a", "x")
    same(db.drop_index("a", "x"), True)
    same(db.drop("b"), True)
    db.flush()
    same(db.get_stats()["collections"]["a"], 31)
    yield


def whole(db):
    same(db.count("a"), 31)
    same(db.verify(), [])
    same(column(db.find("a", {"n": {"lt": 12}}), "n"), [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11])


def test_every_call_is_refused_within_every_call():
    for every in intervals():
        name = "d%d" % every
        source = Interrupting(name)
        source.every = every
        db = Unosql(name, storage=source.storage, memtable=1024, log_level="DEBUG")
        intruder = Intruder(db, name, source.storage)
        source.callback = intruder
        for _ in calls(db):
            pass
        source.callback = None
        same(intruder.wrong[:3], [])
        assert intruder.tried > (5 if every < 50 else 0), intruder.tried
        whole(db)
        db.close()
        with Unosql(name, storage=source.storage) as db:
            whole(db)
        Unosql.destroy(name, storage=source.storage)


def test_within_opening_and_closing():
    source = Interrupting()
    wrong = []

    def intrude():
        for call in (lambda: Unosql("db", storage=source.storage), lambda: Unosql.destroy("db", storage=source.storage)):
            try:
                wrong.append(call())
            except BusyError:
                pass
        if db:
            try:
                wrong.append(db.insert("a", {}))
            except ClosedError:
                pass  # by its close(), which is under way

    db = None
    for n in range(5):
        source.callback = intrude
        db = Unosql("db", storage=source.storage)
        source.callback = None
        same(db.insert("a", {}), n + 1)
        source.callback = intrude
        db.close()
        db = None
    source.callback = None
    same(wrong, [])


def test_posts_are_written_in_order():
    """post() interrupts every call, the writing of what was posted included."""
    for every in intervals()[1:]:
        name = "p%d" % every
        source = Interrupting(name)
        source.every = every
        db = Unosql(name, storage=source.storage, memtable=1024, posts=4)
        counts = [0, 0]  # no room, posted

        def post():
            counts[db.post("ticks", {"n": counts[1]})] += 1

        source.callback = post
        for _ in calls(db, False):
            pass
        source.callback = None
        db.flush()
        for n, record in enumerate(db.iterate("ticks")):
            same(record["n"], n)
        same(db.count("ticks"), counts[1])
        assert counts[1] or every > 100
        stats = db.get_stats()
        same((stats["posted"], stats["post_overflow"], stats["post_refused"], stats["post_error"]), (0, counts[0], 0, None))
        db.drop("ticks")
        whole(db)
        db.close()
        Unosql.destroy(name, storage=source.storage)


def test_post_checks_at_once():
    db = fresh(posts=2)
    for bad in (5, {"n": float("nan")}, {1: 2}, {"text": "x" * 9000}):
        raises(ValueError, "", lambda: db.post("a", bad))
    for name in ("", "x" * 65, 5):
        raises(ValueError, "the name of a collection", lambda: db.post(name, {}))
    record = {"n": 1}
    same(db.post("a", record), True)
    record["n"] = 2  # what was posted stays
    same(db.post("a", record), True)
    same(db.post("a", record), False)
    same(column(db.all("a"), "n"), [1, 2])
    same(db.get_stats()["post_overflow"], 1)
    db.post("a", {"n": 3})
    db.close()
    raises(ClosedError, "", lambda: db.post("a", {}))
    db = again(db)
    same(column(db.all("a"), "n"), [1, 2, 3])


def test_posts_wait_for_the_end_of_a_transaction():
    db = fresh()
    try:
        with db.transaction():
            db.post("a", {"n": 1})
            same(db.count("a"), 0)
            db.flush()
            raise KeyError
    except KeyError:
        pass
    same(db.count("a"), 1)


def test_a_post_that_is_refused_is_told():
    db = fresh(log_level="ERROR")
    db.create_index("a", "n", unique=True)
    for n in (1, 1, 2):
        db.post("a", {"n": n})
    same(column(db.all("a"), "n"), [1, 2])
    same(db.get_stats()["post_refused"], 1)
    raises(UniqueError, "", db.flush)
    db.flush()  # once
    db.post("a", {"n": 2})
    raises(UniqueError, "", db.close)
    db = again(db)
    same(column(db.all("a"), "n"), [1, 2])


def test_posts_that_find_no_room_stay():
    source = Interrupting()
    db = Unosql("db", storage=source.storage)
    db.create_index("a", "n", unique=True)
    db.insert("a", {"n": 0})
    db.post("a", {"n": 0})
    db.post("a", {"n": 1})
    db.post("b", {"n": 2})
    source.full = True
    same(column(db.find("a"), "n"), [0])  # reading goes on
    same(db.get_stats()["posted"], 2)
    assert isinstance(db.get_stats()["post_error"], (OSError, UnosqlError))
    raises((OSError, StorageFullError), "", db.flush)
    same(db.get_stats()["posted"], 2)
    source.full = False
    raises(UniqueError, "", db.flush)  # which that had kept from being told
    same((column(db.all("a"), "n"), column(db.all("b"), "n")), ([0, 1], [2]))
    same(db.get_stats()["post_error"], None)
    db.post("b", {"n": 3})
    source.full = True
    raises((OSError, StorageFullError), "", db.close)  # lost, but told
    source.full = False
    with Unosql("db", storage=source.storage) as db:
        same(column(db.all("b"), "n"), [2])


def test_another_database_works_within():
    for every in intervals()[1:6]:
        source = Interrupting("a")
        source.every = every
        db = Unosql("a", storage=source.storage, memtable=1024)
        other = Unosql("b", storage=storage_of("b"), memtable=1024)
        ids, wrong = [], []

        def work():
            try:
                ids.append(other.insert("log", {"n": len(ids)}))
                same(len(other.find("log", {"n": len(ids) - 1})), 1)
            except Exception as error:
                wrong.append(error)

        source.callback = work
        for _ in calls(db):
            pass
        source.callback = None
        same(wrong[:3], [])
        same(ids, list(range(1, len(ids) + 1)))
        same(other.count("log"), len(ids))
        same(other.verify(), [])
        whole(db)
        other.close()
        db.close()
        for name in "ab":
            Unosql.destroy(name, storage=storage_of(name))


def test_loops_and_generators_may_call():
    db = fresh()
    db.insert_many("a", ({"n": n} for n in range(10)))
    for record in db.iterate("a"):
        db.update("a", "id", record["id"], {"n": record["n"] + 100})
        db.post("log", {"n": record["n"]})

    def moved():
        for record in db.iterate("a"):
            with_id = db.insert("seen", {"n": record["n"]})
            yield {"n": record["n"], "seen": with_id}
            db.delete("a", "id", record["id"])

    same(db.insert_many("b", moved()), 10)
    same((db.count("a"), db.count("b"), db.count("seen"), db.count("log")), (0, 10, 10, 10))
    with db.transaction():
        db.insert("a", {})
        raises(ValueError, "there is a transaction already", db.transaction().__enter__)
    same(again(db).count("a"), 1)


def test_scheduled_callbacks():
    """The real thing, where there is micropython.schedule()."""
    if board and mode() == "flash":
        raise Skip("needs more heap beside a flash in RAM than a board has")
    try:
        from micropython import schedule
    except ImportError:
        raise Skip("needs micropython.schedule")
    source = Interrupting()
    db = Unosql("db", storage=source.storage, memtable=1024)
    intruder, ran = Intruder(db, "db", source.storage), []

    def tick(_):
        ran.append(1)
        before = db.post("ticks", {"n": len(ran)})
        if db._database.lock.is_interrupted():  # between two calls a callback may call what it likes
            intruder()
        source.callback = due
        assert before in (True, False)

    def due():
        try:
            schedule(tick, 0)
        except RuntimeError:
            pass  # the queue is full

    source.every = 3
    source.callback = due
    for _ in calls(db):
        pass
    source.callback = None
    gc.collect()
    assert ran
    same(intruder.wrong[:3], [])
    whole(db)
    db.close()
