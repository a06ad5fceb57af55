"""Imports the modules from the lowest up: each finds those that it needs.

An import within an import within others takes more C stack than some boards have, where unosql is no part of the firmware.
"""
# ruff: noqa: F401, I001

from . import codec, errors, logger, port, processes, spelling, threads
from . import state
from . import heap, locks
from . import shared

from .storage import ring, blocks, chain, files, flash

from .kv import compression, crypto, envelope, merge, observer, policy, sealed
from .kv import header, memory, memtable, space, version
from .kv import manifest, segment, buffers, reading, wal
from .kv import reader, reclaim, writer
from .kv import archive, compaction, segments
from .kv import rekey, writing
from .kv import batch, maintenance, recovery
from .kv import apply, store

from .documents import ordering, own, text, transaction
from .documents import arguments, keys, record
from .documents import changes, condition, queue
from .documents import backup, edits, expiry, index, query
from .documents import collection, restore, shortage, verify
from .documents import catalog, many

from . import posts, database, place, destroy
