"""`unosql pull`: copies a database from a board, through mpremote's serial transport.

The board is reset first, so that no program of its own writes meanwhile, and again at the end, so that it goes on.
"""
import base64
import contextlib
import hashlib
import io
import os
import re
import shutil
from pathlib import Path

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from . import images
from .terminal import Failure, progress, say, shown

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
CHUNK = 512  # bytes of a file asked for at a time: as text they take four times that of the board's RAM at worst
HEADERS = 64  # headers read in one go
# What runs on the board. `_q` is the raw partition, None when it has none.
PREPARE = """
import binascii
try:
 from unosql_board import partition
 _q = partition()
except (ImportError, OSError):
 _q = None
_b = bytearray(512)
def _heads(first, last):
 head = memoryview(_b)[:32]
 for n in range(first, last):
  _q.readblocks(n, head, 0)
  print(binascii.hexlify(head).decode())
def _block(n):
 for at in range(0, %d, 512):
  _q.readblocks(n, _b, at)
  print(binascii.b2a_base64(_b).decode(), end="")
""" % images.ERASE


class Board:
    """A board in its raw REPL, freshly reset. Failure when it does not answer."""

    def __init__(self, port):
        self._port = port
        self._transport = None

    def __enter__(self):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not understand
                self._transport = SerialTransport(self._port, timeout=2)
                self._transport.enter_raw_repl(soft_reset=True)
        except (TransportError, OSError) as error:
            self._close()
            raise Failure("%s: no MicroPython board answers: %s; close other programs on this port, and see `unosql "
                          "ports`" % (shown(self._port), error)) from None
        return self

    def __exit__(self, kind, error, traceback):
        with contextlib.suppress(TransportError, OSError):
            self._transport.serial.write(b"\r\x03\x03\x02\x04")  # stop what runs, leave the raw REPL, soft reset
        self._close()
        if isinstance(error, TransportExecError):
            last = (error.error_output.strip().splitlines() or ["no message"])[-1]
            raise Failure("%s: the board says %s" % (shown(self._port), shown(last))) from None
        if isinstance(error, TransportError):
            raise Failure("%s: the connection failed: %s; try again" % (shown(self._port), error)) from None

    def _close(self):
        if self._transport:
            with contextlib.suppress(OSError):
                self._transport.close()

    # -- raw flash

    def prepare(self):
        """Return how many erase blocks unosql's raw partition has; 0 when there is none."""
        self._transport.exec(PREPARE)
        count, size = self._transport.eval("(_q.ioctl(4, 0), _q.ioctl(5, 0)) if _q else (0, 0)")
        if count and size != images.ERASE:
            raise Failure("erase blocks of %d bytes, this command knows %d only" % (size, images.ERASE))
        return count

    def headers(self, count):
        """Yield (n, Block or None) of the erase blocks of the raw partition."""
        for first in range(0, count, HEADERS):
            text = self._transport.exec("_heads(%d, %d)" % (first, min(first + HEADERS, count)))
            for n, line in enumerate(text.split(), first):
                yield n, images.parse(bytes.fromhex(line.decode()))

    def block(self, n):
        """The bytes of an erase block of the raw partition."""
        lines = self._transport.exec("_block(%d)" % n).split()
        data = b"".join(base64.b64decode(line) for line in lines)
        if len(data) != images.ERASE:
            raise TransportError("erase block %d came as %d bytes" % (n, len(data)))
        return data

    # -- files

    def databases(self, folder):
        """Names of the databases in a directory of the board's filesystem."""
        try:
            entries = self._transport.fs_listdir(folder)
        except OSError:
            return []
        return [entry.name[:-4] for entry in entries if entry.st_mode & 0x4000 and entry.name.endswith(".udb")]

    def files(self, folder):
        """[(name, bytes)] of the files in a directory."""
        return [(entry.name, entry.st_size) for entry in self._transport.fs_listdir(folder) if not entry.st_mode & 0x4000]

    def file(self, path, tell):
        """A file's bytes, checked by a hash. tell is called with the bytes read so far."""
        data = bytes(self._transport.fs_readfile(path, CHUNK, lambda done, _: tell(done)))
        if hashlib.sha256(data).digest() != self._transport.fs_hashfile(path, "sha256"):
            raise TransportError("%s did not come over intact" % path)
        return data


def run(port, name, directory, folder=None, everything=False):
    """Copy a database into a directory. folder: on the board's filesystem; None: the raw partition first, then the root.

    everything: the whole raw partition, not only the blocks that hold data.
    """
    if not NAME.fullmatch(name):
        raise Failure("%r is no name of a database: 1 to 32 letters, digits, _ or -" % name)
    Path(directory).mkdir(parents=True, exist_ok=True)
    with Board(port) as board:
        image = None if folder else _pull_flash(board, name, Path(directory), everything)
        return image or _pull_files(board, name, Path(directory), folder or "/")


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
    there = board.databases(folder)
    if name not in there:
        raise Failure("no database %s on the board, neither in its raw partition nor in %s; there are: %s" % (
            shown(name), shown(folder), ", ".join(map(shown, there)) or "none"))
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
