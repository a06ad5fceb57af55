"""`make flash`: puts an image on the board attached, with esptool.

Looks before it writes: the chip must be the image's, the flash large enough, and a
flash that is divided in another way is pointed out, since its files would be lost.
Nothing is ever erased without a yes.
"""
import os
import re
import shlex
import struct
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import deps, espressif, partitions, ports
from .commands import CommandFailed, Commands
from .paths import VENV, shown
from .progress import Failure, say

BAUD = 460800
IMAGE_MAGIC = 0xE9
NO_WP_PIN = 0xEE  # byte 8 of an ESP32's image; on an ESP8266 an address starts there
CHIP_IDS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 12: "esp32c2", 13: "esp32c6"}
OFFSETS = {"esp32": 0x1000}  # of the image in flash; 0 on all others
SMALLEST = {"esp8266": espressif.ESP8266_FLASH}  # bytes of flash; 4 MiB on all others
CHIP = re.compile(r"^Connected to (ESP\S+) on|^Chip type:\s+(ESP[\w-]+)", re.M)
FLASH_SIZE = re.compile(r"^Detected flash size: (\d+)([KM])B", re.M)
QUESTION = "Erase the whole flash first, all files and databases? Needed the first time. [y/N] "
HINTS = (
    (r"Permission denied", "you may not use this port: sudo usermod -aG dialout $USER, then log in again"),
    (r"[Rr]esource busy|exclusively lock", "another program has this port open: end mpremote, Thonny, serial monitors"),
    (r"No such file|[Cc]ould not open", "there is no such port: is the board plugged in?"),
    (r"No serial data|Failed to connect|boot mode", "hold the board's BOOT button while you press and release RESET, "
                                                    "then try again; also try another cable"),
    (r"Invalid head|Timed out|checksum|Corrupt", "the connection is bad: try BAUD=115200 and another cable"),
)


class Attached(NamedTuple):
    """What esptool found. flash: bytes, None when it could not tell."""

    chip: str
    flash: int | None


def flash(board, port=None, image=None, erase=None, baud=BAUD, dry=False):
    """Flash the file image, or board's newest one, or when board is no real one, the newest for the chip found.

    erase: "yes", "no" or None: ask when on a terminal.
    """
    if not str(baud).isdecimal():
        raise Failure("BAUD=%s is no number" % baud)
    from . import targets  # here, for the `unosql` command takes this module along without the builder

    if board not in targets.boards():
        raise Failure("no board %r; there are: %s" % (board, ", ".join(espressif.boards())))
    image = Path(image) if image else newest(board) if board in espressif.boards() else None
    if image:
        check_board(board, image)
    elif dry:
        raise Failure("--dry-run finds no chip: give BOARD=, one of " + ", ".join(espressif.boards()))
    tool = Esptool("PORT" if dry and not port else ports.choose(port), baud, dry)
    if not dry:
        found = tool.identify()
        image = image or newest(board_of(found.chip))
        check(found, chip_of(image))
    write_image(tool, image, erase, ask=input if sys.stdin.isatty() and not dry else None)


def write_image(tool, image, erase, ask=None):
    """Write image to the chip of an Esptool. erase, ask: see wants_erase()."""
    chip = chip_of(image)
    if wants_erase(other_layout(tool, chip, image), erase, ask):
        tool.call(chip, "erase-flash")
    tool.call(chip, "write-flash", "--flash-size", "detect", hex(OFFSETS.get(chip, 0)), str(image))
    if not tool.dry:
        say("done: %s" % shown(image))


def check_board(board, image):
    """Failure when board is a real one and image is for another chip."""
    chip = chip_of(image)
    if board in espressif.boards() and chip != espressif.facts(board)["mcu"]:
        raise Failure("%s is for %s, BOARD=%s has %s" % (shown(image), chip, board, espressif.facts(board)["mcu"]))


def board_of(chip):
    """The board of ours that has this chip."""
    for board in espressif.boards():
        if espressif.facts(board)["mcu"] == chip:
            return board
    raise Failure("unosql has no image for %s" % chip)


def newest(board):
    """The image of board that was built last."""
    found = sorted(espressif.IMAGES.glob("%s-[0-9]*.bin" % board), key=lambda file: file.stat().st_mtime)
    if not found:
        raise Failure("no image of %s here: make firmware BOARD=%s, or give a downloaded one with IMAGE=" % (
            board, board))
    return found[-1]


def chip_of(image):
    """The chip that an image is for, from its header (esptool's documentation, "Firmware Image Format")."""
    try:
        with open(image, "rb") as file:
            header = file.read(24)
    except OSError as error:
        raise Failure("%s: %s" % (shown(image), error.strerror)) from None
    if len(header) < 24 or header[0] != IMAGE_MAGIC:
        raise Failure("%s is no image for an ESP chip" % shown(image))
    if header[8] != NO_WP_PIN:
        return "esp8266"
    number = struct.unpack_from("<H", header, 12)[0]
    return CHIP_IDS.get(number) or "chip number %d" % number


def check(found, chip):
    """Failure unless the chip found is the one the image is for and has flash enough."""
    if found.chip != chip:
        fitting = [board for board in espressif.boards() if espressif.facts(board)["mcu"] == found.chip]
        raise Failure("this board has an %s, the image is for %s; nothing was changed%s" % (
            found.chip, chip, "; use BOARD=" + fitting[0] if fitting else ""))
    needed = SMALLEST.get(chip, 4 << 20)
    if found.flash is not None and found.flash < needed:
        raise Failure("this board has %d KiB of flash, the image needs %d; nothing was changed" % (
            found.flash >> 10, needed >> 10))


def other_layout(tool, chip, image):
    """True when the flash holds a partition table other than the image's; None when that cannot be told."""
    if chip == "esp8266":
        return None
    table = tool.read(chip, partitions.TABLE_OFFSET, partitions.TABLE_SIZE)
    ours = image_table(image, chip)
    there = partitions.read_binary(table)
    return bool(there) and there != ours


def image_table(image, chip):
    """The partition table inside an image."""
    data = image.read_bytes()[partitions.TABLE_OFFSET - OFFSETS.get(chip, 0):]
    return partitions.read_binary(data[: partitions.TABLE_SIZE])


def wants_erase(other, erase, ask=None):
    """Whether to erase all first. other: as other_layout() says; ask: a function that puts the question, as input().

    Failure when going on would lose files without a yes.
    """
    if erase not in (None, "yes", "no"):
        raise Failure("ERASE=%s is neither yes nor no" % erase)
    if other:
        say("this flash is divided otherwise, by stock MicroPython perhaps: its files will be lost")
        say("save them first: mpremote fs cp -r : backup/")
    if erase is None and ask:
        erase = "yes" if ask(QUESTION).strip().lower() in ("y", "yes") else "no"
    if erase == "yes":
        return True
    if other:
        raise Failure("nothing was changed; to lose what is on the board and go on, say ERASE=yes")
    say("files and databases on the board stay; ERASE=yes would erase everything first")
    return False


class Esptool:
    """esptool on one port. dry: only print its commands. python: that has esptool, build/venv's by default."""

    def __init__(self, port, baud=BAUD, dry=False, python=None):
        self._port = port
        self._baud = str(baud)
        self.dry = dry
        self._commands = Commands(dry)
        self._python = python or (VENV / "bin" / "python" if dry else deps.venv_python())

    def identify(self):
        output = self.call("auto", "flash-id", quiet=True)
        chip = CHIP.search(output)
        if not chip:
            raise Failure("esptool found no chip on %s; it said: %s" % (self._port, output.strip()[-200:]))
        size = FLASH_SIZE.search(output)
        return Attached((chip[1] or chip[2]).replace("-", "").lower(),
                        int(size[1]) << {"K": 10, "M": 20}[size[2]] if size else None)

    def read(self, chip, offset, size):
        """size bytes of flash; b"" when dry."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "flash.bin"
            self.call(chip, "read-flash", hex(offset), hex(size), str(file), quiet=True)
            return file.read_bytes() if file.exists() else b""

    def call(self, chip, *command, quiet=False):
        """Run an esptool command; what it prints. ESPTOOL_OPTIONS of the environment, --no-stub say, are passed on."""
        try:
            options = shlex.split(os.environ.get("ESPTOOL_OPTIONS", ""))
        except ValueError as error:
            raise Failure("ESPTOOL_OPTIONS: %s" % error) from None
        try:
            return self._commands.run(self._python, "-m", "esptool", "--chip", chip, "--port", self._port,
                                      "--baud", self._baud, *options, *command, quiet=quiet)
        except CommandFailed as failure:
            raise Failure(explain(self._port, failure.output)) from None


def explain(port, output):
    """One line on what went wrong and what to do, from esptool's output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reason = next((line for line in lines if "rror" in line), lines[-1] if lines else "no output")
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, output)), "see esptool's message")
    return "%s: %s: %s" % (port, reason.removeprefix("ERROR: ").removeprefix("A fatal error occurred: "), hint)
