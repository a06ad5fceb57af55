"""A board at a serial port, through mpremote's transport.

It is reset first, so that no program of its own writes meanwhile, and again at the end, so that it goes on.
"""
import base64
import contextlib
import hashlib
import io

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from . import images, serial_port
from .terminal import Failure, shown

CHUNK = 512  # bytes of a file asked for at a time: as text they take four times that of the board's RAM at worst
HEADERS = 64  # headers read in one go
WRITTEN = 256  # bytes sent at a time
# Removes a file, or a directory that holds files only.
REMOVE = """
import os
try:
 for n in os.listdir(%r):
  os.remove(%r + "/" + n)
except OSError:
 pass
for f in (os.rmdir, os.remove):
 try:
  f(%r)
  break
 except OSError:
  pass
"""
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
        self._port = serial_port.chosen(port)
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

    def exists(self, path):
        """Whether there is a file or directory."""
        return self._transport.fs_exists(path)

    def is_directory(self, path):
        """Whether there is a directory."""
        return self._transport.fs_isdir(path)

    def free(self, folder):
        """Bytes free on the filesystem that a directory is on. Failure when there is no such directory."""
        if folder not in ("", "/") and not self._transport.fs_isdir(folder):
            raise Failure("no directory %s on the board" % shown(folder))
        return self.call("import os\ns = os.statvfs(%r)\nprint(s[0] * s[3])" % (folder or "/"))

    def call(self, code):
        """Run code whose last line prints a number; that number."""
        return int(self._transport.exec(code).split()[-1])

    def make_directory(self, path):
        """Make a directory."""
        self._transport.fs_mkdir(path)

    def rename(self, path, other):
        """Rename a file or directory."""
        self._transport.exec("import os\nos.rename(%r, %r)" % (path, other))

    def remove(self, path):
        """Remove a file, or a directory with its files, if it is there."""
        self._transport.exec(REMOVE % (path, path, path))

    def write(self, path, data, tell):
        """Write a file, checked by a hash; one that is there is replaced. tell is called with the bytes written so far."""
        self._transport.fs_writefile(path, data, WRITTEN, lambda done, _: tell(done))
        if hashlib.sha256(data).digest() != self._transport.fs_hashfile(path, "sha256"):
            raise TransportError("%s did not go over intact" % path)

    def file(self, path, tell):
        """A file's bytes, checked by a hash. tell is called with the bytes read so far."""
        data = bytes(self._transport.fs_readfile(path, CHUNK, lambda done, _: tell(done)))
        if hashlib.sha256(data).digest() != self._transport.fs_hashfile(path, "sha256"):
            raise TransportError("%s did not come over intact" % path)
        return data
