"""Storage in a directory: littlefs, FAT, or a PC's filesystem.

Segments are files s0000001, s0000002, ...; each slot of a log is a small file of its own: w00, w01, ..., m00, m01.
All names fit FAT's 8.3. A file is durable once it is closed; CPython needs fsync as well.
"""

import os

from ..errors import StorageFullError
from .ring import Ring

_EPERM, _ENOENT, _EACCES, _EEXIST, _ENOSPC, _EROFS = 1, 2, 13, 17, 28, 30
# Erase blocks that segments leave to the WAL and the manifest.
_LOGS = 3


def _name(kind, n):
    return ("s%07x" if kind == "s" else kind + "%02x") % n


def _parse(name):
    """The kind and number in a file's name. ValueError when the file is not ours."""
    kind, n = name[0], int(name[1:], 16)
    if kind not in "msw" or name != _name(kind, n):
        raise ValueError
    return kind, n


def _forgive(errno, call, path):
    try:
        return call(path)
    except OSError as error:
        if error.errno != errno:
            raise


def _fsync_directory(path):
    """Make new names durable where closing a file does not."""
    if getattr(os, "name", None) == "posix":  # MicroPython's os has no name
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)


def sync(file):
    """Make an open file's bytes durable; on MicroPython closing it does that."""
    file.flush()
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())


class Files:
    """Storage in one directory, which is made at the first write. All methods may raise OSError.

    directory: path without a slash at its end. slots: records the WAL holds, 2 to 256; a longer WAL found there
    stays as long. fs: stands in for os and open: open, statvfs, mkdir, rmdir, remove, ilistdir or listdir.
    """

    erase = 4096  # of littlefs on all boards; FAT and PCs do not mind

    def __init__(self, directory, slots=32, fs=None):
        self._directory = directory
        self._tail = directory.rfind("/") + 1  # where its own name starts
        self._slots = slots
        self._fs = fs or os
        self._open = fs.open if fs else open
        self._n = self._file = None  # the file kept open for reading: opening costs RAM and time
        self.exists = self._made = False

    def open(self):
        self.close()  # a file that is gone meanwhile may still be read from the handle of before
        self._logs = {"w": Ring(self, "w", self._slots), "m": Ring(self, "m", 2)}
        self._numbers = []  # littlefs reads 100 KB to list 50 files: once is enough
        for kind, n in self._entries():
            self.exists = True
            if kind == "s":
                self._numbers.append(n)
            else:
                self._logs[kind].found(n)

    def log(self, kind):
        return self._logs[kind.decode()]

    def create(self, n):
        if n == self._n:
            self.close()  # that of before
        sink = self.writer("s", n)
        if n not in self._numbers:
            self._numbers.append(n)
        return sink

    def readinto(self, n, offset, buf):
        return self._read(n, buf, offset, 0)

    def size(self, n):
        """It opens the file, which is read next: to tell by the name littlefs would look for that once more."""
        return self._read(n, None, 0, 2)

    def _read(self, n, buf, *where):
        """Seek in file n and fill buf; return how many bytes were read, without a buf the place."""
        if n != self._n:
            self.close()
            self._file = self.opened("s", n, "rb")
            self._n = n
        try:
            place = self._file.seek(*where)
            return place if buf is None else self._file.readinto(buf)
        except OSError:
            self.close()  # FatFs fails for ever on a file that failed once
            raise

    def remove(self, n):
        if n == self._n:
            self.close()
        self.unlink("s", n)

    def numbers(self):
        return iter(self._numbers[:])

    def free(self):
        """Free bytes of the filesystem but for the logs' share. littlefs walks all of it to tell."""
        return max(0, self._free() - _LOGS * self.erase)

    def _free(self):
        size, blocks, free = self._statvfs()
        return size * free if 0 <= free <= blocks else 0  # littlefs counts blocks twice that two files share, and underflows

    def total(self):
        """Bytes of the filesystem."""
        size, blocks, _ = self._statvfs()
        return size * blocks

    def _statvfs(self):
        """Return the bytes of a block, and how many blocks there are and are free."""
        parent = self._directory[: self._tail] or "."
        stat = self._fs.statvfs(self._directory if self._made else parent)
        return stat[1], stat[2], stat[4]

    def describe(self, n):
        return self._directory if n is None else self.label("s", n)

    def destroy(self):
        """Remove the manifest, then the rest. What a cut leaves does not open, and is removed by doing it again."""
        self.close()
        for doomed in "msw":
            for kind, n in self._entries():
                if kind == doomed:
                    self.unlink(kind, n)
        try:
            self._fs.rmdir(self._directory)
        except OSError:
            pass  # never made, or something else is in there
        self.exists = self._made = False
        self.open()

    def close(self):
        file, self._n, self._file = self._file, None, None
        if file:
            file.close()

    def _path(self, kind, n):
        return "".join((self._directory, "/", _name(kind, n)))  # a sum would make the longest string twice

    def _entries(self):
        """Generator of the kind and number of each file of ours.

        A cut while FAT makes a directory longer leaves anything at its end. Of segments behind that nothing is told: who
        needs one knows its name, and removing what only seems to be there could free what belongs to others.
        """
        listing, directory = getattr(self._fs, "ilistdir", None), self._directory
        if listing and self._fs is os:
            directory = directory.encode()  # gives names as bytes, which need not be UTF-8
        entries = _forgive(_ENOENT, listing or self._fs.listdir, directory)
        self._made = entries is not None
        sound = True
        for entry in entries or ():
            name = entry[0] if isinstance(entry, tuple) else entry
            if isinstance(name, bytes):
                sound = sound and max(name) < 128
                name = "".join(map(chr, name))
            try:
                kind, n = _parse(name)
            except ValueError:
                continue  # not ours
            if sound or kind != "s":
                yield kind, n

    # for logs and writers

    def opened(self, kind, n, mode):
        return self._open(self._path(kind, n), mode)

    def label(self, kind, n):
        return self._path(kind, n)[self._tail :]

    def unlink(self, kind, n):
        try:
            _forgive(_ENOENT, self._fs.remove, self._path(kind, n))
        except OSError as error:
            raise self.translate(error)
        if kind == "s" and n in self._numbers:
            self._numbers.remove(n)

    def writer(self, kind, n):
        try:
            if not self._made:
                self._make()
            return _Writer(self, kind, n)
        except OSError as error:
            raise self.translate(error)

    def _make(self):
        _forgive(_EEXIST, self._fs.mkdir, self._directory)
        if self._fs is os:
            _fsync_directory(self._directory + "/..")
        self._made = True

    def sync(self, file):
        if self._fs is not os:
            return file.flush()
        sync(file)
        _fsync_directory(self._directory)

    def translate(self, error):
        """StorageFullError for a full medium's OSError, words for a read-only one's. FAT says EACCES when a directory can't grow."""
        if error.errno == _ENOSPC or error.errno == _EACCES and not self._free():
            return StorageFullError("%s: no space left" % self._directory)
        if error.errno in (_EPERM, _EACCES, _EROFS):
            return OSError(error.errno, "%s: read-only" % self._directory)
        return error


class _Writer:
    """A new file, durable when close() returns; what fails removes it."""

    def __init__(self, files, kind, n):
        self._files = files
        self._kind = kind
        self._n = n
        self._file = files.opened(kind, n, "wb")

    def append(self, buf):
        self._try(self._file.write, buf)

    def close(self):
        self._try(self._files.sync, self._file)
        self._try(self._file.close)

    def abort(self):
        try:
            self._file.close()
        except OSError:
            pass  # a full medium says so again
        self._files.unlink(self._kind, self._n)

    def _try(self, call, *args):
        try:
            call(*args)
        except OSError as error:
            self.abort()
            raise self._files.translate(error)
