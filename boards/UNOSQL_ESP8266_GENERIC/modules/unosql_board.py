"""How this board's flash is divided, and what this image was built from."""
try:
    from unosql_build import BUILD
except ImportError:
    BUILD = "built by hand"


def partition():
    """Block device of the raw flash that belongs to unosql, 512 KiB; None on a flash below 2 MiB."""
    from flashbdev import unosql

    return unosql
