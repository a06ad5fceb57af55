"""Imports the modules from the lowest up: each finds those that it needs.

An import within an import within others takes more C stack than some boards have, where unosql is no part of the firmware.
"""
# ruff: noqa: F401, I001

from . import codec, compression, crypto, envelope, errors, logger, merge, observer, ordering, own, policy, port, processes
from . import sealed, spelling, threads, transaction
from . import header, memory, memtable, posts, ring, space, state, text, version
from . import arguments, files, heap, keys, locks, manifest, record, segment
from . import buffers, changes, condition, queue, reading, shared, wal
from . import backup, blocks, edits, expiry, index, query, reader, reclaim, writer
from . import archive, chain, collection, compaction, restore, segments, shortage, verify
from . import catalog, flash, many, rekey, writing
from . import batch, maintenance, recovery
from . import apply
from . import store
from . import database
from . import place, destroy
