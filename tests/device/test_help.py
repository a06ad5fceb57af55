"""help() and dir() of the package, whatever has been imported and forgotten."""
import sys

import unosql
from runner import fresh, same

MODES = ("files",)


def test_help():
    """On a small heap modules come and go; MicroPython's help() does not survive a deleted attribute."""
    db = fresh(log_level="INFO")
    db.create_index("a", "n")
    db.insert_many("a", ({"n": n} for n in range(40)))
    same(len(db.find("a", {"n": {"gte": 30}}, order_by="-n")), 10)
    db.backup("a.bak")
    db.restore("a.bak")
    names = set(dir(unosql))
    db.optimize_memory()
    db.close()
    assert names <= set(dir(unosql)), names - set(dir(unosql))
    assert {"selftest", "core", "__version__"} <= set(dir(unosql))
    if sys.implementation.name == "micropython":
        try:
            help
        except NameError:
            return  # an image without it
        help(unosql)
        for name in sorted(dir(unosql)):
            help(getattr(unosql, name))
    db = fresh()  # all that was forgotten is found again
    same(db.find("a", "n", 7)[0]["n"], 7)
    same(db.verify(), [])
