"""`unosql copy`: files to and from a board, whose names begin with a colon there."""
from pathlib import Path, PurePosixPath

from .board import Board
from .terminal import Failure, progress, say, shown


def run(port, names, replace=False):
    """Copy files. names: sources and at last where to: [":a.bak", "."] or ["main.py", ":"]. Nothing is overwritten unless replace."""
    *sources, target = names
    out = target.startswith(":")
    if not sources or any(source.startswith(":") is out for source in sources):
        raise Failure("give files and a place on the other side: :backup.db . or main.py :  (a colon is the board)")
    with Board(port) as board:
        copy = _to_board if out else _from_board
        for source in sources:
            copy(board, source, target, len(sources) > 1, replace)
    return 0


def _to_board(board, source, target, several, replace):
    data, place = Path(source).read_bytes(), "/" + target[1:].strip("/")
    if several or target.endswith((":", "/")) or board.is_directory(place):
        place = "%s/%s" % (place.rstrip("/"), Path(source).name)
    if board.exists(place) and not replace:
        raise Failure("%s is on the board already; --replace writes over it" % shown(place))
    folder = str(PurePosixPath(place).parent)
    free = board.free(folder)
    if len(data) > free:
        raise Failure("%d bytes do not fit on the board: %d are free in %s" % (len(data), free, shown(folder)))
    board.remove(place + ".part")
    with progress("bytes", len(data)) as tell:
        board.write(place + ".part", data, tell)
    if replace:
        board.remove(place)
    board.rename(place + ".part", place)
    say(":%s: %d bytes" % (shown(place), len(data)))


def _from_board(board, source, target, several, replace):
    place, target = "/" + source[1:].lstrip("/"), Path(target)
    if several or target.is_dir():
        target = target / PurePosixPath(place).name
    if target.exists() and not replace:
        raise Failure("%s exists already; --replace writes over it" % shown(target))
    if not board.exists(place) or board.is_directory(place):
        raise Failure("no file %s on the board" % shown(place))
    with progress("bytes", None) as tell:
        data = board.file(place, tell)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(data)
    partial.replace(target)
    say("%s: %d bytes" % (shown(target), len(data)))
