"""Makes the device's own code importable, as `unosql`, and the firmware's, as `firmware`: there is no second implementation.

A wheel carries both in bundled/; from the source tree they are taken from where they are. standins/ has what MicroPython
has and CPython has not.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLED = HERE / "bundled"
ROOT = HERE.parent.parent


def load():
    """Put the engine on sys.path, ahead of everything else; again: nothing."""
    folders = [HERE / "standins", BUNDLED] if BUNDLED.is_dir() else [HERE / "standins", ROOT / "modules", ROOT]
    for folder in reversed(folders):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def version():
    """The engine's version."""
    import unosql

    return unosql.__version__


load()
