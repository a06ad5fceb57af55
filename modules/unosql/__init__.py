"""unosql: an encrypted NoSQL JSON database for MicroPython: `from unosql import Unosql`; unosql.core has the rest."""

__version__ = "0.1.0"

from . import upwards  # noqa: E402, F401  first of all  # isort: skip
from .core import Unosql  # noqa: E402, F401  a constant in flash in our images, as all of core is


def selftest(**options):
    """Run the checks of checks.run() on this board; return True when all pass."""
    from .checks import run

    return run(**options)
