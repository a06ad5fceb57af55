"""Which databases there are."""

import os
import struct

from .errors import UnosqlError
from .kv.manifest import Manifest
from .kv.version import name_in
from .storage.blocks import LAYOUT, Blocks
from .storage.chain import Chain


def names(place, password):
    """Return the names of the databases where a Place is, sorted. password: bytes or None, for those that are encrypted. Within `opening`."""
    if place.device:
        logs = manifests(place.device)
        return sorted([told(logs[number], password) or "#%08x" % number for number in logs])
    if not place.in_directory:
        raise ValueError("storage is a block device here")
    return sorted([name[:-4] for name in os.listdir(place.base[: -len(place.name)]) if name.endswith(".udb")])


def manifests(bdev):
    """Return {number of a database: the log of its manifest} of all databases on a flash, which is only read."""
    blocks, logs = Blocks(bdev, ""), {}
    for block in range(blocks.total // blocks.erase):
        if blocks.is_taken(block):
            _, kind, _, database, _, counter, _ = struct.unpack_from(LAYOUT, blocks.head)
            if kind == ord("m"):
                if database not in logs:
                    logs[database] = Chain(blocks, "m", 1)
                logs[database].found(counter, block)
    return logs


def told(log, password):
    """Return the name that a manifest tells, or None."""
    for key in (None, password):
        try:
            body = Manifest().find(log, key)
            return body and name_in(body)
        except UnosqlError:
            pass
