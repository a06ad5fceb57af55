"""Which serial port, for all commands that talk to a board."""
from serial.tools.list_ports import comports

from . import engine  # noqa: F401
from .terminal import Failure
from firmware import ports


def attached():
    """[(port, description)] of the serial ports on USB."""
    return [(p.device, p.description) for p in comports() if p.vid]


def chosen(port):
    """The port given, or that of the one board attached: None. Failure when it cannot be used."""
    try:
        return ports.choose(port, attached)
    except Failure as failure:
        raise Failure("%s; `unosql ports` lists those attached" % failure) from None
