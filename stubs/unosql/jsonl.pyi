"""JSON lines: docs/API.md."""
from typing import Any, Protocol

from .core import Unosql

class _Writer(Protocol):
    def write(self, data: Any, /) -> int | None: ...

class _Reader(Protocol):
    def readinto(self, buffer: Any, /) -> int | None: ...

class _Receiver(Protocol):
    def recv_into(self, buffer: Any, /) -> int: ...

class _Lines(Protocol):
    def readline(self) -> bytes | str: ...

def dump(
    db: Unosql, collection: str | list[str] | None, stream: _Writer, where: Any = None, value: Any = ..., *, limit: int | None = None, skip: int = 0,
    order_by: str | list[str] | None = None, fields: list[str] | None = None
) -> int: "Write records as lines, those that iterate() yields of these arguments; return how many."
def load(
    db: Unosql, collection: str | None, stream: _Reader | _Receiver | _Lines, keep_ids: bool = False
) -> int: "Insert the records of lines, all or none; return how many. Errors name the line."
