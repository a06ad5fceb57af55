"""How device tests reach the interpreters and boards that run them: `--target NAME`."""
from . import board, process

DEFAULT = ("host", "unix", "unix32", "qemu")


class Missing(Exception):
    """A target is not here; the message says what it needs."""


def make(name, source=False):
    """The target called name. ValueError when there is no such kind, Missing when this machine lacks it."""
    if name == "host":
        return process.host()
    if name in ("unix", "unix32", "qemu"):
        return _built(name, source)
    if name.startswith("serial:"):
        return board.Attached(name.partition(":")[2])
    raise ValueError("no target %r: use host, unix, unix32, qemu or serial:PORT" % name)


def _built(name, source):
    try:
        return board.Emulated() if name == "qemu" else process.unix(name, source)
    except ImportError as e:
        raise Missing(str(e))
