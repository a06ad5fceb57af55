"""Builds the images of ESP32 and ESP8266 boards, and says what they cost against their budgets."""
import json
import os
import re
import shlex
import shutil
import subprocess
from typing import NamedTuple

from . import build, deps, elf, fetch, info, partitions, pins, toolchains, worktree
from .commands import Commands
from .paths import BOARDS, BUILD, ROOT, VENV, shown
from .progress import Failure, say

IMAGES = BUILD / "images"
PARTITIONS = BOARDS / "common" / "esp32" / "partitions.csv"
GCC = {"esp32": "xtensa-esp32-elf-gcc", "esp32s3": "xtensa-esp32s3-elf-gcc", "esp32c3": "riscv32-esp-elf-gcc"}
# What make leaves -> its ending in a release, as MicroPython names them.
PRODUCTS = {
    "esp32": {"firmware.bin": "bin", "micropython.bin": "app-bin", "micropython.elf": "elf",
              "micropython.map": "map", "micropython.uf2": "uf2"},
    "esp8266": {"firmware.bin": "bin", "firmware.elf": "elf", "firmware.map": "map"},
}
# Bytes that unosql takes in an ESP8266's image, bytecode and C. docs/DESIGN.md, Costs, has what becomes of that.
IMAGE_BUDGET = 130000
# Of these, bytes of frozen Python: bytecode, and the tables that loading would make on the heap. Its .mpy files have some 9 %
# more: names and constants once for each file, and what only loading needs.
FROZEN_BUDGET = 120000
# Bytes that unosql takes in the image of an ESP32, with the modules of LARGE too.
LARGE_BUDGET = 150000
LARGE = frozenset(line for line in (BOARDS / "large.txt").read_text().splitlines() if not line.startswith("#"))
ESP8266_FLASH = 2 << 20  # bytes, at the least
ESP8266_FLASH_SIZES = {0: 512 << 10, 1: 256 << 10, 2: 1 << 20, 3: 2 << 20, 4: 4 << 20, 8: 8 << 20, 9: 16 << 20}
ESP8266_IRAM = 32 * 1024
ESP8266_DRAM = 80 * 1024
IROM0 = re.compile(r"irom0_0_seg\s*:.*len = ([^\n}]+)")


class Cost(NamedTuple):
    """budget: bytes that there are."""

    what: str
    used: int
    budget: int

    def __str__(self):
        return "%-26s %9d of %9d bytes, %3d %%" % (*self, 100 * self.used // self.budget)


def image(board, dry=False):
    """Path of the image that gets flashed, build/images/BOARD-YYYYMMDD-vX.Y.Z.bin; other products beside it.

    dry: print what would be run, and None. Failure when a toolchain or MicroPython's
    submodules cannot be had, or the image is larger than what the chip has.
    """
    if board not in boards():
        raise Failure("%s is no board with a chip of Espressif's; there are: %s" % (board, ", ".join(boards())))
    port = facts(board)["port"]
    source = fetch.planned_source() if dry else fetch.complete_source(port)
    product = _PRODUCT[port](board, source, Commands(dry))
    if port == "esp32":
        source = _writable(board, source, dry)
    if dry:
        settings = ["%s=%s" % item for item in product.environment.items()]
        print(shlex.join(["env"] + settings + build.command(product, source)))
        return None
    home = build.build(product, source).parent
    costs = _COSTS[port](home, source, product)
    over = [cost.what for cost in costs if cost.used > cost.budget]
    costs.append(frozen_cost(board, home))  # a budget of ours, which a test keeps; the others are the chip's
    say_costs(costs)
    if over:
        raise Failure("%s is too big: over budget in %s" % (board, ", ".join(over)))
    return _publish(board, port, home, costs)


def say_costs(costs):
    """Print each of costs with its budget."""
    for cost in costs:
        say(str(cost))


def emulated_costs(firmware):
    """The costs of the emulated board's image, as if it were an ESP32's, and of that in it which an ESP8266's has."""
    modules, native = elf.in_image(firmware), sum(elf.native(firmware).values())
    small = sum(sum(sizes) for name, sizes in modules.items() if name not in LARGE)
    return [application_cost(elf.image(firmware)),
            Cost("unosql in the image", sum(map(sum, modules.values())) + native, LARGE_BUDGET),
            Cost("unosql, ESP8266", small + native, IMAGE_BUDGET),
            Cost("its frozen Python, ESP8266", small, FROZEN_BUDGET)]


def facts(board):
    """What the board's board.json says."""
    return json.loads((BOARDS / board / "board.json").read_text())


def boards():
    """Names of the boards with a chip of Espressif's."""
    return sorted(file.parent.name for file in BOARDS.glob("*/board.json")
                  if facts(file.parent.name)["port"] in PRODUCTS)


def _esp32(board, source, commands):
    if tuple(map(int, source.version.split(".")[:2])) < pins.ESP_IDF_SINCE:
        raise Failure("%s needs MicroPython %d.%d or later: %s does not build with ESP-IDF %s" % (
            board, *pins.ESP_IDF_SINCE, source.version, pins.ESP_IDF.tag))
    if not commands.dry:
        deps.ensure("esp32")
    environment = toolchains.esp_idf(commands)
    environment["MICROPY_MPYCROSS"] = str(_mpy_cross(source, commands))
    variables = {"BOARD": board, "BOARD_DIR": BOARDS / board}
    return build.Product(board, "ports/esp32", "firmware.bin", variables, GCC[facts(board)["mcu"]],
                         environment=environment)


def _writable(board, source, dry):
    folder = BUILD / source.key / board / "tree"
    if dry:
        print("# %s: a copy of %s, beside links to all else" % (shown(folder / "ports" / "esp32"), shown(source.path / "ports" / "esp32")))
        return source._replace(path=folder)
    return worktree.writable(source, "esp32", folder)


def _esp8266(board, source, commands):
    if not commands.dry:
        deps.ensure("unix")
        deps.venv_python()
    programs = toolchains.esp8266(commands)
    variables = {
        "BOARD": board, "BOARD_DIR": BOARDS / board,
        "MICROPY_MPYCROSS": _mpy_cross(source, commands), "MICROPY_MPYCROSS_DEPENDENCY": "",
        "ESPTOOL": "%s --chip esp8266" % (VENV / "bin" / "esptool"),
        # This compiler is too old for -ffile-prefix-map; no path but those of debug information enters an image.
        "CFLAGS_EXTRA": " ".join("-fdebug-prefix-map=%s=%s" % pair for pair in (
            (source.path, "micropython"), (ROOT, "unosql"))),
    }
    return build.Product(board, "ports/esp8266", "firmware.bin", variables, toolchains.ESP8266_GCC,
                         environment={"PATH": "%s:%s" % (programs, os.environ["PATH"])})


def _mpy_cross(source, commands):
    return build.mpy_cross_of(source) if not commands.dry else BUILD / source.key / "mpy-cross" / "mpy-cross"


def _esp32_costs(home, source, product):
    return [application_cost((home / "obj" / "micropython.bin").stat().st_size)]


def application_cost(used):
    """The cost of an application of so many bytes in an ESP32's partition."""
    partition = next(part for part in partitions.read_csv(PARTITIONS) if part.name == "factory")
    return Cost("application", used, partition.size)


def _esp8266_costs(home, source, product):
    sections = _sections(home / "obj" / "firmware.elf", product)
    script = source.path / product.folder / "boards" / "esp8266_2MiB.ld"
    return [
        Cost("code in flash (irom0)", sections[".irom0.text"], irom0_size(script.read_text())),
        Cost("code in RAM (iram)", sections[".text"], ESP8266_IRAM),
        Cost("static RAM, heap included", sum(sections[name] for name in (".data", ".rodata", ".bss")), ESP8266_DRAM),
    ]


def irom0_size(script):
    """Bytes of the segment irom0_0_seg of a linker script, whose length is a sum like 1M - 36K."""
    terms = re.findall(r"([+-]?)\s*(\d+)([KM]?)", IROM0.search(script)[1])
    return sum((-1 if sign == "-" else 1) * int(n) * {"": 1, "K": 1 << 10, "M": 1 << 20}[unit]
               for sign, n, unit in terms)


def _sections(elf, product):
    size = shutil.which(product.compiler.replace("gcc", "size"), path=product.environment["PATH"])
    output = subprocess.run([size, "-A", str(elf)], check=True, capture_output=True, text=True)
    return section_sizes(output.stdout)


def section_sizes(output):
    """{section: bytes} from what `size -A` prints."""
    rows = (line.split() for line in output.splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def write_costs(file, costs):
    """Keep costs for the size table of a release."""
    file.write_text(json.dumps([cost._asdict() for cost in costs], indent=2) + "\n")


def read_costs(file):
    """The costs that write_costs() kept. Failure when there are none."""
    try:
        return [Cost(**fields) for fields in json.loads(file.read_text())]
    except (OSError, ValueError, TypeError):
        raise Failure("%s does not tell what its image takes" % shown(file)) from None


def frozen_cost(board, home):
    """What unosql's own bytecode takes in an image of board built in home, near enough."""
    budget = FROZEN_BUDGET if facts(board)["port"] == "esp8266" else LARGE_BUDGET
    return Cost("unosql's .mpy files", sum(elf.frozen(home / "firmware.bin").values()), budget)


def _publish(board, port, home, costs):
    IMAGES.mkdir(exist_ok=True)
    write_costs(IMAGES / (info.image_name(board) + ".sizes.json"), costs)
    for made, ending in PRODUCTS[port].items():
        if (home / "obj" / made).exists():
            shutil.copy2(home / "obj" / made, IMAGES / ("%s.%s" % (info.image_name(board), ending)))
    result = IMAGES / (info.image_name(board) + ".bin")
    if port == "esp8266":
        mark_flash_size(home / "obj" / "firmware.bin", result)
    say("%s: %d bytes" % (shown(result), result.stat().st_size))
    return result


def mark_flash_size(image, result):
    """Write an ESP8266's image as result, with the smallest flash that our boards have in its header.

    elf2image puts 1 MiB there, the SDK takes the flash for as large as the header says, and on 1 MiB there is neither a
    filesystem nor unosql's partition. `make flash` puts the true size in its place; the page flashes images as they are.
    """
    Commands().run(deps.venv_python(), "-m", "esptool", "--chip", "esp8266", "merge-bin", "-o", result,
                   "--flash-size", "%dMB" % (ESP8266_FLASH >> 20), "0x0", image, quiet=True)
    if flash_size_of(result) != ESP8266_FLASH:
        raise Failure("esptool has not put the flash's size into %s" % shown(result))


def flash_size_of(image):
    """Bytes of flash that the header of an ESP8266's image tells (esptool's documentation, "Firmware Image Format")."""
    return ESP8266_FLASH_SIZES.get(image.read_bytes()[3] >> 4)


_PRODUCT = {"esp32": _esp32, "esp8266": _esp8266}
_COSTS = {"esp32": _esp32_costs, "esp8266": _esp8266_costs}
