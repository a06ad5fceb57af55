"""`unosql push`: puts a database or a backup onto a board.

A database directory goes as it is, file by file, beside its place first. For the raw partition, a backup is made of it here,
which the board restores: nothing but the board's own code writes there.
"""
import contextlib
import tempfile
from pathlib import Path

from . import database, images, open_path
from .board import Board
from .terminal import Failure, check_name, progress, say, shown
from unosql.documents import backup
from unosql.documents.steps import finish

RESTORE = """
from unosql.core import Unosql
with Unosql(%r, %r, %d, path=%r) as db:
 print(db.restore(%r))
"""


def run(port, path, key, name=None, new=None, folder=None, raw=None, replace=False):
    """Put what is at a path onto the board. name: which database. new: what it is called there. folder: on its filesystem.

    raw: into the raw partition; None: if that is where it came from. replace: what the board has of that name.
    """
    source = open_path.choose(path, name, key)
    name = _name(source, new)
    if source.kind == "backup" and not raw:
        return _push_file(port, Path(path), (folder or "/").rstrip("/"), replace)
    if raw is None:
        raw = source.kind == "flash" and not folder
    with _made(source, key, raw) as files, Board(port) as board:
        if raw:
            _restore(board, files, source, name, key, replace)
        else:
            _push_directory(board, files, (folder or "/").rstrip("/"), name, replace)
    return 0


def _name(source, new):
    name = new or source.name.partition(".")[0]
    check_name(name, "; say one with --as")
    return name


@contextlib.contextmanager
def _made(source, key, raw):
    """Gives {name: bytes}: a database's files, or one backup of it."""
    if not raw and source.kind in ("directory", "littlefs"):
        yield open_path.files(source)
        return
    if not raw:
        raise Failure("%s: a %s goes into the raw partition: leave --folder out" % (shown(source.label), open_path.KINDS[source.kind]))
    if source.kind == "backup":
        with database.reading(source, key):
            pass  # it is sound, and the key is right: said before anything is sent
        yield {"backup": Path(source.path).read_bytes()}
        return
    with tempfile.TemporaryDirectory() as folder, database.reading(source, key) as catalog:
        file = Path(folder) / "backup"
        finish(backup.writing(catalog, str(file)))
        yield {"backup": file.read_bytes()}


def _push_file(port, path, folder, replace):
    """A backup as the file that it is."""
    data, target = path.read_bytes(), "%s/%s" % (folder, path.name)
    with Board(port) as board:
        _check_free(board, folder, len(data))
        if board.exists(target) and not replace:
            raise Failure("%s is on the board already; --replace writes over it" % shown(target))
        _write_all(board, {target: data})
    say("%s: %d bytes; on the board: db.restore(%r)" % (shown(target), len(data), target))
    return 0


def _push_directory(board, files, folder, name, replace):
    """The files of a database, complete before they have its name."""
    target = "%s/%s.udb" % (folder, name)
    partial = target + ".part"
    if board.exists(target) and not replace:
        raise Failure("%s is on the board already; --replace puts this in its place, --as NAME calls it otherwise" % shown(target))
    _check_free(board, folder, sum(map(len, files.values())))
    board.remove(partial)
    board.make_directory(partial)
    try:
        _write_all(board, {"%s/%s" % (partial, file): data for file, data in files.items()})
        if replace:
            board.remove(target)
        board.rename(partial, target)
    except BaseException:
        with contextlib.suppress(Exception):
            board.remove(partial)
        raise
    say("%s: %d files, %d bytes" % (shown(target), len(files), sum(map(len, files.values()))))


def _restore(board, files, source, name, key, replace):
    """A backup into the raw partition."""
    count = board.prepare()
    if not count:
        raise Failure("this board has no raw partition for unosql; --folder / puts a database on its filesystem")
    there = {block.database for _, block in board.headers(count) if block and block.live}
    if images.database_id(name) in there and not replace:
        raise Failure("the raw partition has a database %s already; --replace puts this in its place" % shown(name))
    data, file = files["backup"], "/%s.push" % name
    _check_free(board, "/", len(data))
    try:
        _write_all(board, {file: data})
        restored = board.call(RESTORE % (name, key, _iterations(source), None, file))
    finally:
        with contextlib.suppress(Exception):
            board.remove(file)
    say("%s: %d records, in the raw partition" % (shown(name), restored))


def _iterations(source):
    from .inspecting import sealing

    return sealing(source).get("iterations") or 1000


def _check_free(board, folder, size):
    free = board.free(folder)
    if size > free:
        raise Failure("%d bytes do not fit on the board: %d are free in %s" % (size, free, shown(folder or "/")))


def _write_all(board, files):
    done = 0
    with progress("bytes", sum(map(len, files.values()))) as tell:
        for path, data in files.items():
            board.write(path, data, lambda part, before=done: tell(before + part))
            done += len(data)
