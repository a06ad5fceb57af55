"""The database; unosql.core has its errors."""
from .core import Unosql as Unosql
from .storage import BlockDevice, Storage

__version__: str

def selftest(*, path: str | None = None, storage: Storage | BlockDevice | None = None) -> bool: "Check a board: print a line for each check; return whether all passed."
