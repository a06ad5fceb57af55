"""`make sizes`: what the firmware costs in flash and RAM."""
import re
import subprocess

from . import targets
from .board import mpremote
from .emulator import Emulator
from .paths import MODULES
from .progress import Failure

MEMORY = """
import gc
gc.collect(); print(gc.mem_free())
import unosql.core
gc.collect(); print(gc.mem_free())
"""


def report():
    """Print image, sections, frozen modules and free heap of the emulated board's firmware, then what real boards' images take."""
    firmware = targets.qemu_firmware()
    text, data, bss = sections(firmware)
    print("image (flash)      %8d bytes" % (text + data))
    print("  code, constants  %8d" % text)
    print("  initialised data %8d" % data)
    print("static RAM (bss)   %8d, the board's stack included, the heap not" % bss)
    _report_frozen(in_image(firmware), frozen(firmware))
    with Emulator(firmware) as board:
        before, after = mpremote(board.port, "exec", MEMORY, capture=True).split()
    print("free heap          %8s after boot" % before)
    print("                   %8s after `import unosql.core`" % after)
    for line in built():
        print(line)


def built():
    """Lines on the newest image of each real board: its bytes, and each budget, as its build noted them."""
    from . import espressif, flash  # which take this module

    for board in espressif.boards():
        try:
            image = flash.newest(board)
            costs = espressif.read_costs(image.with_name(image.name.removesuffix(".bin") + ".sizes.json"))
        except Failure:
            yield "%s: not built here; make firmware BOARD=%s" % (board, board)
            continue
        yield "%s: %d bytes" % (image.name, image.stat().st_size)
        yield from ("  " + str(cost) for cost in costs)


def _report_frozen(modules, files):
    print("frozen modules     bytecode  tables    .mpy")
    rows = sorted((name, *sizes, files[name]) for name, sizes in modules.items())
    for package in ("unosql", "uzlib"):
        own = [row[1:] for row in rows if row[0].startswith(package)]
        print("  %-16s %8d%8d%8d bytes" % (package, *map(sum, zip(*own))))
    for row in rows:
        print("    %-22s %4d%8d%8d" % row)


def sections(firmware):
    """(text, data, bss) of an ELF file, bytes."""
    output = subprocess.run(["riscv64-unknown-elf-size", str(firmware)], check=True, capture_output=True, text=True)
    return tuple(int(n) for n in output.stdout.splitlines()[1].split()[:3])


def image(firmware):
    """Bytes of flash that the firmware takes."""
    text, data, _ = sections(firmware)
    return text + data


def in_image(firmware):
    """{module of modules/: (bytes of bytecode, bytes of its tables)} in an image.

    Bytecode is code with its line numbers; tables are the constants and names it refers
    to. Strings that modules share are not counted.
    """
    command = ["riscv64-unknown-elf-nm", "-S", str(firmware.parent / "obj" / "frozen_content.o")]
    symbols = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {str(f.relative_to(MODULES)): _mangled(f.relative_to(MODULES)) for f in MODULES.rglob("*.py")}
    owner = re.compile("(.*?)_(%s)(?:_|$)" % "|".join(sorted(names.values(), key=len, reverse=True)))
    totals = {mangled: [0, 0] for mangled in names.values()}
    for fields in map(str.split, symbols.splitlines()):
        if len(fields) == 4 and (match := owner.match(fields[3])):
            totals[match[2]][match[1] != "fun_data"] += int(fields[1], 16)
    return {name: tuple(totals[mangled]) for name, mangled in names.items()}


def _mangled(path):
    """A module's name as MicroPython's freezing tool puts it into symbols."""
    return str(path.with_suffix("")).replace("/", "_")


def frozen(firmware):
    """{module of modules/: bytes of its .mpy}, as mpy-cross compiled it for this firmware."""
    folder = firmware.parent / "obj" / "frozen_mpy"
    sources = sorted(MODULES.rglob("*.py"))
    return {str(f.relative_to(MODULES)): (folder / f.relative_to(MODULES)).with_suffix(".mpy").stat().st_size
            for f in sources}
