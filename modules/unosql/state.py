"""What this process holds, and what its port is like. In our images this runs at the import of unosql and stays in RAM.

All other modules but shared are constants in flash there: docs/DESIGN.md, Modules in flash.
"""

from .port import is_small, is_strict
from .threads import mutex

held = set()  # directories of databases, or names of those on flash, and owners of locks
registry = mutex()  # of held
serial = 0  # of the last lock between processes
small = is_small()
free = 0  # bytes of heap when heap.py last counted them
uncounted = 0  # collections since then
allocated = 0  # bytes handed out since the last collection, when heap.py last looked
strict = is_strict()
