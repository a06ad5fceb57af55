"""Filesystems of MicroPython in RAM, mounted at /ram."""
from runner import Skip


class Ram:
    """A block device for littlefs (erased blocks, programs at an offset) and FAT (whole blocks)."""

    def __init__(self, size, count):
        self.size = size
        try:
            self.data = bytearray(size * count)
        except MemoryError:
            raise Skip("needs %d bytes of heap" % (size * count))

    def readblocks(self, block, buf, offset=0):
        start = block * self.size + offset
        for i in range(len(buf)):
            buf[i] = self.data[start + i]

    def writeblocks(self, block, buf, offset=0):
        start = block * self.size + offset
        self.data[start : start + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // self.size
        if op == 5:
            return self.size
        return 0 if op == 6 else None


class Medium:
    """A filesystem of a kind ("VfsFat", "VfsLfs2"), mounted within `with`."""

    def __init__(self, kind, size, count):
        try:
            import vfs
        except ImportError:
            raise Skip("needs the module vfs")
        if not hasattr(vfs, kind):
            raise Skip("needs vfs." + kind)
        self._vfs, self._make = vfs, getattr(vfs, kind)
        self.device = Ram(size, count)
        self._make.mkfs(self.device)

    def mount(self, readonly=False):
        self._vfs.mount(self._make(self.device), "/ram", readonly=readonly)

    def umount(self):
        self._vfs.umount("/ram")

    def remount(self, readonly=False):
        """As after the power came back, or the switch of a card was moved."""
        self.umount()
        self.mount(readonly)

    def __enter__(self):
        self.mount()
        return self

    def __exit__(self, *exc):
        self.umount()


def mounted(kind, size, count):
    """Mount a new filesystem; return vfs.umount."""
    medium = Medium(kind, size, count)
    medium.mount()
    return medium._vfs.umount
