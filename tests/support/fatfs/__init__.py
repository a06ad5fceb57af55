"""The FatFs of MicroPython's tree, compiled for this machine: a filesystem for Files(fs=...) on a media.Disk."""
import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from firmware import deps, fetch, paths  # noqa: E402

FOLDER = Path(__file__).resolve().parent
SOURCES = ("lib/oofatfs/ff.c", "lib/oofatfs/ffunicode.c")
ENOENT, EIO, EEXIST, EINVAL, ENOSPC = 2, 5, 17, 22, 28
# By FRESULT, as fresult_to_errno_table in extmod/vfs_fat.c.
ERRNO = (0, 5, 5, 16, 2, 2, 22, 13, 17, 16, 30, 19, 19, 19, 5, 5, 16, 12, 24, 22)
_EXISTS = 8

_READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_uint32, ctypes.c_uint)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int)


class _Disk(ctypes.Structure):
    _fields_ = [("read", _READ), ("write", _READ), ("sync", _SYNC), ("sectors", ctypes.c_uint32), ("size", ctypes.c_uint)]


def library():
    """The compiled FatFs, made once for each tree and each change of what is here."""
    global _library
    if _library is None:
        _library = ctypes.CDLL(str(_compiled()))
        _library.fat_forget.argtypes = [ctypes.c_void_p]
        for name in ("open", "read", "write", "seek", "sync", "close", "stat", "list", "next", "mkdir", "remove", "rename", "free"):
            getattr(_library, "fat_" + name).argtypes = [ctypes.c_void_p] + {
                "open": [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int], "read": [ctypes.c_void_p] * 2,
                "write": [ctypes.c_char_p, ctypes.c_void_p], "seek": [ctypes.c_uint32], "sync": [], "close": [],
                "stat": [ctypes.c_char_p, ctypes.c_void_p], "list": [ctypes.c_void_p, ctypes.c_char_p],
                "next": [ctypes.c_void_p] * 2, "mkdir": [ctypes.c_char_p], "remove": [ctypes.c_char_p],
                "rename": [ctypes.c_char_p] * 2, "free": [ctypes.c_void_p] * 3,
            }[name]
    return _library


_library = None


def _compiled():
    tree = fetch.source().path
    files = [tree / name for name in SOURCES] + [FOLDER / "fatfs.c", FOLDER / "py" / "mpconfig.h"]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    made = paths.BUILD / "fatfs" / (key + ".so")
    if not made.exists():
        deps.ensure("unix")
        made.parent.mkdir(parents=True, exist_ok=True)
        draft = made.with_suffix(".%d" % os.getpid())  # tests may run side by side
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-w", "-DFFCONF_H=\"lib/oofatfs/ffconf.h\"", "-I", str(FOLDER),
                        "-I", str(tree), *map(str, files[:3]), "-o", str(draft)], check=True)
        draft.rename(made)
    return made


class FatFs:
    """The functions of os that Files uses, and open. disk: a media.Disk, at the start where it is now."""

    _fs = None

    def __init__(self, disk, format=False):
        self._disk, self._start = disk, disk.starts
        self._c = library()
        self._callbacks = _Disk(_READ(self._read), _READ(self._write), _SYNC(self._sync), disk.sectors, disk.size)
        handle = ctypes.c_void_p()
        error = self._c.fat_make(ctypes.byref(handle), ctypes.byref(self._callbacks), int(format))
        self._fs = handle.value
        self._raise(error)

    def __del__(self):
        if self._fs:
            self._c.fat_forget(self._fs)

    # what FatFs calls; exceptions can't pass through it

    def _read(self, buf, sector, count):
        return self._try(lambda: ctypes.memmove(buf, self._disk.read(sector, count), count * self._disk.size))

    def _write(self, buf, sector, count):
        return self._try(lambda: self._disk.write(sector, ctypes.string_at(buf, count * self._disk.size)))

    def _sync(self):
        return self._try(self._disk.sync)

    def _try(self, call):
        self._error = None
        try:
            call()
        except Exception as error:
            self._error = error
            return 1
        return 0

    # what Files calls

    def call(self, name, *args):
        """Call a function of FatFs; its errors, and the disk's, become exceptions."""
        self._disk.check(self._start)
        self._error = None
        self._raise(getattr(self._c, "fat_" + name)(*args))

    def _raise(self, error):
        if error:
            self._disk.check(self._start)
            raise self._error if isinstance(self._error, OSError) else OSError(ERRNO[error], "FatFs error %d" % error)

    def open(self, path, mode="r"):
        handle = ctypes.c_void_p()
        self.call("open", self._fs, ctypes.byref(handle), path.encode(), int("w" in mode))
        return _File(self, handle.value, path)

    def stat(self, path):
        size = ctypes.c_uint32()
        self.call("stat", self._fs, path.encode(), ctypes.byref(size))
        return (0, 0, 0, 0, 0, 0, size.value, 0, 0, 0)

    def statvfs(self, path):
        free, size, all = ctypes.c_uint32(), ctypes.c_uint(), ctypes.c_uint32()
        self.call("free", self._fs, ctypes.byref(free), ctypes.byref(size), ctypes.byref(all))
        return (size.value, size.value, all.value, free.value, free.value, 0, 0, 0, 0, 255)

    def ilistdir(self, path):
        handle = ctypes.c_void_p()
        self.call("list", self._fs, ctypes.byref(handle), path.encode())
        return self._entries(handle.value)

    def _entries(self, handle):
        name, size = ctypes.create_string_buffer(256), ctypes.c_uint32()
        try:
            while True:
                self.call("next", handle, name, ctypes.byref(size))
                if not name.value:
                    return
                yield (name.value.decode("cp437"), 0, 0, size.value)
        finally:
            self._c.fat_forget(handle)

    def mkdir(self, path):
        self.call("mkdir", self._fs, path.encode())

    def remove(self, path):
        if self._disk.alive(self._start):
            self.call("remove", self._fs, path.encode())

    rmdir = remove

    def rename(self, old, new):
        """As extmod/vfs_fat.c: a file that is in the way is removed first."""
        try:
            self.call("rename", self._fs, old.encode(), new.encode())
        except OSError as error:
            if error.errno != EEXIST:
                raise
            self.remove(new)
            self.call("rename", self._fs, old.encode(), new.encode())


class _File:
    def __init__(self, fs, handle, path):
        self._fs = fs
        self._handle = handle
        self._path = path
        self._closed = False

    def __del__(self):
        self._fs._c.fat_forget(self._handle)

    def write(self, data):
        size = ctypes.c_uint(len(data))
        self._fs.call("write", self._handle, bytes(data), ctypes.byref(size))
        if size.value != len(data):
            raise OSError(ENOSPC, "FAT is full")
        return size.value

    def flush(self):
        self._fs.call("sync", self._handle)

    def close(self):
        """As extmod/vfs_fat_file.c: once closed, nothing."""
        if self._fs._disk.alive(self._fs._start) and not self._closed:
            self._fs.call("close", self._handle)
            self._closed = True

    def seek(self, offset, whence=0):
        offset += self._fs.stat(self._path)[6] if whence else 0
        self._fs.call("seek", self._handle, offset)
        return offset

    def readinto(self, buf):
        data, size = ctypes.create_string_buffer(len(buf)), ctypes.c_uint(len(buf))
        self._fs.call("read", self._handle, data, ctypes.byref(size))
        buf[: size.value] = data.raw[: size.value]
        return size.value

    def read(self):
        parts = []
        buf = bytearray(512)
        while n := self.readinto(buf):
            parts.append(bytes(buf[:n]))
        return b"".join(parts)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
