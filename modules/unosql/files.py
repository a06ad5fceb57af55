"""Storage in a directory: littlefs, FAT, or a PC's filesystem. The contract is in docs/DESIGN.md.

Segments are files s0000001, s0000002, ...; each slot of a log is a small file of its own, w00, w01, ..., m00, m01.
All names fit FAT's 8.3. A file is durable once it is closed; on CPython it takes fsync as well.
"""

import os

from .errors import StorageFullError

_ENOENT = 2
_EACCES = 13
_EEXIST = 17
_ENOSPC = 28


def _name(kind, n):
    return ("s%07x" if kind == "s" else kind + "%02x") % n


def _number(kind, name):
    """The number in a name of that kind; None when the file is not one of ours."""
    try:
        n = int(name[1:], 16)
    except ValueError:
        return None
    return n if name == _name(kind, n) else None


def _sync_directory(path):
    """Make new names durable where closing a file does not (CPython on POSIX)."""
    if hasattr(os, "O_DIRECTORY"):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class Files:
    """Storage in one directory, which is made at the first write.

    directory: path without a slash at its end. slots: records the WAL holds, 1 to 256; a longer WAL found there
    stays as long. fs: what to use in place of os and open (tests, benchmarks): open, stat, statvfs, mkdir, rmdir,
    remove, and listdir or ilistdir.
    """

    erase = 4096  # of littlefs on all boards; FAT and PCs do not mind

    def __init__(self, directory, slots=32, fs=None):
        self._directory = directory
        self._slots = slots
        self._fs = fs or os
        self._open = fs.open if fs else open
        self._n = None  # number of the file kept open for reading, since opening costs RAM and time
        self._file = None
        self.exists = False

    def open(self):
        """Find the slots of the logs. Raises OSError."""
        self._made = False
        self._logs = {"w": _Ring(self, "w", self._slots), "m": _Ring(self, "m", 2)}
        for name in self._names():
            log = self._logs.get(name[:1])
            if log:
                log.found(name)
            elif _number("s", name) is not None:
                self.exists = True

    def log(self, kind):
        """The log of that kind: b"w" (WAL) or b"m" (manifest)."""
        return self._logs[kind.decode()]

    def create(self, n):
        """A writer of the new file n. Raises StorageFullError, OSError."""
        return self.writer(_name("s", n))

    def readinto(self, n, offset, buf):
        """Read into buf from that offset on; return how many bytes. OSError when there is no file n."""
        if n != self._n:
            self._release()
            self._file = self._open(self.path(_name("s", n)), "rb")
            self._n = n
        self._file.seek(offset)
        return self._file.readinto(buf)

    def size(self, n):
        """Bytes of file n. OSError when there is none."""
        return self._fs.stat(self.path(_name("s", n)))[6]

    def remove(self, n):
        """Remove file n if it is there."""
        if n == self._n:
            self._release()
        self.unlink(_name("s", n))

    def numbers(self):
        """Generator of the numbers of all files. The caller may remove the file just yielded."""
        for name in self._names():
            n = _number("s", name)
            if n is not None:
                yield n

    def free(self):
        """Free bytes of the filesystem. littlefs walks all of it to tell."""
        directory = self._directory
        if not self._made:
            directory = directory[: directory.rfind("/") + 1] or "."
        stat = self._fs.statvfs(directory)
        return stat[1] * stat[4]

    def describe(self, n):
        """The name of file n in messages."""
        return self.label(_name("s", n))

    def destroy(self):
        """Remove all files of the database, its manifest first: what a cut leaves is no damaged database."""
        self._release()
        for kind in "mws":
            for name in list(self._names()):
                if _number(kind, name) is not None:
                    self.unlink(name)
        try:
            self._fs.rmdir(self._directory)
        except OSError:
            pass  # never made, or the user keeps something there
        self.open()
        self.exists = False

    def close(self):
        """Let go of the file kept open."""
        self._release()

    # for the logs

    def path(self, name):
        return self._directory + "/" + name

    def label(self, name):
        return self._directory[self._directory.rfind("/") + 1 :] + "/" + name

    def read(self, name):
        with self._open(self.path(name), "rb") as file:
            return file.read()

    def unlink(self, name):
        try:
            self._fs.remove(self.path(name))
        except OSError as error:
            if error.errno != _ENOENT:
                raise

    def writer(self, name):
        try:
            if not self._made:
                self._make()
            return _Writer(self, name, self._open(self.path(name), "wb"))
        except OSError as error:
            raise self.translate(error)

    def translate(self, error):
        """StorageFullError in place of a full medium's OSError; FAT says EACCES when a directory can't grow."""
        if error.errno == _ENOSPC or error.errno == _EACCES and not self.free():
            return StorageFullError("%s: no space left" % self._directory)
        return error

    def sync(self, file):
        file.flush()
        if self._fs is os and hasattr(os, "fsync"):
            os.fsync(file.fileno())
            _sync_directory(self._directory)

    def _make(self):
        try:
            self._fs.mkdir(self._directory)
        except OSError as error:
            if error.errno != _EEXIST:
                raise
        self._made = True
        if self._fs is os:
            _sync_directory(self._directory + "/..")

    def _names(self):
        try:
            listing = getattr(self._fs, "ilistdir", None) or self._fs.listdir
            entries = listing(self._directory)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
            return
        self._made = True
        for entry in entries:
            yield entry if isinstance(entry, str) else entry[0]

    def _release(self):
        if self._file:
            self._file.close()
        self._file = self._n = None


class _Writer:
    """A new file, durable when close() returns; anything that fails removes it."""

    def __init__(self, files, name, file):
        self._files = files
        self._name = name
        self._file = file

    def append(self, buf):
        try:
            self._file.write(buf)
        except OSError as error:
            self._fail(error)

    def close(self):
        try:
            self._files.sync(self._file)
            self._file.close()
        except OSError as error:
            self._fail(error)

    def abort(self):
        try:
            self._file.close()
        except OSError:
            pass  # a full medium says so again
        self._files.unlink(self._name)

    def _fail(self, error):
        self.abort()
        raise self._files.translate(error)


class _Ring:
    """A log of slots overwritten in turn. Each is a small file: littlefs keeps up to 128 bytes inline in the
    directory's metadata, so that overwriting one is atomic and erases nothing, while appending to a file would cost
    an erase block. FAT may tear a slot, but never a live one: those are the room's complement, right behind the next.
    """

    limit = 128

    def __init__(self, files, kind, slots):
        self._files = files
        self._kind = kind
        self._used = bytearray(slots)
        self._next = 0
        self.room = slots

    def found(self, name):
        """A file with that name exists."""
        slot = _number(self._kind, name)
        if slot is None:
            return
        while slot >= len(self._used):  # the ring was longer once
            self._used.append(0)
            self.room += 1
        self._used[slot] = 1
        self._files.exists = True

    def places(self):
        """Generator of all slots in use."""
        for slot in range(len(self._used)):
            if self._used[slot]:
                yield slot

    def read(self, place):
        """The bytes of a slot, cut short or empty when power was lost."""
        return self._files.read(_name(self._kind, place))

    def describe(self, place):
        """The name of a slot in messages."""
        return self._files.label(_name(self._kind, place))

    def resume(self, place, live):
        """Continue after the newest record, which is at place (None: nowhere); as many as live are needed still."""
        self._next = 0 if place is None else (place + 1) % len(self._used)
        self.room = len(self._used) - live

    def append(self, record):
        """Store a record. StorageFullError: it is not there. OSError: it may be there."""
        if not self.room:
            raise StorageFullError("%s: no room in the log" % self.describe(self._next))
        writer = self._files.writer(_name(self._kind, self._next))
        writer.append(record)
        writer.close()
        self._used[self._next] = 1
        self._next = (self._next + 1) % len(self._used)
        self._files.exists = True
        if self._kind == "w":  # of manifests only the newest is live
            self.room -= 1

    def reset(self):
        """Forget all records: every slot may be overwritten."""
        self.room = len(self._used)
