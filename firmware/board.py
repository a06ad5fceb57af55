"""Talking to a board, emulated or attached, through mpremote."""
import subprocess

from . import deps
from .progress import Failure

NOT_THERE = ("failed to access", "no device found", "no such file")


def mpremote(port, *arguments, capture=False):
    """Run mpremote on port. capture: return what it prints. Failure when it fails."""
    command = [str(deps.venv_python()), "-m", "mpremote", "connect", port, *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        raise Failure("mpremote %s on %s failed with status %d" % (arguments[0], port, done.returncode))
    return done.stdout
