"""Two packages down; imports of all kinds."""
import json
import sys

import frost.functions
import frost.functions as functions

from .. import counters, greet
from ..functions import alias as renamed

try:
    import no_such_module
except ImportError:
    no_such_module = None
try:
    import _thread
except (ImportError, ValueError):
    _thread = None

NAME = "deep"
COUNT = len(NAME) + (1 if _thread else 0)
LONG = "text of more than twenty-five characters: \u20ac \xe9 \x00"
BYTES = bytes(3) + b"\xff" * 2
NUMBERS = (0, -1, 1 << 29, -(1 << 31), 1 << 64, 1.25, 0.5, 1e30, 3 // 2, 7 % 4, ~5, not 3)
YES = "a" in ("a", "b") and NAME == "deep" or None
LESS = NAME if COUNT < 3 else renamed
if COUNT:
    BRANCH = "taken"
else:
    BRANCH = "left"


def used():
    return json.dumps([1]), sys.implementation.name, frost.functions is functions, greet("x"), counters.count(), no_such_module
