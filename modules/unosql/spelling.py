"""One directory under two names: FAT, and some filesystems of PCs, do not tell a from A. Loaded when two databases are open."""

import os


def same(path, other):
    """Whether other is the directory at path, which is there. Both are absolute, without "." and the like in them."""
    if _fold(path) != _fold(other):
        return False
    try:
        one, two = os.stat(path), os.stat(other)
    except OSError:
        return False  # other is not there
    if one[1]:
        return one[1:3] == two[1:3]  # inode and device
    return not _apart(path.split("/"), other.split("/"))  # MicroPython's own filesystems have none


def _fold(path):
    """What is the same for all spellings. Of letters beyond ASCII only FAT knows which belong together."""
    return "".join(c.lower() if ord(c) < 128 else "?" for c in path)


def _apart(one, other):
    """Whether both spellings of some part are there, next to each other. Names are bytes: others' need not be UTF-8."""
    for i in range(len(one)):
        names = one[i].encode(), other[i].encode()
        if names[0] != names[1]:
            folder = "/".join(one[:i]) or "/"
            if sum(entry[0] in names for entry in os.ilistdir(folder.encode())) > 1:
                return True
    return False
