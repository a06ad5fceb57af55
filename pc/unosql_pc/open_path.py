"""What a PATH is: told by looking into it, never by its name. Nothing here writes."""
import os
import re
from pathlib import Path
from typing import Callable, NamedTuple

from . import images, littlefs_image
from .overlay import Overlay
from .terminal import Failure, say, shown
from unosql.kv import header
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
    """

    kind: str
    name: str
    label: str
    storage: Callable | None = None
    path: str | None = None
    data: object = None
    database: int = 0


def find(path):
    """The list of Sources at a path. Failure when there are none, OSError."""
    path = Path(path)
    found = _in_directory(path) if path.is_dir() else _in_file(path)
    if not found:
        raise Failure("%s %s" % (shown(path), NONE))
    return found


def choose(path, name=None):
    """The one Source at a path, of that name if one is given. Failure when it is not one."""
    found = find(path)
    if name is not None:
        number = images.database_id(name)
        matching = [s._replace(name=name) for s in found if s.name == name or s.kind == "flash" and s.database == number]
        if not matching:
            raise Failure("%s: no database %s in it; there are: %s" % (shown(path), shown(name), _names(found)))
        return matching[0]
    if len(found) > 1:
        found = [source for source in found if source.name == Path(path).stem] or found
    if len(found) > 1:
        raise Failure("%s: several databases, say which with --name: %s" % (shown(path), _names(found)))
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


def _names(found):
    return ", ".join(shown(source.name) for source in found)


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


def _in_file(path):
    with open(path, "rb") as file:
        start = file.read(4)
    if start[:2] == header.MAGIC:
        return [Source("backup", path.name, str(path), path=str(path))]
    if not start:
        return []
    data = images.load(path)
    return list(_on_flash(path, data)) + list(_on_littlefs(path, data))


def _on_flash(path, data):
    numbers = {block.database for block in images.blocks(data) if block.live}
    logs = manifests(images.Device(data))
    for name, number in sorted((_name_on_flash(number, path.stem, logs), number) for number in numbers):
        yield Source("flash", name, str(path), lambda n=number: _flash_storage(path, n), str(path), data, number)


def _name_on_flash(number, stem, logs):
    """The name that the manifest tells, unless that is encrypted; or the file's, if that is it; or else the number."""
    for name in (stem, number in logs and told(logs[number], None)):
        if name and number == images.database_id(name):
            return name
    return "%08x" % number


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
