"""`make bench`: what each operation of unosql and of its peers costs in flash, heap and instructions."""
import sys

from firmware.paths import MODULES, ROOT

# The engine runs here on CPython, over the tests' flash that counts; shims come first: modules/uzlib.py is for MicroPython.
for _folder in (MODULES, ROOT / "tests" / "runs", ROOT / "tests" / "support", ROOT / "tests" / "support" / "shims"):
    sys.path.insert(0, str(_folder))
