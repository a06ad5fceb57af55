"""Calls in the middle of other calls on CPython: signal handlers, finalizers, and between any two bytecodes.

tests/device/test_interrupted.py has them at each access to the medium, on all targets.
"""
import gc
import signal
import sys
import threading
import time

import pytest
from here import ROOT
from memfs import MemFs
from unosql import core, threads
from unosql.documents.catalog import Catalog
from unosql.kv.store import Store
from unosql.core import BusyError, ClosedError, Unosql
from unosql.storage.files import Files
from unosql.locks import Lock

PACKAGE = str(ROOT / "modules" / "unosql")


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the log
    with Unosql("t", storage=Files("t.udb", fs=MemFs()), memtable=1024, log_level="INFO") as db:
        yield db


class Between:
    """Calls a function between all bytecodes, or every nth of them, that run in files of the package."""

    def __init__(self, call, files=("",), every=1):
        self.call, self.files, self.every, self.n, self.old = call, files, every, 0, None

    def __enter__(self):
        self.old = sys.gettrace()
        sys.settrace(self.trace)

    def __exit__(self, *error):
        sys.settrace(self.old)

    def trace(self, frame, event, arg):
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE) or not any(name.endswith(file) for file in self.files):
            return None
        frame.f_trace_opcodes = True
        return self.step

    def step(self, frame, event, arg):
        if event == "opcode":
            self.n += 1
            if self.n % self.every == 0:
                self.call()  # tracing is off within
        return self.step


def work(db):
    for n in range(3):
        db.insert("a", {"n": n})
        assert db.find("a", "n", n)[-1]["n"] == n
    with db.transaction():
        db.update("a", {}, {"x": 1})
    assert db.insert_many("a", ({"n": n, "seen": db.count("a")} for n in range(3))) == 3
    assert len(list(db.iterate("a"))) == db.count("a")


def tallied(call, allowed=BusyError):
    """The call as a function that counts: [returned, refused]."""
    counts = [0, 0]

    def attempt():
        try:
            call()
            counts[0] += 1
        except allowed:
            counts[1] += 1

    return attempt, counts


@pytest.mark.parametrize("every", [2, 3])
def test_between_any_two_bytecodes_of_the_locks(db, every):
    """Before and after a call's turn another works, within it is refused; nobody waits, and nothing stays locked."""
    attempt, counts = tallied(lambda: db.insert("b", {}))
    with Between(attempt, ("locks.py", "database.py", "transaction.py"), every):
        start = time.monotonic()
        work(db)
    assert time.monotonic() - start < 30 and min(counts) > 20
    assert db.count("b") == counts[0]
    assert db.verify() == []
    lock = db._database.lock
    assert (lock._thread, lock._claim, lock._busy, lock._depth) == (None, None, False, 0)


@pytest.mark.parametrize("every", [1, 7])
def test_between_any_two_bytecodes_of_the_engine(db, every):
    attempt, counts = tallied(lambda: db.insert("b", {"n": 1}))
    files = [f for f in ("/store.py", "/collection.py", "/catalog.py", "/query.py", "/batch.py", "/wal.py", "/ring.py")]
    with Between(attempt, files, every):
        work(db)
    assert counts[0] == 0 and counts[1] > 100
    assert db.count("a") == 6 and db.verify() == []


def test_posts_between_any_two_bytecodes(db):
    n = [0]

    def post():
        n[0] += db.post("b", {"n": n[0]})

    with Between(post, ("posts.py", "database.py", "locks.py"), 3):
        work(db)
        for _ in range(5):
            db.post("b", {"n": -1})  # interrupted as well
    db.flush()
    assert [r["n"] for r in db.iterate("b") if r["n"] >= 0] == list(range(n[0]))
    stats = db.get_stats()
    assert db.count("b") + stats["post_overflow"] >= n[0] + 5 and stats["posted"] == 0
    db.flush()


def test_overflow_is_counted_between_any_two_bytecodes(tmp_path):
    with Unosql("t", path=str(tmp_path), posts=2) as db:
        results = []
        with Between(lambda: results.append(db.post("a", {})), ("database.py",)):
            for _ in range(4):
                results.append(db.post("a", {}))
        assert db.get_stats()["post_overflow"] == results.count(False)
        assert db.count("a") == results.count(True)


def test_another_database_between_the_bytecodes(tmp_path):
    with Unosql("t", path=str(tmp_path)) as db, Unosql("u", path=str(tmp_path)) as other:
        other.insert_many("c", [{"n": 1}, {"n": 2}])

        def call():
            assert len(other.find("c", {"n": {"gt": 1}}, order_by="-n")) == 1
            assert other.update("c", {"n": 2}, {"x": 1})

        with Between(call, ("query.py", "condition.py", "batch.py", "transaction.py", "index.py", "ordering.py"), 11):
            db.create_index("a", "n")
            work(db)
        assert db.verify() == [] and other.verify() == []
        assert other.history("c", 2)[0]["version"] > 2


def test_signal_handlers(db):
    inserted, refused = [], []

    def handle(*_):
        try:
            inserted.append(db.insert("b", {}))
        except BusyError:
            refused.append(db.post("c", {"n": len(refused)}))

    old = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(8):
            work(db)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    db.flush()
    assert refused
    assert db.count("a") == 48
    assert db.count("b") == len(inserted) == len(set(inserted))
    assert db.count("c") == refused.count(True)
    assert db.verify() == []


def test_finalizers(db):
    refused = []

    class Doomed:
        def __del__(self):
            try:
                db.count("a")
            except BusyError:
                refused.append(1)

    def litter():
        gc.disable()
        doomed = Doomed()
        doomed.itself = doomed
        del doomed
        gc.enable()
        gc.collect()

    with Between(litter, ("/collection.py",), 50):
        work(db)
    assert refused and db.verify() == []


def test_a_transaction_that_ends_within_a_call_is_rolled_back_after_it(db):
    """A generator with a transaction in it that the collector closes."""

    def generator():
        with db.transaction():
            db.insert("a", {"n": 1})
            yield

    ended = []

    def end():
        if generators:
            with pytest.raises(BusyError):
                generators.pop().close()
            ended.append(1)

    generators = [generator()]
    next(generators[0])
    with Between(end, ("/collection.py",), 5):
        db.insert("a", {"n": 2})
    assert ended
    assert db.count("a") == 0
    assert db.insert("a", {"n": 3}) == 1
    thread = threading.Thread(target=lambda: ended.append(db.count("a")))  # nothing is locked
    thread.start()
    thread.join()
    assert ended[1:] == [1]


def interrupted_at(n, code, call):
    """Call, with Ctrl-C before the n-th bytecode of a function; whether it came to that."""
    left = n

    def step(frame, event, arg):
        nonlocal left
        left -= event == "opcode"
        if not left:
            sys.settrace(None)
            raise KeyboardInterrupt
        return step

    def trace(frame, event, arg):
        frame.f_trace_opcodes = frame.f_code is code
        return step if frame.f_code is code else None

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(old)
    return False


@pytest.mark.parametrize("begin", [Catalog.begin, Store.begin])
@pytest.mark.parametrize("then", ["call", "close"])
def test_no_transaction_stays_open_where_ctrl_c_came_as_it_began(tmp_path, monkeypatch, begin, then):
    """What follows would be part of it, and be lost."""
    monkeypatch.chdir(tmp_path)
    fs, n = MemFs(), 0

    def transaction():
        with db.transaction():
            pass

    while True:
        n += 1
        db = Unosql("t", storage=Files("t.udb", fs=fs), memtable=1024)
        came = interrupted_at(n, begin.__code__, transaction)
        if then == "call":
            assert db.insert("a", {"n": n}) == n
            transaction()
        else:
            assert db.post("a", {"n": n})
        db.close()
        with Unosql("t", storage=Files("t.udb", fs=fs), memtable=1024) as db:
            assert db.count("a") == n
        if not came:
            break
    assert n > 10


def test_ctrl_c_behind_taking_and_giving_back_the_mutex():
    """CPython raises it at the end of such calls, MicroPython at the next jump."""
    lock = Lock(None, 50, "t")

    class Mutex:
        def __init__(self, mutex):
            self.mutex, self.release = mutex, mutex.release

        def acquire(self, wait):
            return Interrupting(self.mutex.acquire(wait))

    class Interrupting(int):
        come = False

        def __bool__(self):
            if not self.come:
                self.come = True
                raise KeyboardInterrupt
            return self != 0

    real, lock._mutex = lock._mutex, Mutex(lock._mutex)
    with pytest.raises(KeyboardInterrupt), lock:
        pass
    lock._mutex = real
    with lock:
        pass

    def released():
        real.release()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with lock:
            lock._mutex = Mutex(real)
            lock._mutex.release = released
    lock._mutex = real
    with lock:
        pass


def test_an_interrupted_close_and_opening_leave_the_handle_open(db, tmp_path):
    attempt, counts = tallied(db.close)
    with Between(attempt, ("/store.py", "/wal.py")):
        db.insert("a", {"n": 1})
    assert counts[0] == 0 and counts[1] > 10
    attempt, counts = tallied(lambda: db.close())
    with Between(attempt, ("/recovery.py",)):
        Unosql("u", path=str(tmp_path)).close()
    assert counts[0] == 0 and counts[1] > 10
    assert db.count("a") == 1


def test_what_interrupts_one_that_waits_does_not_wait(db, monkeypatch):
    """The main thread waits for another one when the signal comes."""
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with db.transaction():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    errors = []

    def handle(*_):
        try:
            db.count("a")
        except BusyError as error:
            errors.append(error)
        leave.set()

    old = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        assert db.count("a") == 0
    finally:
        signal.signal(signal.SIGALRM, old)
    thread.join()
    assert len(errors) == 1


def test_other_threads_post_and_wait(db):
    def other():
        for n in range(50):
            while not db.post("b", {"n": n}):
                time.sleep(0.001)
            db.insert("c", {"n": n})

    threads = [threading.Thread(target=other) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        work(db)
    for thread in threads:
        thread.join()
    assert (db.count("b"), db.count("c"), db.count("a")) == (150, 150, 60)


@pytest.mark.parametrize("after", [False, True])
def test_a_posted_record_is_written_once_whatever_stops_the_writing(db, monkeypatch, after):
    """A KeyboardInterrupt, say, before or after the record is durable."""
    from unosql.documents.collection import Collection

    insert = Collection.insert
    stops = [1]

    def stopped(self, record):
        if not stops:
            return insert(self, record)
        stops.pop()
        if after:
            insert(self, record)
        raise KeyboardInterrupt

    monkeypatch.setattr(Collection, "insert", stopped)
    db.post("a", {"n": 1})
    db.post("a", {"n": 2})
    with pytest.raises(KeyboardInterrupt):
        db.count("a")
    assert [r["n"] for r in db.all("a")] == [1, 2]
    assert db.get_stats()["posted"] == 0


def test_without_threads(db, monkeypatch, tmp_path):
    monkeypatch.setattr(threads, "_thread", None)
    with Unosql("u", path=str(tmp_path)) as other:
        attempt, counts = tallied(lambda: other.count("a"))
        with Between(attempt, ("locks.py", "/collection.py")):
            other.insert("a", {})
        assert min(counts) > 0
        assert other.verify() == []


def test_closing_waits_for_a_call_and_may_be_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(core, "LOCK_TIMEOUT", 30)
    db = Unosql("t", path=str(tmp_path))
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with db.transaction():
            db.insert("a", {})
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with pytest.raises(core.LockTimeoutError):
        db.close()
    leave.set()
    thread.join()
    db.close()
    with pytest.raises(ClosedError):
        db.count("a")
    with Unosql("t", path=str(tmp_path)) as db:
        assert db.count("a") == 1


def test_a_pause_ends_with_the_call():
    lock = Lock(None, 50)
    with lock:
        lock.pause()
    with lock:
        with pytest.raises(BusyError):
            lock.check()
