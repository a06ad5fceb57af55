"""A filesystem in a dict, for Files(directory, fs=MemFs()): fast, and its files can be changed behind the store's back."""
import errno
import io

from unosql.kv.batch import Batch
from unosql.storage.files import Files
from unosql.kv.observer import Observer
from unosql.kv.store import Store


class MemFs:
    """files: dict of path -> bytes of the closed files. Files hold their own bytes until they are closed."""

    def __init__(self, files=None):
        self.files = dict(files or {})
        self.free = 1 << 30

    def open(self, path, mode="rb"):
        if "w" in mode:
            return _Writing(self, path)
        return io.BytesIO(self._get(path))

    def stat(self, path):
        return (0o100000, 0, 0, 0, 0, 0, len(self._get(path)), 0, 0, 0)

    def statvfs(self, path):
        return (1, 1, 1 << 30, 0, self.free, 0, 0, 0, 0, 255)

    def mkdir(self, path):
        pass

    def rmdir(self, path):
        pass

    def remove(self, path):
        self._get(path)
        del self.files[path]

    def listdir(self, path):
        return [name.rpartition("/")[2] for name in self.files if name.rpartition("/")[0] == path]

    def _get(self, path):
        if path not in self.files:
            raise OSError(errno.ENOENT, path)
        return self.files[path]


class _Writing(io.BytesIO):
    def __init__(self, fs, path):
        super().__init__()
        self._fs, self._path = fs, path
        fs.files[path] = b""

    def close(self):
        if not self.closed:
            self._fs.files[self._path] = self.getvalue()
        super().close()


class Failing(MemFs):
    """Raises an OSError at the n-th writing open from now on whose path has `where` in it."""

    where, n, error = "", None, errno.EIO

    def open(self, path, mode="rb"):
        if "w" in mode and self.n is not None and self.where in path:
            self.n -= 1
            if self.n < 0:
                self.n = None
                raise OSError(self.error, path)
        return super().open(path, mode)

    def fail(self, where, n=0, error=errno.EIO):
        self.where, self.n, self.error = where, n, error


def make(fs, password=None, slots=8, hooks=None, memtable=1024):
    store = Store(Files("t.udb", slots=slots, fs=fs), hooks or Observer(), memtable)
    store.open(password, 2)
    return store


def begin_spilled(store):
    """Begin a batch that goes into segments from its start, as one does that is larger than the memtable."""
    batch = Batch(store)
    batch.spill()
    store.batch = batch


def everything(store):
    return dict(store.scan(b""))


def path(kind, n):
    return "t.udb/" + ("s%07x" if kind == "s" else kind + "%02x") % n
