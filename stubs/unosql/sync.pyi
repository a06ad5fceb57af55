from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .aio import Unosql as AioUnosql
from .core import Unosql

class Session:
    def __init__(
        self, db: Unosql | AioUnosql, device: str, logs: Mapping[str, int] | None = None, only: Sequence[str] | None = None, chunk: int = 512,
        down: Sequence[str] | None = None, room: int = 512, key: bytes | None = None, pack: Callable[[Any], bytes] | None = None
    ) -> None: ...
    def connect(self) -> None: ...
    def resend(self) -> None: ...
    waiting: str | None
    is_online: bool
    said: str | None
    pause: int
    def message(self) -> memoryview | None: "The next message; it holds until the next call."
    def receive(self, data: bytes) -> bool: ...
    def work(self, handlers: Mapping[str, Callable[[Any], Any]]) -> bool: "Run the oldest command that came down; whether there was one."
    def clock(self, before: int) -> None: "The clock was set; before: time.time() right before that."
    def setting(self, name: str, default: Any = None) -> Any: "What the server has set, or default."
    def status(self) -> dict[str, Any]: "epoch, base, waiting, online; of Courier also unanswered, error; of Sync also connected."

def nonce(n: int = 4) -> str: ...
def check_device(name: str) -> None: ...
