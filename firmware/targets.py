"""What can be built, by name. Each call builds only if something changed.

    from firmware import targets
    targets.unix(32), targets.qemu_firmware(), targets.mpy_cross()
"""
import json

from . import deps, espressif, fetch
from .build import Product, build, mpy_cross_of, path_maps
from .lock import building
from .paths import BOARDS
from .progress import Failure

QEMU = "UNOSQL_QEMU_RISCV"
UNIX = "UNOSQL_UNIX"


def mpy_cross():
    """Path of the mpy-cross that fits the firmware."""
    with building():
        deps.ensure("unix")
        return mpy_cross_of(fetch.source())


def unix(bits=64):
    """Path of MicroPython's unix port with unosql frozen in. bits: 64, or 32 for objects of a board's size."""
    if bits not in (32, 64):
        raise ValueError("bits is 32 or 64, not %r" % (bits,))
    with building():
        deps.ensure("unix32" if bits == 32 else "unix")
        source = fetch.source()
        variables = dict(_variables(source), VARIANT_DIR=BOARDS / UNIX, PROG="micropython")
        if bits == 32:
            variables["MICROPY_FORCE_32BIT"] = "1"
        variables["LDFLAGS_EXTRA"] = "-Wl,--build-id=none"
        return build(Product("unix" if bits == 64 else "unix32", "ports/unix", "micropython", variables), source)


def firmware(board=QEMU):
    """Path of the image of a board, a folder of boards/ with a board.json."""
    try:
        port = json.loads((BOARDS / board / "board.json").read_text())["port"]
        make_image = _PORTS[port]
    except (OSError, KeyError):
        raise Failure("no board %r to build; there are: %s" % (board, ", ".join(boards()))) from None
    with building():
        return make_image(board)


def boards():
    """Names of the boards that can be built here."""
    return sorted(file.parent.name for file in BOARDS.glob("*/board.json"))


def qemu_firmware():
    """Path of the emulated board's firmware, an ELF file for QEMU's -bios."""
    return firmware(QEMU)


def _qemu(board):
    deps.ensure("qemu")
    source = fetch.source()
    return build(qemu_product(board, source), source)


def qemu_product(board, source):
    """How the image of an emulated board is made; for callers that hold the lock."""
    variables = dict(_variables(source), BOARD=board, BOARD_DIR=BOARDS / board)
    return Product(board, "ports/qemu", "firmware.elf", variables, "riscv64-unknown-elf-gcc")


def _espressif(board):
    return espressif.image(board)


_PORTS = {"qemu": _qemu, "esp32": _espressif, "esp8266": _espressif}


def _variables(source):
    mbedtls = fetch.mbedtls(source)
    return {
        "MICROPY_MPYCROSS": mpy_cross_of(source),
        "MICROPY_MPYCROSS_DEPENDENCY": "",
        "MBEDTLS_DIR": mbedtls,
        "MPY_LIB_DIR": BOARDS,  # MicroPython wants a folder with a README.md here; nothing is taken from it
        "CFLAGS_EXTRA": path_maps(source, mbedtls),
    }
