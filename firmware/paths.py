"""Where things are. Everything that is built or fetched lies under build/."""
import re
from pathlib import Path

SAFE = re.compile(r"[\w./@+~-]+")  # what makefiles, linkers and compilers take in a path

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "boards"
MODULES = ROOT / "modules"
BUILD = ROOT / "build"
SOURCES = BUILD / "src"
VENV = BUILD / "venv"
FLASH = BUILD / "flash"


def shown(path):
    """path as a user in the repository's root would type it."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def unfit(path):
    """What keeps path from being built in, in words; "" when nothing does."""
    wrong = sorted(set(c for c in str(path) if not SAFE.fullmatch(c)))
    if not wrong:
        return ""
    return "the path %r has %s in it, which MicroPython's makefiles cannot take" % (
        str(path), "a space" if wrong == [" "] else " ".join(map(repr, wrong)))
