"""The line that tells what an image was built from: unosql_board.BUILD on the device."""
import hashlib
import os
import re
import subprocess

from .paths import MODULES, ROOT

VERSION = re.compile(r"^__version__ = [\"'](.+)[\"']", re.M)


def write(folder, source):
    """Write unosql_build.py into folder, for freezing; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "unosql_build.py"
    text = "BUILD = %r\n" % describe(source)
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
    return folder


def describe(source):
    """unosql's version, a digest of its modules that finds them again, and MicroPython's source.

    UNOSQL_COMMIT, set for releases, is named too.
    """
    commit = os.environ.get("UNOSQL_COMMIT")
    return "unosql %s%s, modules sha256 %s; MicroPython %s from %s" % (
        version(), " commit " + commit if commit else "", _modules_digest()[:16], source.version, source.origin)


def image_name(board):
    """BOARD-YYYYMMDD-vX.Y.Z, as MicroPython names its images: the day of the commit, and unosql's version."""
    done = subprocess.run(["git", "log", "-1", "--format=%cd", "--date=format:%Y%m%d"], cwd=ROOT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return "%s-%s-v%s" % (board, done.stdout.strip() or "00000000", version())


def version():
    for file in sorted((MODULES / "unosql").glob("*.py")):
        if match := VERSION.search(file.read_text()):
            return match[1]
    return "unreleased"


def _modules_digest():
    total = hashlib.sha256()
    for file in sorted(MODULES.rglob("*.py")):
        total.update(str(file.relative_to(MODULES)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()
