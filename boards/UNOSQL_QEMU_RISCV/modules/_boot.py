# Runs before boot.py: mounts the filesystem, making one on blank flash only.
import vfs
from unosql_board import filesystem


def _is_blank(device):
    block = bytearray(256)
    for number in (0, 1):  # littlefs keeps its superblock in one of these
        for offset in range(0, 4096, len(block)):
            device.readblocks(number, block, offset)
            if block != b"\xff" * len(block):
                return False
    return True


def _mount(device):
    if _is_blank(device):
        vfs.VfsLfs2.mkfs(device)
    try:
        vfs.mount(vfs.VfsLfs2(device), "/")
    except OSError as error:
        print("unosql: no filesystem mounted:", error)
        print("The flash is neither blank nor a littlefs; nothing was changed. To start afresh:")
        print("import vfs, unosql_board; vfs.VfsLfs2.mkfs(unosql_board.filesystem())")


_mount(filesystem())
del vfs, filesystem, _is_blank, _mount
