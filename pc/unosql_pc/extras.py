"""Libraries that only some commands need: extras of the package."""
import importlib

from .terminal import Failure


def need(module, extra, package=None):
    """Import a module. Failure that says how to install it when it is missing; package: what PyPI calls it, if otherwise."""
    try:
        return importlib.import_module(module)
    except ImportError:
        name = package or module.partition(".")[0]
        raise Failure("this needs %s, which is not installed: pip install %s, or unosql-pc[%s]" % (name, name, extra)) from None
