"""Two threads, and two processes, on one database, through the calls that users have."""
import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from here import ROOT, SHIMS
from unosql import aio, core
from unosql.core import LockTimeoutError, Unosql

KEY = b"sixteen byte key"
# A MicroPython of this machine, when one is built: `make unix`, or named by MICROPY_UNIX.
GIVEN = os.environ.get("MICROPY_UNIX")
OTHERS = [GIVEN] if GIVEN else sorted(map(str, ROOT.glob("build/*/unix/micropython")))[-1:]
BINARIES = [sys.executable, *OTHERS]


class Crew:
    """Threads: work() does a thing once, meanwhile() again and again until all work is done. End raises their errors.

    What is done again and again leaves pauses: waiting threads poll for the lock, and a busy one would starve them.
    """

    def __init__(self):
        self._errors, self._work, self._others = [], [], []

    def work(self, call, *args):
        self._work.append(threading.Thread(target=self._guarded, args=(call, *args)))

    def meanwhile(self, call):
        self._others.append(threading.Thread(target=self._guarded, args=(self._repeat, call)))

    def _repeat(self, call):
        while any(thread.is_alive() for thread in self._work):
            call()
            time.sleep(0.01)

    def _guarded(self, call, *args):
        try:
            call(*args)
        except BaseException as error:
            self._errors.append(error)

    def run(self):
        for thread in self._work + self._others:
            thread.start()
        for thread in self._work + self._others:
            thread.join()
        if self._errors:
            raise self._errors[0]


# threads


def test_an_asynchronous_transaction_that_could_not_begin_gives_its_turn_back(tmp_path, monkeypatch):
    monkeypatch.setattr(core, "LOCK_TIMEOUT", 50)
    plain, inside, done = Unosql("t", path=str(tmp_path)), threading.Event(), threading.Event()

    def hold():
        with plain.transaction():
            inside.set()
            done.wait(10)

    async def main():
        db = aio.Unosql(plain)
        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(10)
        with pytest.raises(LockTimeoutError):
            async with db.transaction():
                pass
        done.set()
        thread.join()
        assert await asyncio.wait_for(db.insert("c", {}), 10) == 1
        assert await asyncio.wait_for(asyncio.create_task(db.count("c")), 10) == 1

    asyncio.run(main())


@pytest.mark.parametrize("handles", [1, 2])
def test_two_threads_write_and_a_third_reads(tmp_path, handles):
    """Through one handle, or each through one of its own on the same database."""
    dbs = [Unosql("t", KEY, 1000, path=str(tmp_path)) for _ in range(handles)]
    dbs[0].create_index("c", "who")
    crew, seen = Crew(), []

    def write(who):
        db = dbs[who % handles]
        for i in range(80):
            db.insert("c", {"who": who, "i": i})
            if i % 8 == 7:
                assert db.update("c", {"who": who, "i": i - 3}, {"changed": True})
                assert db.delete("c", {"who": who, "i": i - 5}) == 1

    def read():
        for who in (1, 2):
            numbers = [r["i"] for r in dbs[-1].iterate("c", {"who": who})]
            assert numbers == sorted(set(numbers))
            seen.append(len(numbers))

    crew.work(write, 1)
    crew.work(write, 2)
    crew.meanwhile(read)
    crew.run()
    db = dbs[0]
    for who in (1, 2):
        kept = [i for i in range(80) if i % 8 != 2]
        assert [r["i"] for r in db.find("c", {"who": who}, order_by="id")] == kept
        assert [r["i"] for r in db.find("c", {"changed": True, "who": who}, order_by="id")] == list(range(4, 80, 8))
    ids = [r["id"] for r in db.all("c")]
    assert len(set(ids)) == len(ids) == 140 and max(ids) == 160 and max(seen) > 1
    assert db.verify() == []
    for db in dbs:
        db.close()
    with Unosql("t", KEY, path=str(tmp_path)) as db:
        assert db.count("c") == 140 and db.verify() == []


def test_nobody_sees_half_a_transaction(tmp_path):
    """Invariant 2, between threads: what is moved from one collection to the other is always in exactly one."""
    db = Unosql("t", path=str(tmp_path))
    db.insert_many("a", [{"n": n} for n in range(20)])
    crew = Crew()

    def move():
        for n in range(20):
            with db.transaction():
                db.delete("a", "n", n)
                db.insert("b", {"n": n})

    def rolled_back():
        with pytest.raises(ZeroDivisionError):
            with db.transaction():
                db.insert("b", {"n": -1})
                1 / 0

    def look():
        with db.transaction():  # the two counts at one time
            assert db.count("a") + db.count("b") == 20

    crew.work(move)
    crew.meanwhile(rolled_back)
    crew.meanwhile(look)
    crew.run()
    assert [r["n"] for r in db.all("b")] == list(range(20)) and db.all("a") == []
    db.close()


# processes

WRITER = """
import sys
sys.path.insert(0, %r)
from unosql import core
from unosql.core import Unosql
core.LOCK_TIMEOUT = %r
who, rounds = %r, %r
for n in range(rounds):
    with Unosql("t", %r, 1000, path=%r) as db:
        first = db.count("c", {"who": who})
        for i in range(4):
            db.insert("c", {"who": who, "i": first + i})
            print("ack", first + i)
            if hasattr(sys.stdout, "flush"):
                sys.stdout.flush()
print("done")
"""


@pytest.fixture(params=BINARIES, ids=lambda binary: Path(binary).name)
def start(request, tmp_path):
    """Start a writer in another process, of CPython or MicroPython."""
    started = []

    def start(who, rounds, timeout=60000):
        file = tmp_path / ("writer%d.py" % len(started))
        path = [str(SHIMS)] if request.param == sys.executable else []
        values = str(ROOT / "modules"), timeout, who, rounds, KEY, str(tmp_path)
        file.write_text("import sys\nsys.path[:0] = %r\n" % path + WRITER % values)
        started.append(subprocess.Popen([request.param, str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def acknowledged(output):
    """The last number in whole lines."""
    numbers = [int(line.split()[1]) for line in output.split(b"\n")[:-1] if line.startswith(b"ack")]
    return numbers[-1] + 1 if numbers else 0


def test_two_processes_take_turns(start, tmp_path):
    writers = [start(who, 8) for who in (1, 2)]
    outputs = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [output.rstrip()[-4:] for output in outputs] == [b"done"] * 2
    check(tmp_path, {1: (32, 32), 2: (32, 32)})


def test_a_process_killed_while_it_writes_loses_nothing_and_blocks_nobody(start, tmp_path):
    """The other one goes on, on the same database."""
    other, victim = start(1, 8), start(2, 100000)
    heard = b""
    while acknowledged(heard) < 10:
        heard += victim.stdout.readline()
    victim.send_signal(signal.SIGKILL)
    heard += victim.stdout.read()
    assert other.communicate(timeout=120)[0].rstrip()[-4:] == b"done"
    n = acknowledged(heard)
    check(tmp_path, {1: (32, 32), 2: (n, n + 1)})


def test_a_database_open_here_is_refused_elsewhere(start, tmp_path):
    """Or waited for, as long as LOCK_TIMEOUT says."""
    with Unosql("t", KEY, 1000, path=str(tmp_path)) as db:
        refused, waiting = start(1, 1, 200), start(1, 1)
        output, error = refused.communicate(timeout=60)
        assert refused.returncode and output == b"" and b"LockTimeoutError" in error and b"in use elsewhere" in error
        assert waiting.poll() is None
        db.insert("c", {"who": 2, "i": 0})
    assert waiting.communicate(timeout=60)[0].rstrip()[-4:] == b"done"
    check(tmp_path, {1: (4, 4), 2: (1, 1)})


def check(folder, bounds):
    """Each writer's records are there, in order, as many as the bounds say."""
    with Unosql("t", KEY, path=str(folder)) as db:
        for who, (least, most) in bounds.items():
            numbers = [r["i"] for r in db.find("c", {"who": who}, order_by="id")]
            assert numbers == list(range(len(numbers))) and least <= len(numbers) <= most
        assert db.verify() == []
