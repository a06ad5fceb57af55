"""Backup files: one segment in an ordinary file, behind a header that says how it is sealed.

The header has a checksum: damage to it must not look like a wrong key. It is part of every block's associated
data. The segment's first entry has an empty key and holds a JSON object about the backup.
"""

import json
import os

from ..errors import CorruptionError
from ..storage.files import sync
from .envelope import Plain
from .header import decode
from .merge import Merging, fed
from .reader import Reader
from .segment import Segment
from .writer import Writer

_META = b""
_AAD = b"b"
_TMP = ".tmp"
_ENOENT, _EEXIST = 2, 17


class Archive:
    """Writes a backup file. add() in ascending key order, then close(), or abort().

    buffers: of the store. meta: dict of JSON values. Raises OSError.

    filename is written as filename + ".tmp" and renamed when complete, which replaces an older file at once. FAT needs
    two steps for that: a cut between them leaves the new one, complete, as ".tmp".
    """

    def __init__(self, filename, header, envelope, meta, buffers=None):
        self._filename = filename
        self._complete = False
        self._writer = self._sink = _Sink(filename + _TMP)
        try:
            start = Plain().seal(header, _AAD)
            self._sink.append(start)
            self._writer = Writer(self._sink, envelope, _AAD + start, buffers, len(start))
            self._sources = [None]
            self._merging = Merging(self._sources)
            self.add(_META, json.dumps(meta).encode())
        except BaseException:
            self._writer.abort()
            raise

    def add(self, key, value):
        """Append an entry; value None stands for a deletion."""
        self._sources[0] = fed(((key, value),))
        self._merging.feed(0)
        self._merging.fill(self._writer)

    def close(self):
        """Complete the file, durable on return."""
        self._writer.finish()
        self._complete = True
        try:
            os.rename(self._filename + _TMP, self._filename)
        except OSError as error:
            if error.errno != _EEXIST:
                raise
            os.remove(self._filename)
            os.rename(self._filename + _TMP, self._filename)

    def abort(self):
        """Give the file up, unless it is complete and the older one is gone already: nothing else is left then."""
        if not self._complete or _is_there(self._filename):
            self._writer.abort()


class _Sink:
    def __init__(self, path):
        self._path = path
        self._file = open(path, "wb")

    def append(self, data):
        self._file.write(data)

    def close(self):
        sync(self._file)
        self._file.close()

    def abort(self):
        try:
            self._file.close()
        except OSError:
            pass  # a full medium says so again
        if _is_there(self._path):  # not when it was renamed
            os.remove(self._path)


def _is_there(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


class _Source:
    """The part of a storage that a Reader needs, over one file."""

    def __init__(self, filename):
        self._filename = filename
        try:
            self._file = open(filename, "rb")
        except OSError as error:
            if error.errno == _ENOENT and _is_there(filename + _TMP):
                raise OSError(_ENOENT, "%s is missing; what a backup cut off has left is %s" % (filename, filename + _TMP))
            raise

    def readinto(self, number, offset, buf):
        self._file.seek(offset)
        return self._file.readinto(buf)

    def size(self, number):
        return os.stat(self._filename)[6]

    def describe(self, number):
        return self._filename

    def close(self):
        self._file.close()


class ArchiveReader:
    """A backup file open for reading. OSError when it is missing (and names a ".tmp"), CorruptionError, WrongKeyError.

    header (bytes), envelope: of the database; used when the file is sealed under the same key, so that it need not be
    derived again. password: bytes or None. buffers: of the store. meta: the dict given to Archive.
    """

    def __init__(self, filename, header, envelope, password, buffers=None):
        self._source = _Source(filename)
        try:
            self._open(filename, header, envelope, password, buffers)
        except BaseException:
            self.close()
            raise

    def _open(self, filename, ours, envelope, password, buffers):
        buf = bytearray(64)
        buf = buf[: self._source.readinto(0, 0, buf)]
        header, size = decode(buf, filename)
        start = bytes(buf[: Plain().sealed_size(size)])
        try:
            Plain().unseal(start, _AAD)
        except ValueError as error:
            raise CorruptionError(filename, 0, error)
        if header.encode() != ours:
            envelope = header.unlock(password, filename)
        self._segment = Segment(Reader(self._source, envelope, 1, buffers), 0, _AAD + start)
        entries = self._segment.scan(shared_block=True)
        key, value = next(entries)
        entries.close()
        if key != _META:
            raise CorruptionError(filename, size, "not a backup")
        self.meta = json.loads(value)

    def checking(self):
        """Generator: read and verify the whole file. Yields at each entry."""
        return self._segment.checking()

    def entries(self):
        """Yield (key, value or None) in key order."""
        return self._segment.scan(b"\0", shared_block=True)  # the one block cached is its own

    def close(self):
        """Close the file."""
        self._source.close()
