"""Store and forward over MQTT: docs/API.md."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .aio import Unosql as AioUnosql
from .core import Unosql
from .courier import Courier

class Sync(Courier):
    """host, port: of the broker; 1883, or 8883 with ssl. user: the device, if there is a password.
    logs: {collection: n} of those whose records go from here when the sink has them, but for the last n.
    only: the collections that are sent; None: all whose names do not start with "_". chunk: bytes of records in a message.
    down: the collections that are the server's; None: nothing comes down. room: bytes of the largest message that may come.
    heartbeat, patience, every: seconds. will: topic and message. dial: makes the stream instead of a socket to host."""
    def __init__(
        self, db: Unosql | AioUnosql, device: str, host: str, port: int | None = None, *, user: str | None = None, password: str | bytes | None = None,
        ssl: Any = None, prefix: str = "unosql", logs: Mapping[str, int] | None = None, only: Sequence[str] | None = None, chunk: int = 512,
        down: Sequence[str] | None = None, room: int = 512, key: bytes | None = None, pack: Callable[[Any], bytes] | None = None,
        heartbeat: float = 120, patience: float = 5, every: float = 0, qos: int = 0, will: tuple[str | bytes, str | bytes] | None = None,
        dial: Callable[[], Any] | None = None
    ) -> None: ...
    def step(self) -> bool: "Do what can be done now; return whether something was. Raises nothing of the network's."
    async def run(self) -> None: "step() for ever."
    def close(self) -> None: ...

class Over(Courier):
    """client: of mqtt_as. reads=False: the program gives what it reads of client.queue to take()."""
    def __init__(
        self, db: Unosql | AioUnosql, device: str, client: Any, *, prefix: str = "unosql", logs: Mapping[str, int] | None = None,
        only: Sequence[str] | None = None, chunk: int = 512, down: Sequence[str] | None = None, room: int = 512, key: bytes | None = None, pack: Callable[[Any], bytes] | None = None,
        heartbeat: float = 120, patience: float = 5, every: float = 0, qos: int = 0, reads: bool = True
    ) -> None: ...
    async def run(self) -> None: ...
    def take(self, topic: bytes, message: bytes) -> bool: "Whether the topic is this one's."
