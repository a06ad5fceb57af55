"""How this board's flash is divided, and what this image was built from."""
from esp32 import Partition

try:
    from unosql_build import BUILD
except ImportError:
    BUILD = "built by hand"


def partition():
    """Block device of the raw flash that belongs to unosql (see partitions.csv).

    None when the flash was divided by another image and only the application was replaced.
    """
    found = Partition.find(Partition.TYPE_DATA, label="unosql")
    return found[0] if found else None
