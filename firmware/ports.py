"""Which serial port: the one given, or the one that a board is attached to."""
import json
import os
import subprocess
from pathlib import Path

from . import deps
from .progress import Failure, say

LIST = """
import json
from serial.tools.list_ports import comports
print(json.dumps([[p.device, p.description] for p in comports() if p.vid is not None]))
"""


TTYS = Path("/sys/class/tty")


def attached():
    """[(port, description)] of all serial ports on USB, boards or not. On Linux nothing needs to be installed for it."""
    if TTYS.is_dir():
        return sorted(_linux())
    output = subprocess.run([str(deps.venv_python()), "-c", LIST], check=True, capture_output=True,
                            text=True, stdin=subprocess.DEVNULL).stdout
    return [tuple(row) for row in json.loads(output)]


def _linux():
    """As pyserial finds them: terminals whose device is on USB, by the product's name."""
    for tty in TTYS.iterdir():
        device = (tty / "device").resolve()
        above = next((folder for folder in (device, *device.parents) if (folder / "idVendor").exists()), None)
        if above:
            product = above / "product"
            yield "/dev/" + tty.name, product.read_text(errors="replace").strip() if product.exists() else tty.name


def choose(given=None, find=attached):
    """The port to use. Failure when the one given cannot be used, or none is given and not exactly one is there."""
    if given:
        return _usable(given)
    found = find()
    if not found:
        raise Failure("no board found: plug one in with a data cable (some cables only charge), or give PORT=")
    if len(found) > 1:
        raise Failure("several boards are attached, say which with PORT=: %s" % (
            ", ".join("%s (%s)" % row for row in found)))
    say("the board is on %s (%s)" % found[0])
    return found[0][0]


def _usable(port):
    """port, a device file or something else that pyserial takes: COM3, an address."""
    if port.startswith("/"):
        if not os.path.exists(port):
            raise Failure("%s: there is no such port: is the board plugged in?" % port)
        if not os.access(port, os.R_OK | os.W_OK):
            raise Failure("%s: you may not use this port: sudo usermod -aG dialout $USER, then log in again" % port)
    return port
