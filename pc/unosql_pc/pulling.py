"""`unosql pull`: copies a database from a board."""
import os
import shutil
from pathlib import Path

from mpremote.transport import TransportError

from . import images, open_path
from .board import Board
from .terminal import Failure, check_name, progress, say, shown


def run(port, name, directory, folder=None, everything=False, key=None):
    """Copy a database into a directory. folder: on the board's filesystem; None: the raw partition first, then the root.

    everything: the whole raw partition, not only the blocks that hold data. key: opens names, to tell which ones there are.
    """
    check_name(name)
    Path(directory).mkdir(parents=True, exist_ok=True)
    with Board(port) as board:
        image = None if folder else _pull_flash(board, name, Path(directory), everything)
        if image:
            return image
        there = board.databases(folder or "/")
        if name not in there:
            raise Failure("no database %s on the board, %s; there are: %s" % (
                shown(name), "in " + shown(folder) if folder else "neither in its raw partition nor in /",
                ", ".join(filter(None, ["" if folder else _on_flash(board, key), *map(shown, there)])) or "none"))
        return _pull_files(board, name, Path(directory), folder or "/")


def _on_flash(board, key):
    """The names of the databases in the raw partition, as text: their manifests tell."""
    count = board.prepare()
    data = bytearray(b"\xff" * (count * images.ERASE))
    for n, block in board.headers(count):
        if block and block.live and block.kind == "m":
            data[n * images.ERASE : (n + 1) * images.ERASE] = board.block(n)
    return open_path.listed(open_path.on_flash(Path(), data, key), key)


def _pull_flash(board, name, directory, everything):
    """The path of the image written, None when the raw partition has no such database."""
    count = board.prepare()
    headers = list(board.headers(count))
    live = [n for n, block in headers if block and block.live]
    if not any(headers[n][1].database == images.database_id(name) for n in live):
        return None
    target = _free(directory / (name + ".img"))
    data = bytearray(b"\xff" * (count * images.ERASE))
    wanted = range(count) if everything else live
    with progress("erase blocks", len(wanted)) as done:
        for i, n in enumerate(wanted, 1):
            data[n * images.ERASE : (n + 1) * images.ERASE] = board.block(n)
            done(i)
    _check(data, headers, live)
    _write(target, data)
    say("%s: an image of the board's raw partition, %d of %d erase blocks in use" % (shown(target), len(live), count))
    return target


def _check(data, headers, live):
    """The connection has no checksum: a header is compared with what it was before."""
    for n in live:
        if images.parse(data[n * images.ERASE : n * images.ERASE + images.HEAD]) != headers[n][1]:
            raise TransportError("erase block %d did not come over intact" % n)


def _pull_files(board, name, directory, folder):
    """The path of the directory written."""
    place = "%s/%s.udb" % (folder.rstrip("/"), name)
    target = _free(directory / (name + ".udb"))
    partial = Path(str(target) + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        files = _copy(board, place, partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    say("%s: %d files, %d bytes" % (shown(target), len(files), sum(size for _, size in files)))
    return target


def _copy(board, place, target):
    """Copy the files of a directory on the board; [(name, bytes)]."""
    target.mkdir()
    files, total = board.files(place), 0
    with progress("bytes", sum(size for _, size in files)) as done:
        for file, size in files:
            data = board.file("%s/%s" % (place, file), lambda got, before=total: done(before + got))
            (target / os.path.basename(file)).write_bytes(data)
            total += size
    return files


def _free(path):
    if path.exists():
        raise Failure("%s exists already; move it away or choose another directory" % shown(path))
    return path


def _write(path, data):
    partial = Path(str(path) + ".part")
    partial.write_bytes(data)
    partial.rename(path)
