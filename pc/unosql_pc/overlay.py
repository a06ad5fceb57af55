"""A filesystem for the engine's Files whose changes stay in memory: opening a database must not alter it."""
import errno
import io
import os


class Overlay:
    """The functions of os, and open, that Files calls. directory: a real one to read, or None. files: path -> bytes."""

    def __init__(self, directory=None, files=()):
        self._directory = directory
        self._changed = dict(files)  # None: removed

    def open(self, path, mode="rb"):
        if "w" in mode:
            self._changed[path] = b""
            return _Written(self._changed, path)
        if path in self._changed or not self._directory:
            return io.BytesIO(self._content(path))
        return open(path, "rb")

    def stat(self, path):
        if path in self._changed or not self._directory:
            return (0o100000, 0, 0, 0, 0, 0, len(self._content(path)), 0, 0, 0)
        return os.stat(path)

    def listdir(self, path):
        names = set(os.listdir(path)) if self._directory else set()
        for name, content in self._changed.items():
            folder, _, name = name.rpartition("/")
            if folder == path:
                (names.discard if content is None else names.add)(name)
        return sorted(names)

    def remove(self, path):
        self.stat(path)
        self._changed[path] = None

    def mkdir(self, path):
        pass

    rmdir = mkdir

    def statvfs(self, path):
        return (1, 1, 1 << 30, 1 << 30, 1 << 30, 0, 0, 0, 0, 255)

    def _content(self, path):
        content = self._changed.get(path)
        if content is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return content


class _Written(io.BytesIO):
    def __init__(self, files, path):
        super().__init__()
        self._files, self._path = files, path

    def flush(self):
        self._files[self._path] = self.getvalue()

    def close(self):
        if not self.closed:
            self.flush()
        super().close()
