"""Talking to a board, emulated or attached, through mpremote."""
import subprocess

from . import deps
from .progress import Failure, say

VERSION = "import unosql; print(unosql.__version__)"


def check(port):
    """Failure unless the board at port answers and has unosql."""
    command = [str(deps.venv_python()), "-m", "mpremote", "connect", port, "exec", VERSION]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if not done.returncode:
        say("the board on %s has unosql %s" % (port, done.stdout.strip()))
        return
    if "ImportError" in done.stdout + done.stderr:
        raise Failure("the board on %s has no unosql in its firmware; type: make flash PORT=%s" % (port, port))
    lines = (done.stderr or done.stdout).strip().splitlines()
    raise Failure("no MicroPython board answers on %s: %s" % (port, lines[-1] if lines else "no message"))


def mpremote(port, *arguments, capture=False):
    """Run mpremote on port. capture: return what it prints. Failure when it fails."""
    command = [str(deps.venv_python()), "-m", "mpremote", "connect", port, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        raise Failure("mpremote %s on %s failed with status %d" % (arguments[0], port, done.returncode))
    return done.stdout
