"""Where things are. Everything that is built or fetched lies under build/."""
from pathlib import Path

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
