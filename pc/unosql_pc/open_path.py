"""What a PATH is: told by looking into it, never by its name. Nothing here writes."""
import os
import re
from pathlib import Path
from typing import Callable, NamedTuple

from . import images, littlefs_image
from .overlay import Overlay
from .terminal import Failure, say, shown
from unosql.errors import UnosqlError, WrongKeyError
from unosql.kv import header
from unosql.kv.manifest import Manifest
from unosql.names import manifests, told
from unosql.storage.files import Files

OURS = re.compile(r"[mw][0-9a-f]{2}|s[0-9a-f]{7}")
KINDS = {"directory": "database directory", "littlefs": "directory in a littlefs image", "flash": "raw flash image",
         "backup": "backup file"}
NONE = ("is no database: neither a directory NAME.udb, nor an image of raw flash or of littlefs with one in it, nor a "
        "backup file")


class Source(NamedTuple):
    """A database that was found. label: for messages. storage: makes a Files or Flash whose changes stay in memory.

    kind: a key of KINDS. For a backup storage is None. data: the image of raw flash. database: its number there.
    is_sealed: whether the name is a number because the real one is encrypted, under another key than was given.
    """

    kind: str
    name: str
    label: str
    storage: Callable | None = None
    path: str | None = None
    data: object = None
    database: int = 0
    is_sealed: bool = False


def find(path, key=None):
    """The list of Sources at a path. key: opens names on raw flash. Failure when there are none, OSError."""
    path = Path(path)
    found = _in_directory(path) if path.is_dir() else _in_file(path, key)
    if not found:
        raise Failure("%s %s" % (shown(path), NONE))
    return found


def choose(path, name=None, key=None):
    """The one Source at a path, of that name if one is given. Failure when it is not one."""
    found = find(path, key)
    if name is not None:
        number = images.database_id(name)
        matching = [s._replace(name=name, is_sealed=False) for s in found if s.name == name or s.kind == "flash" and s.database == number]
        if not matching:
            raise Failure("%s: no database %s in it; there are: %s" % (shown(path), shown(name), listed(found, key)))
        return matching[0]
    if len(found) > 1:
        found = [source for source in found if source.name == Path(path).stem] or found
    if len(found) > 1:
        raise Failure("%s: several databases, say which with --name: %s" % (shown(path), listed(found, key)))
    return found[0]


def files(source):
    """{name: bytes} of the files of a database in a directory or a littlefs."""
    if source.kind == "directory":
        return {file.name: file.read_bytes() for file in sorted(Path(source.path).iterdir()) if OURS.fullmatch(file.name)}
    for _, fs in littlefs_image.filesystems(images.load(source.path)):
        for folder, inside in littlefs_image.databases(fs):
            if source.label == "%s:%s" % (source.path, folder):
                return {name: data for name, data in inside.items() if OURS.fullmatch(name)}
    return {}


def listed(found, key):
    """The names of Sources, as text; of those that are encrypted how many there are, and their numbers, which do for --name."""
    sealed = [source.name for source in found if source.is_sealed]
    names = [shown(source.name) for source in found if not source.is_sealed]
    if sealed:
        whose = "1 database whose name" if len(sealed) == 1 else "%d databases whose names" % len(sealed)
        names.append("%s %s key opens (%s)" % (whose, "another" if key else "a", ", ".join(sealed)))
    return ", ".join(names)


def _in_directory(path):
    if any(OURS.fullmatch(entry.name) for entry in path.iterdir()):
        return [_directory(path)]
    inside = (sub for sub in sorted(path.glob("*.udb")) if sub.is_dir())
    return [_directory(sub) for sub in inside if any(OURS.fullmatch(entry.name) for entry in sub.iterdir())]


def _directory(path):
    where = str(path.absolute())
    _warn_if_open(path)
    return Source("directory", path.name.removesuffix(".udb"), str(path), lambda: Files(where, fs=Overlay(where)), where)


def _warn_if_open(path):
    """Reading goes on: the lock may be one that a killed process left."""
    for owner in path.glob("lock/*"):
        pid = owner.name.partition("-")[0]
        if os.name == "posix" and pid.isdigit() and _runs(int(pid)):
            say("%s: process %s seems to have it open; what is read may be old or incomplete" % (shown(path), pid))


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True


def _in_file(path, key):
    with open(path, "rb") as file:
        start = file.read(4)
    if start[:2] == header.MAGIC:
        return [Source("backup", path.name, str(path), path=str(path))]
    if not start:
        return []
    data = images.load(path)
    return on_flash(path, data, key) + list(_on_littlefs(path, data))


def on_flash(path, data, key):
    """The Sources in an image of raw flash, by name. path: of its file."""
    numbers = {block.database for block in images.blocks(data) if block.live}
    logs = manifests(images.Device(data))
    found = [(*_name_on_flash(number, path.stem, logs.get(number), key), number) for number in numbers]
    return [Source("flash", name, str(path), lambda n=number: _flash_storage(path, n), str(path), data, number, is_sealed)
            for name, is_sealed, number in sorted(found)]


def _name_on_flash(number, stem, log, key):
    """(the file's name, if that is it; or that which the manifest tells; or else the number, whether a key would open the name)."""
    for name in (stem, log and told(log, key)):
        if name and number == images.database_id(name):
            return name, False
    return "%08x" % number, bool(log) and _is_encrypted(log)


def _is_encrypted(log):
    try:
        Manifest().find(log, None)
    except WrongKeyError:
        return True
    except UnosqlError:
        pass  # damaged: nothing tells
    return False


def _flash_storage(path, number):
    """On a mapping of its own: opening a damaged flash frees blocks, which are still wanted for salvage."""
    return images.Numbered(images.Device(images.load(path)), number)


def _on_littlefs(path, data):
    for _, fs in littlefs_image.filesystems(data):
        for folder, files in littlefs_image.databases(fs):
            name = folder.rpartition("/")[2].removesuffix(".udb")
            inside = {folder + "/" + name: content for name, content in files.items()}
            yield Source("littlefs", name, "%s:%s" % (path, folder), lambda f=folder, i=inside: Files(f, fs=Overlay(None, i)),
                         str(path))
