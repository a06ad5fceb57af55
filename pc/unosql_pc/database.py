"""Databases opened with the device's own code."""
import contextlib

from . import engine  # noqa: F401
from .overlay import Overlay
from .terminal import Failure, shown
from unosql.kv import header
from unosql.documents import restore as restoring
from unosql.documents.catalog import Catalog
from unosql.documents.steps import finish
from unosql.errors import WrongKeyError
from unosql.storage.files import Files
from unosql.kv.store import Store

MEMTABLE = 65536  # no board takes larger records


def never():
    """A clock at which nothing has expired: the board's epoch is not the PC's, and its clock is not here."""
    return 0


@contextlib.contextmanager
def reading(source, key):
    """Gives the Catalog of a Source; nothing done to it is kept. CorruptionError, WrongKeyError, Failure."""
    if source.kind == "backup":
        with opened(Files("memory", fs=Overlay()), None) as catalog:
            restore(catalog, source.path, key)
            yield catalog
    else:
        with opened(source.storage(), key) as catalog:
            yield catalog


@contextlib.contextmanager
def opened(storage, key, memtable=MEMTABLE, clock=never):
    """Gives the Catalog of what is on a storage, creating it when absent."""
    catalog = Catalog(clock=clock)
    catalog.store = Store(storage, catalog, memtable)
    catalog.store.open(key)
    try:
        yield catalog
    finally:
        catalog.store.close()


def restore(catalog, path, key):
    """Put a backup file into a database."""
    if key is not None and not is_encrypted(path):
        raise WrongKeyError("%s is not encrypted, but a key was given" % path)
    finish(restoring.restoring(catalog, path, key))


def is_encrypted(path):
    """Whether a backup file is."""
    return header_of(path).salt is not None


def header_of(path):
    """The Header of a backup file."""
    with open(path, "rb") as file:
        return header.decode(file.read(64), str(path))[0]


def is_full(catalog, path, key):
    """Whether a backup file is a full one, not incremental."""
    archive = catalog.store.import_(path, key)
    archive.close()
    return archive.meta["full"]


def collection(catalog, name):
    """A collection that exists. Failure when there is none of that name."""
    names = [found.name for found in catalog.collections()]
    if name not in names:
        raise Failure("no collection %s; there are: %s" % (shown(name), ", ".join(map(shown, names)) or "none"))
    return catalog.collection(name)
