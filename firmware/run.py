"""`make run` and `make test`: the whole chain, then the example on the emulated board, or pytest."""
import contextlib
import os
import signal
import subprocess
import time

from . import board, deps, ports, targets
from .emulator import Emulator
from .paths import ROOT, shown
from .progress import Failure, say

EXAMPLE = ROOT / "examples" / "quickstart.py"


def run(example=EXAMPLE):
    """Build for all targets, boot the board on blank flash and run the example there."""
    firmware = build_all()
    say("%s is %d KB of code and data" % (shown(firmware), _image_bytes(firmware) // 1024))
    with Emulator(firmware) as emulator:
        say("the board runs on %s; running %s there:" % (emulator.port, shown(example)))
        started = time.monotonic()
        board.mpremote(emulator.port, "run", str(example))
        say("done in %.1f s" % (time.monotonic() - started))


def is_emulated(name):
    """Whether the board called name is the emulated one. Failure when there is none of that name."""
    if name not in targets.boards():
        raise Failure("no board %r; there are: %s" % (name, ", ".join(targets.boards())))
    return name == targets.QEMU


def run_on(port, example=EXAMPLE):
    """Run the example on the real board at port, or on the one attached."""
    port = ports.choose(port)
    board.check(port)
    board.mpremote(port, "run", str(example))


def test(arguments):
    """Build for all targets and run pytest; its status."""
    build_all()
    deps.ensure("emulator")
    deps.wish(*deps.OPTIONAL)
    command = [str(deps.venv_python()), "-m", "pytest", *arguments]  # pyproject.toml says: tests/unit, unless files are named
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode


def script(name, arguments):
    """Run tests/runs/NAME.py; its status. It ends with us, without a word of its own."""
    command = [str(deps.venv_python()), "tests/runs/%s.py" % name, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process):
    """End a program and its own: workers of a pool would go on with what they have."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(2)


def build_all():
    """Both unix builds and the emulated board's firmware; the latter's path."""
    deps.venv_python()
    for bits in (64, 32):
        targets.unix(bits)
    return targets.qemu_firmware()


def _image_bytes(firmware):
    from . import elf

    return elf.image(firmware)
