"""The database is in unosql.core."""
from typing import Any

__version__: str

def selftest(*, path: str | None = None, storage: Any = None) -> bool: "Check a board: print a line for each check; return whether all passed."
