"""`make sizes`: what the firmware costs in flash and RAM."""
from . import espressif, flash, targets
from .board import mpremote
from .elf import frozen, in_image, sections
from .emulator import Emulator
from .progress import Failure

# The modules that bring records to a sink.
FORWARD = tuple("unosql/%s.py" % name for name in (
    "sync", "mqtt", "broker", "courier", "parcel", "documents/incoming", "documents/outgoing", "documents/peers"))
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
    for package, files in (("unosql", "unosql/"), ("uzlib", "uzlib"), ("store+forward", FORWARD)):
        own = [row[1:] for row in rows if row[0].startswith(files)]
        print("  %-16s %8d%8d%8d bytes" % (package, *map(sum, zip(*own))))
    for row in rows:
        print("    %-22s %4d%8d%8d" % row)
