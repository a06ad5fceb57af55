"""`unosql flash` and `unosql ports`. Looking before writing is firmware/flash.py's, the same as `make flash`."""
import hashlib
import sys
from pathlib import Path

from serial.tools.list_ports import comports

from . import serial_port
from .terminal import Failure, print_table, say, shown
from firmware import flash

SUMS = "SHA256SUMS"


def ports(everything=False):
    """Print the serial ports on USB; everything: all serial ports."""
    rows = [(p.device, p.description, p.manufacturer or "", p.serial_number or "")
            for p in comports() if everything or p.vid]
    if not rows:
        say("no board found: plug one in with a data cable (some cables only charge)%s" % (
            "" if everything else "; --all lists ports that are not on USB"))
        return 1
    print_table(("port", "description", "maker", "serial number"), sorted(rows))
    return 0


def run(path, port, erase, baud, dry=False):
    """Flash an image, or the one of a release directory that fits the board. erase: "yes", "no" or None: ask."""
    path = Path(path)
    image = None if path.is_dir() else _sound(path)
    tool = flash.Esptool(port or "PORT" if dry else serial_port.chosen(port), baud, dry, sys.executable)
    if not image and dry:
        raise Failure("--dry-run needs an image file: which one of a release fits, only a board can tell")
    if not dry:
        found = tool.identify()
        image = image or _sound(_fitting(path, found))
        flash.check(found, flash.chip_of(image))
    flash.write_image(tool, image, erase, input if sys.stdin.isatty() and not dry else None)
    return 0


def _fitting(folder, found):
    """The newest image of a release for the board's chip."""
    images = [file for file in sorted(folder.glob("*.bin")) if _is_for(file, found.chip)]
    names = {file.name.rpartition("-v")[0].rpartition("-")[0] or file.name for file in images}
    if not images:
        raise Failure("%s: no image for an %s in it" % (shown(folder), found.chip))
    if len(names) > 1:
        raise Failure("%s: several images for an %s, give one of them: %s" % (
            shown(folder), found.chip, ", ".join(shown(file.name) for file in images)))
    return max(images, key=lambda file: (file.stat().st_mtime, file.name))


def _is_for(image, chip):
    try:
        return flash.chip_of(image) == chip
    except Failure:
        return False


def _sound(image):
    """The image, when it is one and what the SHA256SUMS beside it says, if that is there. Failure when it differs."""
    flash.chip_of(image)
    _check_sum(image)
    return image


def _check_sum(image):
    try:
        lines = (image.parent / SUMS).read_text().splitlines()
    except OSError:
        return
    wanted = {name.lstrip("*"): digest for digest, _, name in (line.strip().partition("  ") for line in lines)}
    if image.name not in wanted:
        say("%s is not listed in %s: nothing vouches for it" % (shown(image.name), SUMS))
    elif hashlib.sha256(image.read_bytes()).hexdigest() != wanted[image.name]:
        raise Failure("%s differs from what %s says: download it again; nothing was changed" % (shown(image), SUMS))
