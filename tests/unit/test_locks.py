"""Locks between threads and between processes, left by the living and by the dead."""
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import unosql.locks
import unosql.threads
import unosql.processes
from here import ROOT
from unosql import core
from unosql.errors import BusyError, LockTimeoutError
from unosql.locks import Lock
from unosql.kv.compaction import Compaction

BINARIES = [sys.executable] + sorted(map(str, ROOT.glob("build/*/unix/micropython")))[-1:]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "t.udb" / "lock")


@pytest.fixture(params=BINARIES, ids=lambda binary: Path(binary).name)
def run(request, tmp_path):
    """Start a script, with Lock imported, in another process of CPython or MicroPython."""
    started = []

    def start(script):
        source = "import sys; sys.path.insert(0, %r)\nfrom unosql.locks import Lock\n" % str(ROOT / "modules")
        file = tmp_path / ("script%d.py" % len(started))
        file.write_text(source + script)
        started.append(subprocess.Popen([request.param, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=dict(os.environ, PYTHONUNBUFFERED="1")))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def holder(run, path):
    """A process that holds the lock until it reads a line."""
    process = run("l = Lock(%r, 2000)\nl.open()\nprint('held')\nsys.stdin.readline()\nl.close()\n" % path)
    assert process.stdout.readline() == b"held\n"
    return process


def in_thread(function):
    """Call it in another thread; return what it returns, or the exception it raises."""
    result = []

    def call():
        try:
            result.append(function())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return result[0]


def enter(lock):
    with lock:
        return "in"


# threads


def test_one_thread_at_a_time():
    lock, inside, most = Lock(None, 5000), [], []

    def work():
        for _ in range(50):
            with lock:
                inside.append(1)
                time.sleep(0.0001)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 200


def test_a_thread_may_enter_again_where_it_pauses_and_others_wait_for_the_last_exit():
    lock = Lock(None, 50)
    with lock:
        lock.pause()
        with lock:
            with pytest.raises(BusyError):
                lock.__enter__()
        with lock:
            pass
        lock.resume()
        with pytest.raises(BusyError):
            lock.__enter__()
        assert isinstance(in_thread(lambda: enter(lock)), LockTimeoutError)
    assert in_thread(lambda: enter(lock)) == "in"


def test_waiting_ends_after_the_timeout():
    lock = Lock(None, 100, "sensor log")
    with lock:
        start = time.monotonic()
        error = in_thread(lambda: enter(lock))
        assert 0.09 < time.monotonic() - start < 4
    assert str(error) == "sensor log: in use elsewhere for over 100 ms; close it there"


def test_an_exception_gives_the_lock_back():
    lock = Lock(None, 50)
    with pytest.raises(ZeroDivisionError):
        with lock:
            1 / 0
    assert in_thread(lambda: enter(lock)) == "in"


def test_without_threads_there_is_nothing_to_wait_for(monkeypatch):
    monkeypatch.setattr(unosql.threads, "_thread", None)
    lock = Lock(None)
    with lock:
        with pytest.raises(BusyError):
            lock.__enter__()
    with lock:
        pass
    with unosql.threads.mutex() as taken:
        assert taken and unosql.threads.mutex().acquire(0)


# one process


def test_a_database_is_opened_once_at_a_time(path):
    for lock, other in (
        (Lock(path, 50), Lock(path, 50)),
        (Lock(None, 50, "flash"), Lock(None, 50, "flash")),
        (Lock(path, 50), Lock(path.replace("/t.udb", "/./t.udb"), 50)),
    ):
        lock.open()
        with pytest.raises(LockTimeoutError):
            other.open()
        other.close()
        lock.close()
        lock.close()
        other.open()
        other.close()


def test_databases_do_not_lock_each_other(tmp_path):
    locks = [Lock(str(tmp_path / name / "lock"), 50) for name in "ab"] + [Lock(None, 50, name) for name in "ab"]
    for lock in locks:
        lock.open()
    for lock in locks:
        lock.close()


def test_it_leaves_nothing_and_keeps_a_directory_in_use(path):
    directory = Path(path).parent
    lock = Lock(path)
    lock.open()
    assert [p.name for p in directory.iterdir()] == ["lock"]
    lock.close()
    assert not directory.exists()
    lock.open()
    (directory / "m00").write_text("")
    lock.close()
    assert [p.name for p in directory.iterdir()] == ["m00"]


def test_relative_paths_mean_the_same_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lock = Lock("lock", 50)
    lock.open()
    with pytest.raises(LockTimeoutError):
        Lock(str(tmp_path / "lock"), 50).open()
    lock.close()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_the_systems_error_at_once(tmp_path):
    lock = Lock(str(tmp_path / "no" / "t.udb" / "lock"), 5000)
    start = time.monotonic()
    with pytest.raises(FileNotFoundError):
        lock.open()
    assert time.monotonic() - start < 1
    (tmp_path / "no").mkdir()
    lock.open()
    lock.close()


def test_a_board_writes_no_lock(path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "esp32")
    lock = Lock(path, 50)
    lock.open()
    assert not Path(path).parent.exists()
    with pytest.raises(LockTimeoutError):
        Lock(path, 50).open()
    lock.close()
    lock.open()
    lock.close()


def test_a_database_that_fails_to_close_leaves_no_lock(tmp_path, monkeypatch):
    db = core.Unosql("t", path=str(tmp_path), log_level="NONE")
    db.insert("c", {"n": 1})

    def failing(self):
        raise OSError(5, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(Compaction, "stop", failing)
        with pytest.raises(OSError, match="injected"):
            db.close()
    monkeypatch.setattr(core, "LOCK_TIMEOUT", 20)
    with core.Unosql("t", path=str(tmp_path), log_level="NONE") as db:
        assert db.count("c") == 1


# processes


def test_another_process_waits(run, path):
    process = holder(run, path)
    with pytest.raises(LockTimeoutError):
        Lock(path, 200).open()
    process.stdin.write(b"\n")
    process.stdin.flush()
    lock = Lock(path, 5000)
    lock.open()
    lock.close()


def test_a_database_open_in_another_process_is_not_destroyed(run, path, tmp_path, monkeypatch):
    process = holder(run, path)
    monkeypatch.setattr(core, "LOCK_TIMEOUT", 20)
    with pytest.raises(LockTimeoutError, match="in use elsewhere"):
        core.Unosql.destroy("t", path=str(tmp_path))
    process.communicate(b"\n")
    assert core.Unosql.destroy("t", path=str(tmp_path)) is False and os.listdir(tmp_path) == ["script0.py"]


def test_a_lock_taken_from_the_dead_by_another_process(run, path):
    leave(path, "999999999-1-2-3")
    holder(run, path)
    assert os.listdir(path) != ["999999999-1-2-3"]


def test_this_process_keeps_another_out(run, path):
    lock = Lock(path)
    lock.open()
    process = run("try:\n Lock(%r, 100).open()\nexcept Exception as e:\n print(type(e).__name__)\n" % path)
    assert process.stdout.read() == b"LockTimeoutError\n"
    lock.close()


def test_a_killed_process_blocks_nobody(run, path):
    """Also while it is a zombie: its parent has not noticed yet."""
    process = holder(run, path)
    process.send_signal(signal.SIGKILL)
    lock = Lock(path, 5000)
    start = time.monotonic()
    lock.open()
    assert time.monotonic() - start < 4
    lock.close()
    assert not Path(path).parent.exists()


def leave(path, owner):
    Path(path).mkdir(parents=True, exist_ok=True)
    (Path(path) / owner).write_text("")


def test_stale_locks_are_broken(path):
    mine = unosql.processes._process("self")
    pid, start, boot = mine.split("-")
    parent = unosql.processes._process(str(os.getppid()))
    stale = ["999999999-1-%s-1" % boot, mine + "-77", "%s-%d-%s-1" % (os.getppid(), 1, boot),
             parent[:-8] + "00000000-1", "no process", ""]
    for owner in stale:
        if owner:
            leave(path, owner)
        else:
            os.makedirs(path)
        lock = Lock(path, 100)
        lock.open()
        assert [name.startswith(mine) for name in os.listdir(path)] == [True]
        lock.close()


def test_the_lock_of_a_living_process_is_not_broken(path):
    leave(path, unosql.processes._process(str(os.getppid())) + "-1")
    with pytest.raises(LockTimeoutError):
        Lock(path, 100).open()
    assert len(os.listdir(path)) == 1


def test_what_dead_processes_left_half_made_is_swept(path):
    living = unosql.processes._process(str(os.getppid())) + "-1"
    for owner in ("999999999-1-2-3", living):
        leave(path + "." + owner, owner)
    lock = Lock(path)
    lock.open()
    assert sorted(os.listdir(os.path.dirname(path))) == ["lock", "lock." + living]
    lock.close()


def test_without_proc_signals_tell_who_lives(path, monkeypatch):
    def no_proc(name, *mode):
        if name.startswith("/proc"):
            raise FileNotFoundError(2, name)
        return open(name, *mode)

    monkeypatch.setattr(unosql.processes, "open", no_proc, raising=False)
    leave(path, "999999999-0-0-1")
    lock = Lock(path, 100)
    lock.open()
    assert os.listdir(path)[0].startswith("%d-0-0-" % os.getpid())
    lock.close()
    leave(path, "%d-0-0-1" % os.getppid())
    with pytest.raises(LockTimeoutError):
        Lock(path, 100).open()


OTHERS = 65534  # a user who owns nothing


@pytest.fixture
def stranger(tmp_path_factory):
    """Function: run code on CPython as a user who may read everything in a directory and write nothing; its output."""
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")

    def run(directory, code):
        for file in [Path(directory), *Path(directory).rglob("*")]:
            file.chmod(0o555 if file.is_dir() else 0o444)
        for folder in Path(directory).parents[:3]:
            folder.chmod(0o755)
        reader, writer = os.pipe()
        pid = os.fork()  # modules are loaded already: this user may not be able to read them
        if not pid:
            os.setgid(OTHERS)
            os.setuid(OTHERS)
            sys.stdout = os.fdopen(writer, "w")
            try:
                exec(code, {"core": core, "path": str(directory)})
            except BaseException as error:
                print(repr(error))
            sys.stdout.flush()
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            said = file.read()
        os.waitpid(pid, 0)
        return said.splitlines()

    return run


def test_a_directory_that_may_only_be_read(tmp_path, stranger):
    with core.Unosql("t", path=str(tmp_path)) as db:
        db.insert("c", {"n": 1})
    assert stranger(tmp_path, """
with core.Unosql("t", path=path) as db:
    print(db.count("c"))
    try: db.insert("c", {"n": 2})
    except PermissionError as error: print(error)
    print(db.count("c"))
try: core.Unosql("new", path=path)
except PermissionError as error: print(error)
""") == ["1", "[Errno 13] %s/t.udb: read-only" % tmp_path, "1",
         "[Errno 13] %s/new.udb is not there and can't be made" % tmp_path]


def test_a_directory_that_may_only_be_read_and_is_in_use(tmp_path, stranger):
    """Its owner may write: the lock tells so."""
    with core.Unosql("t", path=str(tmp_path)) as db:
        db.insert("c", {"n": 1})
        said = stranger(tmp_path, """
from unosql import shared, state
shared.databases.clear()
state.held.clear()
core.LOCK_TIMEOUT = 50
core.Unosql("t", path=path)
""")
        assert said[0].startswith("LockTimeoutError('%s/t.udb/lock: in use elsewhere" % tmp_path)


def test_a_full_disk_is_no_reason_to_go_without_a_lock(path, monkeypatch):
    def full(name):
        raise OSError(28, "no space left", name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        with pytest.raises(OSError, match="no space left"):
            Lock(path, 50).open()
    Lock(path, 50).open()


MOUNTED = """
import os, vfs
class Disk:
    def __init__(self, path):
        self.file = open(path, "r+b")
    def readblocks(self, block, buf):
        self.file.seek(block * 512)
        self.file.readinto(buf)
    def writeblocks(self, block, buf):
        self.file.seek(block * 512)
        self.file.write(buf)
        self.file.flush()
    def ioctl(self, op, arg):
        return {4: 400, 5: 512}.get(op)
disk = Disk(%r)
try:
    vfs.mount(disk, "/card")
except OSError:
    vfs.VfsFat.mkfs(disk)
    vfs.mount(disk, "/card")
from unosql.core import Unosql
db = Unosql("db", path="/card")
print(db.insert("c", {}))
sys.stdin.readline()
"""


@pytest.mark.skipif(len(BINARIES) < 2, reason="needs MicroPython's unix port: make unix")
@pytest.mark.parametrize("run", BINARIES[1:], indirect=True, ids=["micropython"])
def test_a_killed_process_leaves_a_mounted_card_usable(run, tmp_path):
    card = tmp_path / "card.img"
    card.write_bytes(bytes(400 * 512))
    for turn in range(3):
        process = run(MOUNTED % str(card))
        assert process.stdout.readline() == b"%d\n" % (turn + 1)
        assert b"LOCK" in card.read_bytes()
        process.kill()
        process.wait()


CONTENDER = """
path, count, die = %r, %r, %r
for i in range(40):
    l = Lock(path, 20000)
    l.open()
    with open(count) as f: n = int(f.read())
    with open(count, "w") as f: f.write(str(n + 1))
    if die and i == 20:
        print("dies holding it")
        while True: pass
    l.close()
print("done")
"""


def test_processes_in_competition_never_hold_it_together(run, path, tmp_path):
    """Each adds to a number in a file, which loses an addition when two do so at once; one is killed on the way."""
    count = tmp_path / "count"
    count.write_text("0")
    contenders = [run(CONTENDER % (path, str(count), die)) for die in (False, False, True, False)]
    assert contenders[2].stdout.readline() == b"dies holding it\n"
    contenders[2].kill()
    contenders.pop(2)
    assert [c.stdout.read() for c in contenders] == [b"done\n"] * 3
    assert count.read_text() == "141"
