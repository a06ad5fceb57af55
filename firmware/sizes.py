"""`make sizes`: what the firmware costs in flash and RAM."""
import subprocess

from . import targets
from .board import mpremote
from .emulator import Emulator
from .paths import MODULES

MEMORY = """
import gc
gc.collect(); print(gc.mem_free())
import unosql.core
gc.collect(); print(gc.mem_free())
"""


def report():
    """Print image, sections, frozen modules and free heap of the emulated board's firmware."""
    firmware = targets.qemu_firmware()
    text, data, bss = sections(firmware)
    print("image (flash)      %8d bytes" % (text + data))
    print("  code, constants  %8d" % text)
    print("  initialised data %8d" % data)
    print("static RAM (bss)   %8d bytes, the board's stack included, the heap not" % bss)
    modules = frozen(firmware)
    print("frozen bytecode    %8d bytes" % sum(modules.values()))
    for name, size in sorted(modules.items()):
        print("  %-17s%8d" % (name, size))
    with Emulator(firmware) as board:
        before, after = mpremote(board.port, "exec", MEMORY, capture=True).split()
    print("free heap          %8s bytes after boot" % before)
    print("                   %8s after `import unosql.core`" % after)


def sections(firmware):
    """(text, data, bss) of an ELF file, bytes."""
    output = subprocess.run(["riscv64-unknown-elf-size", str(firmware)], check=True, capture_output=True, text=True)
    return tuple(int(n) for n in output.stdout.splitlines()[1].split()[:3])


def image(firmware):
    """Bytes of flash that the firmware takes."""
    text, data, _ = sections(firmware)
    return text + data


def frozen(firmware):
    """{module of modules/: bytes of its .mpy}, as mpy-cross compiled it for this firmware."""
    folder = firmware.parent / "obj" / "frozen_mpy"
    sources = sorted(MODULES.rglob("*.py"))
    return {str(f.relative_to(MODULES)): (folder / f.relative_to(MODULES)).with_suffix(".mpy").stat().st_size
            for f in sources}
