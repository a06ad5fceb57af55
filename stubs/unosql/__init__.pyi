"""The database; unosql.core has its errors."""
from typing import Any

from .core import Unosql as Unosql

__version__: str

def selftest(*, path: str | None = None, storage: Any = None) -> bool: "Check a board: print a line for each check; return whether all passed."
