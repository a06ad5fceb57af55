"""unosql: an encrypted NoSQL JSON database for MicroPython. The database itself is unosql.core.Unosql."""

__version__ = "0.1.0"


def selftest(**options):
    """Run the checks of selftest.run() on this board; return True when all pass."""
    here = globals()
    call = here["selftest"]
    from .selftest import run

    here["selftest"] = call  # the import put the module there
    return run(**options)
