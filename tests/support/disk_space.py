"""Taking room away on a medium, and giving it back."""
from media import ENOSPC
from unosql.storage.flash import Flash

FILLER = 3000  # bytes of a file that takes room


def listed(fs):
    """The names in the root of a filesystem."""
    return [entry[0] for entry in fs.ilistdir("/")] if hasattr(fs, "ilistdir") else fs.listdir("")


def take_room(medium, spare):
    """Leave that many bytes, by other files or another database on the medium."""
    if hasattr(medium, "fs"):
        fs = medium.fs()
        while (free := _free(fs)) > spare and _write(fs, "fill%d" % free, min(FILLER, free - spare)):
            pass
        return
    other = Flash(medium.device, "filler")
    other.open()
    while other.free() > spare:
        sink = other.create(len(list(other.numbers())) + 1)
        sink.append(bytes(FILLER))
        sink.close()


def _free(fs):
    stat = fs.statvfs("")
    return stat[1] * stat[4]


def _write(fs, name, size):
    """Write a file; return whether there was room for it."""
    try:
        with fs.open(name, "w") as file:
            file.write(bytes(size))
        return True
    except OSError as error:
        if error.errno != ENOSPC:
            raise
    return False


def give_room(medium):
    """Take the filling out again."""
    if hasattr(medium, "fs"):
        fs = medium.fs()
        for name in listed(fs):
            if name.startswith("fill"):
                fs.remove(name)
        return
    other = Flash(medium.device, "filler")
    other.open()
    other.destroy()
