"""How device tests reach the interpreters and boards that run them: `--target NAME`."""
from . import board, process

DEFAULT = ("host", "unix", "unix32", "qemu")


class Missing(Exception):
    """A target is not here; the message says what it needs."""


def make(name, source=False):
    """The target called name. ValueError when there is no such kind, Missing when this machine lacks it."""
    if name == "host":
        return process.host()
    if name in _MADE:
        _check_tools(name)
        return _MADE[name](source)
    if name.startswith("serial:"):
        return board.Attached(name.partition(":")[2])
    raise ValueError("no target %r: use host, unix, unix32, qemu or serial:PORT" % name)


_MADE = {
    "unix": lambda source: process.Unix(64, source),
    "unix32": lambda source: process.Unix(32, source),
    "qemu": lambda source: board.Emulated(),
}


def _check_tools(name):
    """Building comes later, with the first test; and a build that fails is a failure, not a missing target."""
    from firmware import deps, fetch
    from firmware.progress import Failure

    try:
        deps.ensure(*(("qemu", "emulator") if name == "qemu" else (name,)))
        fetch.source()
    except Failure as e:
        raise Missing(str(e)) from None
