"""MicroPython's 32-bit unix port, where objects have the size they have on a board, running the modules of device/."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from firmware import targets

DEVICE = Path(__file__).resolve().parent / "device"
FLASH = 512 * 4096  # bytes of the raw flash
PREPARING = 600  # seconds
# Where a subject keeps its records: ("key", "medium"), the arguments of device/database.py's Subject.
KEY = b"1234567890abcdef"


class Machine:
    """Runs code that imports the modules of device/, compiled; in a copy of a folder prepared for n records."""

    def __init__(self):
        self.micropython = targets.unix(32)
        self._folder = tempfile.TemporaryDirectory(prefix="unosql-bench-")
        self._root = Path(self._folder.name)
        (self._root / "lib").mkdir()
        for source in DEVICE.glob("*.py"):
            out = self._root / "lib" / (source.stem + ".mpy")
            subprocess.run([str(targets.mpy_cross()), "-o", str(out), str(source)], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._folder.cleanup()

    def prepared(self, subject, n, place):
        """A folder in which the subject has n records; made once."""
        folder = self._root / ("%s-%d-%s-%s" % (subject, n, "encrypted" if place[0] else "plain", place[1]))
        if not folder.exists():
            folder.mkdir()
            (folder / "flash.img").write_bytes(b"\xff" * (FLASH if place[1] == "flash" else 0))
            if subject != "nothing":
                self._execute([], "import prepare; prepare.prepare(%r, %r, %r)" % (subject, n, place), folder, PREPARING)
        return folder

    def run(self, code, folder, heap=None, timeout=60, under=()):
        """Run code in a copy of folder; the process, finished. heap: bytes. under: a command to run it under.

        CalledProcessError, its output in `stdout`, or TimeoutExpired.
        """
        copy = self._root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        return self._execute(["-X", "heapsize=%d" % heap] if heap else [], code, copy, timeout, under)

    def _execute(self, options, code, folder, timeout, under=()):
        path = "%s:.frozen" % (self._root / "lib")
        return subprocess.run(
            [*under, str(self.micropython), *options, "-c", code], cwd=folder, env=dict(os.environ, MICROPYPATH=path), check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)

    def has(self, module):
        """Whether the port has that module built in."""
        try:
            self._execute([], "import " + module, self._root, 10)
        except subprocess.CalledProcessError:
            return False
        return True
