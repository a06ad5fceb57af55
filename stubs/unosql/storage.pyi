"""Where a database is stored, for Unosql(storage=...), for editors and for readers; docs/API.md explains the arguments.

unosql.files.Files and unosql.flash.Flash are the same classes: older programs know them by these names.
"""
from typing import Any

class Files:
    """Storage in one directory of a filesystem."""
    def __init__(self, directory: str, slots: int = 32, fs: Any = None) -> None: ...
class Flash:
    """Storage in a share of a block device of raw flash."""
    def __init__(self, bdev: Any, name: str, records: int = 64) -> None: ...
