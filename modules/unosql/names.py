"""Which databases there are."""

import os

from .errors import UnosqlError
from .kv.manifest import Manifest
from .kv.version import name_in
from .storage.flash import manifests


def names(place, password):
    """Return the names of the databases where a Place is, sorted. password: bytes or None, for those that are encrypted. Within `opening`."""
    if place.device:
        logs = manifests(place.device)
        return sorted([told(logs[number], password) or "#%08x" % number for number in logs])
    if not place.in_directory:
        raise ValueError("storage is a block device here")
    return sorted([name[:-4] for name in os.listdir(place.base[: -len(place.name)]) if name.endswith(".udb")])


def told(log, password):
    """Return the name that a manifest tells, or None."""
    for key in (None, password):
        try:
            body = Manifest().find(log, key)
            return body and name_in(body)
        except UnosqlError:
            pass
