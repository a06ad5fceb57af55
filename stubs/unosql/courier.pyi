"""Store and forward over any carrier: when the messages of a Session go."""
from .sync import Session

class Courier:
    tries: int
    def __init__(self, session: Session, heartbeat: float = 120, patience: float = 5, every: float = 0) -> None: ...
    def connect(self) -> None: "Begin a session."
    def due(self) -> memoryview | None: "The message to send now. Sending it may fail: then it comes again later."
    def take(self, data: bytes) -> bool: "Take bytes that came; whether they are the answer that was waited for."
