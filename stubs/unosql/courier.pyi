"""Store and forward over any carrier: when the messages of a Session go."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .aio import Unosql as AioUnosql
from .core import Unosql
from .sync import Session

_F = TypeVar("_F", bound=Callable[[Any], Any])

class Courier(Session):
    heartbeat: float
    patience: float
    rest: int
    tries: int
    error: str | None
    handlers: dict[str, Callable[[Any], Any]]
    def __init__(
        self, db: Unosql | AioUnosql, device: str, heartbeat: float = 120, patience: float = 5, every: float = 0, *,
        logs: Mapping[str, int] | None = None, only: Sequence[str] | None = None, chunk: int = 512,
        down: Sequence[str] | None = None, room: int = 512, key: bytes | None = None, pack: Callable[[Any], bytes] | None = None
    ) -> None: ...
    def on(self, name: str) -> Callable[[_F], _F]: "Decorate a function(argument) that runs the commands of a name."
    def due(self) -> memoryview | None: "The message to send now. Sending it may fail: then it comes again later."
    def is_rested(self) -> bool: ...
    def note(self, error: Exception) -> None: ...

def later(seconds: float, tries: int) -> int: ...
