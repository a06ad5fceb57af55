"""The emulated board: QEMU's RISC-V machine on a flash image that stays.

    with Emulator(flash="build/flash/mine.img") as board:
        subprocess.run(["mpremote", "connect", board.port, "exec", "print(1)"])
        board.kill()        # as if the power were cut
        board.start()       # the same flash again
"""
import atexit
import contextlib
import fcntl
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import deps
from .progress import Failure

FLASH_SIZE = 32 << 20  # QEMU wants the image to be as large as the machine's flash
HEAP_SIZE_ADDRESS = 0x80700000  # _wanted_heap_size in the board's virt.ld
PTY = re.compile(rb"char device redirected to (\S+)")
START_SECONDS = 20
# Waits for the end of this process, however it ends, and then cuts the power, so that no board runs on for nobody.
# $1: QEMU's process, $2 and $3: what is to be removed.
WATCH = 'read _; kill -9 "$1"; rm -rf "$2" "$3"'


class Emulator:
    """One board, off until start() or `with`.

    firmware: path of an ELF file; None: as built from this work tree.
    flash: path of the flash image, made blank if absent, in a folder that is there; None: a temporary one.
    heap: bytes of MicroPython's heap; None: the board's default.
    port: the serial port while it runs, for mpremote and the like.
    link: a path beside the flash image that leads to the port, whatever its number; None with a temporary image.
    """

    def __init__(self, firmware=None, flash=None, heap=None):
        self._firmware = firmware
        self._temporary = None
        self._heap = heap
        self._process = self._watch = None
        self.flash = Path(flash) if flash else self._temporary_flash()
        self.link = None if self._temporary else self.flash.with_suffix(".tty")
        self.port = None
        atexit.register(self.close)

    def _temporary_flash(self):
        self._temporary = tempfile.mkdtemp(prefix="unosql-flash-")
        return Path(self._temporary) / "flash.img"

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        self.close()

    def start(self):
        """Power on. Returns when QEMU runs; MicroPython needs some 0.1 s more to boot.

        Failure when QEMU does not start, or another board runs on this flash image.
        """
        deps.ensure("emulator")
        make_flash(self.flash)
        command = self._command()
        with locked(self.flash) as lock:  # QEMU inherits it, and keeps it for as long as it lives
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[lock])
        doomed = str(self._temporary or ""), str(self.link or "")
        self._watch = subprocess.Popen(["sh", "-c", WATCH, "sh", str(self._process.pid), *doomed], stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.port = self._read_port()
        if self.link:
            _point(self.link, self.port)

    def _command(self):
        command = [
            "qemu-system-riscv32", "-machine", "virt", "-bios", str(self._image()), "-nographic", "-monitor", "null",
            "-semihosting", "-serial", "pty", "-device", "virtio-rng-device",
            "-drive", "if=pflash,unit=1,format=raw,file=%s" % str(self.flash).replace(",", ",,"),
        ]
        if self._heap:
            command += ["-device", "loader,addr=%#x,data=%d,data-len=4" % (HEAP_SIZE_ADDRESS, self._heap)]
        return command

    def _image(self):
        if self._firmware is None:
            from . import targets

            return targets.qemu_firmware()
        if not Path(self._firmware).is_file():
            raise Failure("no firmware at %s; `make firmware` builds it" % self._firmware)
        return self._firmware

    def _read_port(self):
        """QEMU prints the port's name, or why it does not start."""
        output = b""
        deadline = time.monotonic() + START_SECONDS
        while select.select([self._process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
            data = os.read(self._process.stdout.fileno(), 4096)
            output += data
            if match := PTY.search(output):
                return match[1].decode()
            if not data:
                break
        self.kill()
        lines = output.decode(errors="replace").strip().splitlines()
        raise Failure("QEMU does not start: %s" % (lines[-1] if lines else "no output"))

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def wait(self):
        """Until QEMU ends; its status."""
        return self._process.wait()

    def kill(self):
        """Cut the power: kill -9. What QEMU wrote to the flash image stays."""
        if self._process is not None:
            self._process.kill()  # before anything that a second signal might keep from being done
        if self._watch is not None:
            self._watch.kill()  # before the process whose number it knows is waited for: till then nobody else gets that
            self._watch.wait()
            self._watch.stdin.close()
            self._watch = None
        if self.port and self.link:
            self.link.unlink(missing_ok=True)
        if self._process is not None:
            self._process.wait()
            self._process.stdout.close()
            self._process = None
        self.port = None

    def close(self):
        """Power off, and remove a temporary flash image."""
        atexit.unregister(self.close)
        self.kill()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)


def make_flash(path):
    """A blank flash image at path, unless there is one. Failure when what is there is none, or the folder is missing."""
    try:
        if path.exists():
            return _check_flash(path)
        partial = path.with_name(path.name + ".new")
        partial.write_bytes(b"\xff" * FLASH_SIZE)
        partial.rename(path)
    except FileNotFoundError:
        raise Failure("there is no folder %s for the flash image" % path.parent) from None
    except OSError as error:
        raise Failure("no flash image can be made at %s: %s" % (path, error.strerror)) from None


def _check_flash(path):
    if not path.is_file():
        raise Failure("%s is no flash image: it is no file" % path)
    if path.stat().st_size != FLASH_SIZE:
        raise Failure("%s is no flash image: it has %d bytes, not %d" % (path, path.stat().st_size, FLASH_SIZE))


@contextlib.contextmanager
def locked(flash):
    """Gives a descriptor that keeps other boards off a flash image for as long as anybody has it open."""
    try:
        file = open(flash, "r+b")
    except OSError as error:
        raise Failure("%s cannot be used: %s" % (flash, error.strerror)) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("%s is the flash of an emulated board that runs already; stop it, or give another FLASH=" % flash) from None
        yield file.fileno()


def _point(link, port):
    """Make link lead to port, in one step."""
    draft = link.with_name(link.name + ".new")
    draft.unlink(missing_ok=True)
    draft.symlink_to(port)
    draft.replace(link)
