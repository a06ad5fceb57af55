"""What our images know of their board."""
from unosql.storage import BlockDevice

BUILD: str

def partition() -> BlockDevice | None: "unosql's raw flash partition, None: there is none. Raises OSError."
