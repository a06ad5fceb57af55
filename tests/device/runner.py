"""Runs the test functions of one device module on any Python, and prints a line of JSON for each.

A test is a function test_*() that uses assert; it may raise Skip("needs ..."). Each runs in a directory and on a
storage of its own. Tests open databases by fresh(), again() and after_cut() and so do not know where they live.
The PC's side of the protocol is tests/support/targets/report.py.
"""
import gc
import json
import os
import sys
import time

MARK = "@@ "
board = sys.platform not in ("linux", "darwin", "win32")  # a test may do less on a board
_ticks = getattr(time, "ticks_ms", None) or (lambda: int(time.monotonic() * 1000))
_diff = getattr(time, "ticks_diff", None) or (lambda a, b: a - b)
_place = None


class Skip(Exception):
    """This test cannot run here; the message says what it needs."""


def main(module, mode, names, root="."):
    """Run names, the test functions of module, with the database in mode "files" or "flash"."""
    os.chdir(root)
    root = os.getcwd()
    tests = _load(module)
    for name in names:
        _run(getattr(tests, name), name, mode, root)


def _run(function, name, mode, root):
    global _place
    _say(begin=name)
    _place = Place(root, name, mode)
    start = _ticks()
    result, note = _outcome(function)
    ms = _diff(_ticks(), start)
    _place.leave()
    _place = None
    gc.collect()
    _say(end=name, result=result, note=note, ms=ms, free=_free())


def _outcome(function):
    try:
        function()
    except Skip as e:
        return "skip", str(e)
    except Exception as e:
        _trace(e)
        return "fail", repr(e)
    return "ok", ""


def _trace(e):
    if hasattr(sys, "print_exception"):
        return sys.print_exception(e)
    import traceback
    traceback.print_exception(e, file=sys.stdout)


def _say(**fields):
    print(MARK + json.dumps(fields))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


def _free():
    return gc.mem_free() if hasattr(gc, "mem_free") else 0


def print_heap_used(module):
    """Print how many bytes of heap the module takes before its tests start."""
    _load(module)
    gc.collect()
    print(gc.mem_alloc())


def _load(module):
    if hasattr(gc, "threshold"):
        gc.threshold(2048)  # what compiling leaves behind lies low, and large gaps stay for the tests
    tests = __import__(module)
    if hasattr(gc, "threshold"):
        gc.threshold(-1)
    if hasattr(tests, "FREE_HEAP"):
        _import_sources()
    return tests


def _import_sources():
    """Where unosql is not frozen its code takes heap: import all of it now, so that compiling is not in the way."""
    import unosql

    try:
        names = os.listdir(unosql.__path__)
    except (OSError, TypeError):  # frozen; CPython's
        return
    for name in names:
        if name.endswith(".py"):
            __import__("unosql." + name[:-3])


class Place:
    """The directory and the storage of one test, and the databases it has opened there."""

    def __init__(self, root, name, mode):
        self.mode = mode
        self.root = root
        self.dir = root.rstrip("/") + "/" + name
        self.opened = []
        self.devices = {}
        self.clock = None
        remove_tree(self.dir)  # left by a run that was stopped
        os.mkdir(self.dir)
        os.chdir(self.dir)

    def open(self, name, kw):
        from unosql.core import Unosql

        if "path" not in kw and "storage" not in kw:
            kw["path" if self.mode == "files" else "storage"] = self.medium(name)
        db = Unosql(name, **kw)
        self.opened.append(db)
        if self.clock:
            self.clock.set(db)
        return db

    def medium(self, name):
        """What the database `name` is on: a directory, or a block device."""
        if self.mode == "files":
            return self.dir
        if name not in self.devices:
            import nor
            self.devices[name] = nor.device(self.dir, name)
        return self.devices[name]

    def leave(self):
        while self.opened:
            self._abandon(self.opened.pop())
        for device in self.devices.values():
            device.done()
        os.chdir(self.root)
        if board:
            remove_tree(self.dir)

    def _abandon(self, db):
        try:
            db.close()
        except Exception as e:  # the test's own result says more
            print("close:", repr(e))


class Clock:
    """What the test's databases take for the time, in seconds: change .time at will."""

    def __init__(self, time):
        self.time = time

    def set(self, db):
        db._database._catalog.clock = lambda: self.time


def set_clock(time):
    if not _place.clock:
        _place.clock = Clock(time)
        for db in _place.opened:
            _place.clock.set(db)
    _place.clock.time = time
    return _place.clock


def fresh(name="testdb", **kw):
    """Open the database of that name: a new one, unless this test made it before. kw: what Unosql() takes."""
    return _place.open(name, kw)


def again(db, name="testdb", **kw):
    """Close db and open its database anew."""
    db.close()
    _place.opened.remove(db)
    return _place.open(name, kw)


def after_cut(db, name="testdb", **kw):
    """The database as it would be found if the power failed now: a copy of its medium, opened anew. db stays open."""
    directory = _place.dir + "/cut%d" % len(_place.opened)
    os.mkdir(directory)
    if _place.mode == "files":
        _copy_files("%s/%s.udb" % (_place.dir, name), "%s/%s.udb" % (directory, name))
        return _place.open(name, dict(kw, path=directory))
    _place.devices[directory] = _place.medium(name).copy(directory)
    return _place.open(name, dict(kw, storage=_place.devices[directory]))


def mode():
    """"files" or "flash"."""
    return _place.mode


def medium(name="testdb"):
    """What the database of that name is on: a directory, or a block device."""
    return _place.medium(name)


def _copy_files(old, new):
    os.mkdir(new)
    for name in os.listdir(old):
        if not is_dir(old + "/" + name):  # the lock is one; it dies with its process
            with open(old + "/" + name, "rb") as source, open(new + "/" + name, "wb") as target:
                target.write(source.read())


def medium_bytes():
    """All that is on the test's medium, in pieces that overlap by 64 bytes."""
    for device in _place.devices.values():
        for piece in device.pieces():
            yield piece
    for path in files(_place.dir):
        with open(path, "rb") as f:
            old = b""
            while True:
                new = f.read(2048)
                if not new:
                    break
                yield old + new
                old = new[-64:]


def remove_tree(path):
    """Remove a directory and all it holds; nothing when there is none."""
    try:
        entries = [e[0] for e in os.ilistdir(path)] if hasattr(os, "ilistdir") else os.listdir(path)
    except OSError:
        return
    for entry in entries:
        entry = path + "/" + entry
        if is_dir(entry):
            remove_tree(entry)
        else:
            os.remove(entry)
    os.rmdir(path)


def is_dir(path):
    return bool(os.stat(path)[0] & 0x4000)


def files(path="."):
    """The paths of all files at or below path."""
    for entry in sorted(os.listdir(path)):
        entry = path + "/" + entry
        if not is_dir(entry):
            yield entry
        else:
            for found in files(entry):
                yield found


def raises(error, words, function, *args, **kw):
    """Call the function; it must raise error, naming each of words (a string or a tuple of them)."""
    try:
        result = function(*args, **kw)
    except error as e:
        for word in (words,) if isinstance(words, str) else words:
            assert word in str(e), "%r is not in %r" % (word, e)
        return e
    raise AssertionError("returned %r and raised no %r" % (result, error))


def same(found, wanted):
    """assert found == wanted, with both in the message (MicroPython's assert shows neither)."""
    if found != wanted:
        raise AssertionError("%r is not %r" % (found, wanted))


def plain(records):
    """Records without what the database added: id, timestamp and version."""
    return [{k: v for k, v in r.items() if k not in ("id", "timestamp", "version")} for r in records]


def column(records, field):
    return [r[field] for r in records]
