"""The lock between processes, where there are any (unix, PCs). Images of boards leave this out.

The lock is a directory that holds one empty file, named after the owner. It is made elsewhere and renamed into place,
which POSIX refuses unless the directory there is empty: taking the lock and saying whose it is are one step. A lock
whose owner is gone is broken by removing the file of that very owner, so that whoever is late breaks nothing.
An owner is a process id, its start time and the boot (ids are used again), and a number within the process.
held: a set with the owners that this process is.
"""

import os
import sys

from . import state

_ENOENT, _ESRCH, _EEXIST = 2, 3, 17
_NOT_EMPTY = (_EEXIST, 39, 66, 21)  # POSIX allows EEXIST, Linux and macOS have numbers of their own, and so has FAT
_READ_ONLY = (1, 13, 30)  # not permitted, access denied, read-only filesystem
_FULL = 28


def _process(pid):
    """The name of a running process, unique for all time; None when there is none with that id."""
    try:
        with open("/proc/%s/stat" % pid) as file:
            stat = file.read()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read(8)
    except OSError:
        return _probe(pid)
    fields = stat[stat.rfind(")") + 2 :].split()  # proc(5): the name in parentheses may hold anything
    return None if fields[0] in "ZX" else "%s-%s-%s" % (stat.split(" ")[0], fields[19], boot)


def _probe(pid):
    """The same where /proc does not tell: the id is all that is known."""
    if pid == "self":
        return "%d-0-0" % os.getpid()
    if not hasattr(os, "kill"):
        return None  # MicroPython on Linux: /proc has told
    try:
        os.kill(int(pid), 0)
    except ValueError:
        return None  # not one of our names
    except OSError as error:
        if error.errno == _ESRCH:
            return None
    return "%s-0-0" % pid


def _alive(owner, held):
    if owner in held:
        return True
    process = owner[: owner.rfind("-")]
    now = _process(owner.split("-")[0])
    return now is not None and (now == process or now.endswith("-0-0")) and process != _process("self")


def _names(directory):
    """Names that may be ours. MicroPython is asked for bytes: those of a torn FAT directory are no text."""
    try:
        if not hasattr(os, "ilistdir"):
            return os.listdir(directory)
        return [name.decode() for name in os.listdir(directory.encode()) if max(name) < 128]
    except OSError:
        return ()


def _unless(errors, call, *args):
    """Call; return False when that fails with one of these error numbers."""
    try:
        call(*args)
    except OSError as error:
        if error.errno not in errors:
            raise
        return False
    return True


def _discard(directory, owner):
    """Remove an owner's file and the directory; somebody else may be doing the same."""
    _unless((_ENOENT,), os.remove, directory + "/" + owner)
    _unless((_ENOENT,) + _NOT_EMPTY, os.rmdir, directory)


def owner(serial):
    """The name of an owner in this process. serial: a number that it never used before. /proc or os.kill must work."""
    return "%s-%d" % (_process("self"), serial)


def take(path, owner, held):
    """Try once to make owner that of a lock directory; return whether it is. The directory's parent is made when missing.

    True as well where no lock can be made: we, and others like us, can't write there.
    """
    others = _names(path)
    if [other for other in others if _alive(other, held)]:
        return False
    try:
        return _take(path, owner, held, others)
    except OSError as error:
        if error.errno not in _READ_ONLY and (error.errno != _FULL or not _private(path)):
            raise
        return True


def _take(path, owner, held, dead):
    for other in dead:
        _unless((_ENOENT,), os.remove, path + "/" + other)
    if not _place(path, owner):
        return False
    held.add(owner)
    _sweep(path, held)
    return True


def _private(path):
    """Whether a full filesystem is mounted in this MicroPython (they have no inodes): no other process uses it."""
    return not os.stat(_parent(_parent(path)) or "/")[1]


def _parent(path):
    return path[: path.rfind("/")] if "/" in path else "."


def _place(path, owner):
    """Put our lock into an empty place; return whether it was empty. Raises OSError."""
    made = path + "." + owner
    _unless((_EEXIST,), os.mkdir, _parent(path))
    if not _unless((_ENOENT,), os.mkdir, made):
        return False  # the last owner has just removed the directory
    placed = False
    try:
        open(made + "/" + owner, "w").close()
        _vacate(path)
        placed = _unless(_NOT_EMPTY, os.rename, made, path)
    finally:
        if not placed:
            _discard(made, owner)
    return placed


def _vacate(path):
    """Remove an empty directory, over which FAT renames nothing."""
    try:
        os.rmdir(path)
    except OSError:
        pass  # not there, as a rule; or in use


def _sweep(path, held):
    """Remove what processes killed while they were taking the lock have left."""
    prefix = path[path.rfind("/") + 1 :] + "."
    parent = _parent(path)
    for name in _names(parent):
        if name.startswith(prefix) and not _alive(name[len(prefix) :], held):
            _discard(parent + "/" + name, name[len(prefix) :])


def release(path, owner, held):
    """Give it back, if it is ours."""
    if owner in held:
        _discard(path, owner)
        held.discard(owner)
        try:
            os.rmdir(_parent(path))
        except OSError:
            pass  # the database is in there, unless it was destroyed


class ProcessLock:
    """What one Lock has of the lock between processes at path, in a database's directory."""

    def __init__(self, path):
        self._path = path
        self._owner = None

    def open(self, wait):
        """Take the lock, where there are processes. wait: calls a function until that returns True, or raises."""
        if sys.platform == "linux" or sys.platform == "darwin" and hasattr(os, "getpid"):
            state.serial += 1
            self._owner = owner(state.serial)
            wait(self._take)

    def _take(self):
        return take(self._path, self._owner, state.held)

    def close(self):
        """Give it back; nothing when it was not taken."""
        if self._owner:
            release(self._path, self._owner, state.held)
        self._owner = None
