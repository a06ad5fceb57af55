"""What is in a firmware, as the tools of its compiler tell it."""
import re
import subprocess

from .paths import BOARDS, MODULES

USERMODS = BOARDS / "common" / "usermods"


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
    names = {name: name.removesuffix(".py").replace("/", "_") for name in frozen(firmware)}
    owner = re.compile("(.*?)_(%s)(?:_|$)" % "|".join(sorted(names.values(), key=len, reverse=True)))
    totals = {mangled: [0, 0] for mangled in names.values()}
    for fields in map(str.split, symbols.splitlines()):
        if len(fields) == 4 and (match := owner.match(fields[3])):
            totals[match[2]][match[1] != "fun_data"] += int(fields[1], 16)
    return {name: tuple(totals[mangled]) for name, mangled in names.items()}


def frozen(firmware):
    """{module of modules/: bytes of its .mpy}, as mpy-cross compiled it for this firmware."""
    folder = firmware.parent / "obj"
    names = re.findall(r'^ +"([\w/]+\.py)\\0"', (folder / "frozen_content.c").read_text(), re.M)
    return {name: (folder / "frozen_mpy" / name).with_suffix(".mpy").stat().st_size for name in names if (MODULES / name).exists()}


def native(firmware):
    """{folder of boards/common/usermods: bytes of its C in an image}."""
    folders = [file.parent.name for file in USERMODS.glob("*/micropython.mk")]
    return {name: sum(map(image, (firmware.parent / "obj" / name).glob("*.o"))) for name in folders}
