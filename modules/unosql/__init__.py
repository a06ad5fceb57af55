"""unosql: an encrypted NoSQL JSON database for MicroPython. The database itself is unosql.core.Unosql."""

__version__ = "0.1.0"


def selftest(**options):
    """Run the checks of checks.run() on this board; return True when all pass."""
    from .checks import run

    return run(**options)
