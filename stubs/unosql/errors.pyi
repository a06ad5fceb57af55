"""unosql's own errors, all of which unosql.core has too."""
from .core import (
    BusyError as BusyError,
    ClosedError as ClosedError,
    ConflictError as ConflictError,
    CorruptionError as CorruptionError,
    LockTimeoutError as LockTimeoutError,
    StorageFullError as StorageFullError,
    UniqueError as UniqueError,
    UnosqlError as UnosqlError,
    WrongKeyError as WrongKeyError,
)
