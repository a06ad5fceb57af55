"""`make device-test`: the tests of tests/device on a real board."""
import subprocess

from . import board, deps, ports
from .paths import ROOT
from .progress import Failure


def run(port, arguments):
    """Run them on the board at port, or on the one attached; arguments go to pytest."""
    port = ports.choose(port)
    board.check(port)
    target = "serial:" + port
    done = subprocess.run([str(deps.venv_python()), "-m", "pytest", "tests/unit/test_device.py", "--target", target,
                           *arguments], cwd=ROOT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Failure("device tests on %s failed" % target)
