"""Media that count, fail and lose power, for the storages to run on.

Each medium has
    storage()    a new Files or Flash on what the medium holds now, not opened yet
    device       what counts and fails (see Device): programs and erases of a flash, or steps of a filesystem
so that a test runs alike on all of them: MEDIA lists them.
"""
import random

from fatfs import FatFs
from memfs import MemFs
from unosql.storage.files import Files
from unosql.storage.flash import Flash

ENOENT, EIO, EEXIST, ENOTDIR, ENOSPC, ENOTEMPTY = 2, 5, 17, 20, 28, 39


class PowerCut(Exception):
    """The medium lost power in the middle of a step; until restart() every call raises this."""


class Device:
    """Counts the steps that change the medium, and makes one of them fail.

    A subclass calls _step(torn) before each such step; torn(rng, model) leaves behind what a cut in it would.
    """

    MODELS = ("none",)

    def __init__(self):
        self.steps = 0
        self.starts = 0
        self.restart()

    def restart(self):
        """Power comes back."""
        self.off = False
        self.starts += 1
        self._cut_at = self._fail_at = None

    def cut(self, after, model, seed=0):
        """Cut the power in the step that follows `after` more steps. model: one of MODELS."""
        assert model in self.MODELS, model
        self._cut_at = self.steps + after + 1
        self._model = model
        self._rng = random.Random("%d %s %d" % (seed, model, after))

    def fail(self, after, errno=EIO):
        """Raise OSError(errno), and do nothing, in the step that follows `after` more steps."""
        self._fail_at = self.steps + after + 1
        self._errno = errno

    def check(self, start):
        """PowerCut unless what started at `start` still runs."""
        if self.starts != start:
            raise PowerCut
        self._check()

    def alive(self, start):
        """The same for close and remove, which the collector may call long after the cut: False then."""
        if self.starts != start:
            return False
        self._check()
        return True

    def _check(self):
        if self.off:
            raise PowerCut

    def _step(self, torn):
        self._check()
        self.steps += 1
        if self.steps == self._cut_at:
            torn(self._rng, self._model)
            self.off = True
            raise PowerCut
        if self.steps == self._fail_at:
            raise OSError(self._errno, "injected")


class NorFlash(Device):
    """A block device with MicroPython's extended interface that behaves as NOR flash.

    Programming a byte that is not erased, at or for anything but a multiple of `align` bytes, or beyond the block is
    an AssertionError: a real chip would store something else. Counts calls and bytes; wear holds the erases by block.
    Power cut in the middle leaves, by model: nothing done (none), all done (done), the first bytes done (prefix), any
    of the bits done (bits), anything that programming or erasing can pass through (garbage).
    """

    MODELS = ("none", "done", "prefix", "bits", "garbage")

    def __init__(self, blocks=64, erase=4096, align=4, image=None):
        super().__init__()
        self.blocks = blocks
        self.erase = erase
        self.image = bytearray(image or b"\xff" * (blocks * erase))
        self._align = align
        self.wear = [0] * blocks
        self.violation = None
        self.clear_counts()

    def clear_counts(self):
        self.reads = self.bytes_read = self.programs = self.bytes_programmed = self.erases = 0

    def readblocks(self, block, buf, offset=0):
        self._check()
        self._require(not offset % self._align and not len(buf) % self._align, "read is not aligned")
        start = self._start(block, offset, len(buf))
        buf[:] = self.image[start : start + len(buf)]
        self.reads += 1
        self.bytes_read += len(buf)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            self._erase(block)
        offset = offset or 0
        self._require(not offset % self._align and not len(buf) % self._align, "program is not aligned")
        start = self._start(block, offset, len(buf))
        old, new = self.image[start : start + len(buf)], bytes(buf)
        twice = [i for i in range(len(new)) if old[i] != 0xFF and new[i] != 0xFF]
        self._require(not twice, "programmed twice: block %d, offset %d" % (block, offset + (twice or [0])[0]))
        result = bytes(a & b for a, b in zip(old, new))
        self._step(lambda rng, model: self._torn(rng, model, start, result))
        self.image[start : start + len(buf)] = result
        self.programs += 1
        self.bytes_programmed += len(buf)

    def ioctl(self, op, arg):
        self._check()
        if op == 4:
            return self.blocks
        if op == 5:
            return self.erase
        if op == 6:
            self._erase(arg)
            return 0
        return None

    def _erase(self, block):
        start = self._start(block, 0, self.erase)
        blank = b"\xff" * self.erase
        self._step(lambda rng, model: self._torn(rng, model, start, blank))
        self.image[start : start + self.erase] = blank
        self.erases += 1
        self.wear[block] += 1

    def _start(self, block, offset, size):
        self._require(0 <= block < self.blocks and 0 <= offset and offset + size <= self.erase, "out of range")
        return block * self.erase + offset

    def _require(self, condition, what):
        if not condition:
            self.violation = what  # littlefs swallows exceptions on the way
            raise AssertionError(what)

    def _torn(self, rng, model, start, new):
        old = bytes(self.image[start : start + len(new)])
        self.image[start : start + len(new)] = _torn_flash(rng, model, old, new)


class Life:
    """A device as what runs between two starts sees it. What RAM held then may be collected much later, and a
    generator that still wants to remove or close a file must not reach the medium that works again."""

    def __init__(self, device):
        self._device, self._start = device, device.starts

    def __getattr__(self, name):
        if self._device.starts == self._start:
            return getattr(self._device, name)
        return self._nothing if name in ("remove", "readblocks", "writeblocks", "ioctl") else self._refused

    def _nothing(self, *args):
        pass

    def _refused(self, *args):
        raise PowerCut


def _torn_flash(rng, model, old, new):
    """What a program or an erase that was to turn old into new leaves."""
    if model in ("none", "done"):
        return old if model == "none" else new
    cut = rng.randrange(len(new) + 1)
    if model == "prefix":
        return new[:cut] + old[cut:]
    if model == "garbage" and new == b"\xff" * len(new):  # erasing: any bits at all, here and there
        first = rng.randrange(len(new))
        return new[:first] + rng.randbytes(len(new) - first)[: max(0, cut - first)] + old[max(first, cut) :]
    done = rng.randbytes(len(new)) if model == "bits" else bytes(rng.choice((0, 255)) for _ in new)
    return bytes(o ^ (o ^ n) & d for o, n, d in zip(old, new, done))


class Disk(Device):
    """Sectors that are overwritten in place and in order, as of an SD card or a flash behind a translation layer.

    Power cut in the middle of one leaves, by model: the old sector (none), the new one (done), or the first bytes of the
    new one before the old ones (prefix).
    """

    MODELS = ("none", "done", "prefix")

    def __init__(self, sectors=1024, size=512):
        super().__init__()
        self.sectors, self.size = sectors, size
        self.image = bytearray(sectors * size)

    def read(self, sector, count):
        self._check()
        return bytes(self.image[sector * self.size : (sector + count) * self.size])

    def write(self, sector, data):
        """Each sector is a step."""
        for start in range(sector * self.size, sector * self.size + len(data), self.size):
            new, data = data[: self.size], data[self.size :]
            self._step(lambda rng, model: self._torn(rng, model, start, new))
            self.image[start : start + self.size] = new

    def sync(self):
        self._check()

    def _torn(self, rng, model, start, new):
        cut = {"none": 0, "done": self.size, "prefix": rng.randrange(self.size)}[model]
        self.image[start : start + cut] = new[:cut]


class LossyFs(Device, MemFs):
    """A MemFs that loses what was not synced when the power is cut.

    A write, flush, close, remove or mkdir is a step. A file is durable when flushed or closed. A cut leaves, of each
    file changed since: the old file (atomic, as littlefs does), the first bytes of the new one (tail), the first bytes
    and then zeros, ones, the old bytes or any (torn), or any of these for each file by itself, and removed files back
    (reordered, as a PC's write cache does).
    """

    MODELS = ("atomic", "tail", "torn", "reordered")

    def __init__(self, size=1 << 20):
        Device.__init__(self)
        MemFs.__init__(self)
        self._size = size
        self._directories = {""}
        self._durable = {}  # of files that changed: what they were; None: not there

    def restart(self):
        if getattr(self, "off", False):
            self._durable = {}
        super().restart()

    @property
    def image(self):
        """All that is stored, as bytes."""
        return b"".join(b"%s %d\n%s" % (path.encode(), len(data), data) for path, data in sorted(self.files.items()))

    # what Files calls

    def open(self, path, mode="r"):
        self._check()
        if "w" in mode:
            if path.rpartition("/")[0] not in self._directories:
                raise OSError(ENOENT, path)
            self._change(path, b"")
        else:
            self._get(path)
        return _SteppingFile(self, path)

    def stat(self, path):
        self._check()
        return super().stat(path)

    def statvfs(self, path):
        free = self._size - sum(map(len, self.files.values()))
        return (1, 1, self._size, free, free, 0, 0, 0, 0, 255)

    def listdir(self, path):
        self._check()
        if path not in self._directories:
            raise OSError(ENOENT, path)
        return super().listdir(path)

    def mkdir(self, path):
        self._step(lambda rng, model: None)
        if path in self._directories:
            raise OSError(EEXIST, path)
        self._directories.add(path)

    def rmdir(self, path):
        self._step(lambda rng, model: None)
        if self.listdir(path):
            raise OSError(ENOTEMPTY, path)
        self._directories.remove(path)

    def remove(self, path):
        self._check()
        self._get(path)
        self._change(path, None)

    def rename(self, old, new):
        """At once or not at all, whatever the model: what is asked of a filesystem that backups are written to."""
        self._check()
        self._get(old)
        self._step(lambda rng, model: rng.random() < 0.5 and self._rename(old, new))
        self._rename(old, new)

    def _rename(self, old, new):
        self.files[new] = self.files.pop(old)
        for name in (old, new):
            self._durable.pop(name, None)

    # changes and cuts

    def _change(self, path, content):
        if content is not None:
            others = sum(len(data) for name, data in self.files.items() if name != path)
            if others + len(content) > self._size:
                raise OSError(ENOSPC, path)
        self._step(lambda rng, model: self._lose(rng, model, path, content))
        self._apply(path, content)

    def _apply(self, path, content):
        self._durable.setdefault(path, self.files.get(path))
        if content is None:
            self.files.pop(path, None)
        else:
            self.files[path] = content

    def _sync(self, path):
        """The file becomes durable, and with it what was removed (Files syncs the directory too)."""
        self._step(self._lose)
        self._durable = {name: old for name, old in self._durable.items() if name in self.files and name != path}

    def _lose(self, rng, model, path=None, content=None):
        if path and rng.random() < 0.5:
            self._apply(path, content)
        for name, old in self._durable.items():
            left = _torn_file(rng, model, old, self.files.get(name))
            if left is None:
                self.files.pop(name, None)
            else:
                self.files[name] = left


def _torn_file(rng, model, old, new):
    """What is left of a change from old to new (bytes, or None when there is no file) that was not synced."""
    if model == "reordered":
        model = rng.choice(("atomic", "tail", "torn", "done"))
    if model == "done" or new is None and model != "atomic":
        return new
    if model == "atomic":
        return rng.choice((old, None)) if new is None else old
    cut = rng.randrange(len(new) + 1)
    if model == "tail":
        return new[:cut]
    rest = len(new) - cut
    return new[:cut] + rng.choice((bytes(rest), b"\xff" * rest, (old or b"")[cut:], rng.randbytes(rest)))


class _SteppingFile:
    def __init__(self, fs, path):
        self._fs = fs
        self._path = path
        self._at = 0
        self._start = fs.starts

    def write(self, data):
        self._fs.check(self._start)
        content = self._fs.files[self._path]
        self._fs._change(self._path, content + bytes(data))
        return len(data)

    def flush(self):
        self._fs.check(self._start)
        self._fs._sync(self._path)

    def close(self):
        self._fs.alive(self._start)

    def seek(self, offset, whence=0):
        self._at = offset + (len(self._fs.files[self._path]) if whence else 0)
        return self._at

    def read(self):
        self._fs.check(self._start)
        return self._fs.files[self._path][self._at :]

    def readinto(self, buf):
        data = self.read()[: len(buf)]
        buf[: len(data)] = data
        self._at += len(data)
        return len(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class LittleFs:
    """The same functions on a real littlefs, mounted on a NorFlash as MicroPython does (cache of 4 read sizes)."""

    def __init__(self, flash, read_size=32, format=False):
        from littlefs import lfs

        self._lfs = lfs
        self._flash = flash
        self._start = flash.starts
        self._context = _Context(flash)
        self._files = set()  # open ones: littlefs keeps pointers to them
        config = lfs.LFSConfig(
            context=self._context, block_size=flash.erase, block_count=flash.blocks, read_size=read_size,
            prog_size=32, cache_size=min(flash.erase, 4 * max(read_size, 32)), lookahead_size=32, block_cycles=100,
        )
        self._config = config
        self._fs = lfs.LFSFilesystem()
        if format:
            self.call(lfs.format, config)
        self.call(lfs.mount, config)

    def call(self, function, *args):
        """Call a function of littlefs; its errors, and the flash's, become exceptions."""
        from littlefs.errors import LittleFSError

        self._flash.check(self._start)
        if self.failed:
            raise OSError(EIO, "mount it anew")
        try:
            return function(self._fs, *args)
        except LittleFSError as error:
            self._flash._check()
            assert not self._flash.violation, self._flash.violation
            raise OSError(-error.code, error.name)

    def open(self, path, mode="r"):
        return _LfsFile(self, self.call(self._lfs.file_open, path, mode.replace("b", "")))

    def stat(self, path):
        return (0, 0, 0, 0, 0, 0, self.call(self._lfs.stat, path).size, 0, 0, 0)

    def statvfs(self, path):
        free = self._flash.blocks - self.call(self._lfs.fs_size)
        return (self._flash.erase, self._flash.erase, self._flash.blocks, free, free, 0, 0, 0, 0, 255)

    def ilistdir(self, path):
        return self._entries(self.call(self._lfs.dir_open, path))

    def _entries(self, directory):
        try:
            while entry := self.call(self._lfs.dir_read, directory):
                if entry.name not in (".", ".."):
                    yield (entry.name, 0, 0, entry.size)
        finally:
            if self.alive():
                self._lfs.dir_close(self._fs, directory)

    def mkdir(self, path):
        self.call(self._lfs.mkdir, path)

    def remove(self, path):
        if self.alive():
            self.call(self._lfs.remove, path)

    rmdir = remove

    def rename(self, old, new):
        self.call(self._lfs.rename, old, new)

    def alive(self):
        return self._flash.alive(self._start)

    @property
    def failed(self):
        """Whether the flash failed: what littlefs holds in RAM is no good then (lfs_bd_prog() asserts that it is)."""
        return self._context.failed


class _Context:
    """littlefs's view of the flash. What is raised in here can't pass through littlefs: it sees an I/O error."""

    def __init__(self, flash):
        self._flash = flash
        self.failed = False

    def read(self, config, block, offset, size):
        buf = bytearray(size)
        self._call(self._flash.readblocks, block, buf, offset)
        return bytes(buf)

    def prog(self, config, block, offset, data):
        return self._call(self._flash.writeblocks, block, data, offset)

    def erase(self, config, block):
        return self._call(self._flash.ioctl, 6, block)

    def sync(self, config):
        return 0

    def _call(self, function, *args):
        try:
            function(*args)
        except OSError as error:
            self.failed = True
            return -error.errno
        except (PowerCut, AssertionError):
            return -EIO
        return 0


class _LfsFile:
    def __init__(self, fs, file):
        self._fs = fs
        self._file = file
        fs._files.add(file)

    def write(self, data):
        return self._fs.call(self._fs._lfs.file_write, self._file, bytes(data))

    def flush(self):
        self._fs.call(self._fs._lfs.file_sync, self._file)

    def close(self):
        """As extmod/vfs_lfsx_file.c: the second time nothing, even when the first failed."""
        if self._fs.alive() and self._file in self._fs._files:
            self._fs._files.discard(self._file)
            self._fs.call(self._fs._lfs.file_close, self._file)

    def seek(self, offset, whence=0):
        return self._fs.call(self._fs._lfs.file_seek, self._file, offset, whence)

    def read(self, size=None):
        size = self._fs.call(self._fs._lfs.file_size, self._file) if size is None else size
        return self._fs.call(self._fs._lfs.file_read, self._file, size)

    def readinto(self, buf):
        data = self.read(len(buf))
        buf[: len(data)] = data
        return len(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


# The media themselves


class FlashMedium:
    """unosql's own format on raw flash."""

    def __init__(self, blocks=64, erase=4096, **kw):
        self.device = NorFlash(blocks, erase)
        self._kw = kw

    def storage(self, name="testdb"):
        return Flash(Life(self.device), name, **self._kw)


class MemFiles:
    """Files on a filesystem in memory."""

    def __init__(self, size=1 << 20, **kw):
        self.device = LossyFs(size)
        self._kw = kw

    def storage(self, name="testdb"):
        return Files(name + ".udb", fs=self.fs(), **self._kw)

    def fs(self):
        return Life(self.device)


class LittleFsFiles:
    """Files on littlefs on NOR flash."""

    def __init__(self, blocks=64, erase=4096, read_size=32, **kw):
        self.device = NorFlash(blocks, erase)
        self._read_size = read_size
        self._kw = kw
        LittleFs(self.device, read_size, format=True)
        self._mounted = 0

    def storage(self, name="testdb"):
        return Files(name + ".udb", fs=self.fs(), **self._kw)

    def fs(self):
        if self._mounted != self.device.starts or self._fs.failed:  # once for all databases: two would not know of each other
            self._fs = LittleFs(self.device, self._read_size)
            self._mounted = self.device.starts
        return self._fs


class FatFiles:
    """Files on MicroPython's FatFs on a disk of sectors."""

    def __init__(self, sectors=1024, size=512, **kw):
        self.device = Disk(sectors, size)
        self._kw = kw
        FatFs(self.device, format=True)
        self._mounted = 0

    def storage(self, name="testdb"):
        return Files(name + ".udb", fs=self.fs(), **self._kw)

    def fs(self):
        if self._mounted != self.device.starts:
            self._fs = FatFs(self.device)
            self._mounted = self.device.starts
        return self._fs


MEDIA = {"flash": FlashMedium, "memory": MemFiles, "littlefs": LittleFsFiles, "fat": FatFiles}
