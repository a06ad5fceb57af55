"""Databases in littlefs images, read with littlefs-python."""
import struct

from littlefs import LittleFS, LittleFSError, UserContext

from .terminal import Failure, say, shown

STEP = 4096  # where filesystems start in an image
MAGIC = b"littlefs"  # 8 bytes into each block of the first pair (littlefs SPEC.md, "The superblock")
MOST_CACHE = 4096


class _Window(UserContext):
    """Part of an image, for reading only; blank where the image is cut off."""

    def __init__(self, data, base):
        super().__init__(buffer=data)
        self._base = base

    def read(self, config, block, offset, size):
        start = self._base + block * config.block_size + offset
        return bytes(self.buffer[start : start + size]).ljust(size, b"\xff")

    def prog(self, config, block, offset, data):
        return -5

    def erase(self, config, block):
        return -5


def filesystems(data):
    """Yield (offset, mounted LittleFS) of the filesystems in an image."""
    at = 0
    while at < len(data):
        found = _mount_near(data, at) if data[at + 8 : at + 16] == MAGIC else None
        if found:
            base, size, fs = found
            yield base, fs
            at = base + size
        else:
            at += STEP
    return


def _mount_near(data, at):
    """(offset, size, LittleFS) of the filesystem whose first or second block is at `at`, or None."""
    _, size, count = struct.unpack_from("<III", data[at + 20 : at + 32].ljust(12, b"\0"))
    if not 128 <= size <= 1 << 20 or size & (size - 1) or not 2 <= count <= 1 << 24:
        return None
    for base in (at, at - size):
        fs = _mount(data, base, size, count) if base >= 0 else None
        if fs:
            return base, size * count, fs
    return None


def _mount(data, base, size, count):
    cache = min(size, MOST_CACHE)  # files of up to a cache's size may lie inline
    fs = LittleFS(_Window(data, base), mount=False, block_size=size, block_count=count, read_size=16, prog_size=16,
                  cache_size=cache, lookahead_size=32)
    try:
        fs.mount()
    except LittleFSError:
        return None
    return fs


def databases(fs):
    """Yield (path of the directory, {name of a file: bytes}) of the databases on a filesystem."""
    try:
        for folder, directories, _ in fs.walk("/"):
            for name in directories:
                if name.endswith(".udb"):
                    path = folder.rstrip("/") + "/" + name
                    yield path, dict(_files(fs, path))
    except LittleFSError as error:
        raise Failure("the littlefs is damaged: %s" % error) from None


def _files(fs, path):
    for entry in fs.scandir(path):
        if entry.type == 1:
            try:
                with fs.open(path + "/" + entry.name, "rb") as file:
                    yield entry.name, file.read()
            except LittleFSError as error:
                say("%s/%s cannot be read: %s" % (shown(path), shown(entry.name), error))
