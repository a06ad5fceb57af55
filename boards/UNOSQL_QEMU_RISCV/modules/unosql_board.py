"""How this board's flash is divided, and what this image was built from."""
from norflash import NORFlash

try:
    from unosql_build import BUILD
except ImportError:
    BUILD = "built by hand"

_FILESYSTEM_START = const(0)
_FILESYSTEM_SIZE = const(2 * 1024 * 1024)
_PARTITION_START = const(2 * 1024 * 1024)
_PARTITION_SIZE = const(1536 * 1024)


def filesystem():
    """Block device of the littlefs at /, 2 MiB."""
    return NORFlash(_FILESYSTEM_START, _FILESYSTEM_SIZE)


def partition():
    """Block device of the raw flash that belongs to unosql, 1.5 MiB."""
    return NORFlash(_PARTITION_START, _PARTITION_SIZE)
