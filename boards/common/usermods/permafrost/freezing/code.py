"""Bytecode as mpy-tool reads it: instructions, lines, and what functions do to their module's globals."""
from typing import NamedTuple


class Instruction(NamedTuple):
    """name: as mpy-tool has it, without the number that some have. argument: a number, or a name. target: of a jump."""

    at: int
    name: str
    argument: object
    extra: int
    target: int
    after: int


def instructions(tool, code):
    """{offset: Instruction} of a RawCode."""
    found = {}
    at = code.offset_opcodes
    while at < len(code.fun_data):
        form, size, argument, extra = tool.mp_opcode_decode(code.fun_data, at)
        name, _, rest = tool.Opcode.mapping[code.fun_data[at]].partition(" ")
        if rest:  # the number is part of the opcode
            argument = int(rest.split()[0])
        if form == tool.MP_BC_FORMAT_QSTR:
            argument = code.qstr_table[argument].str
        target = at + size + argument if form == tool.MP_BC_FORMAT_OFFSET else None
        found[at] = Instruction(at, name, argument, extra, target, at + size)
        at += size
    return found


def line_of(code, at):
    """The source line of the instruction at an offset (py/bc.c, mp_bytecode_get_source_line)."""
    info = code.fun_data[code.offset_line_info : code.offset_closure_info]
    offset, line, i = at - code.offset_opcodes, 1, 0
    while i < len(info):
        if info[i] & 0x80:
            skip, lines = info[i] & 0x0F, (info[i] << 4 & 0x700) | info[i + 1]
            i += 2
        else:
            skip, lines = info[i] & 0x1F, info[i] >> 5
            i += 1
        if offset < skip:
            break
        offset -= skip
        line += lines
    return line


def local_cells(code):
    """Numbers of the local variables that functions within code share with it."""
    return list(code.fun_data[code.offset_closure_info : code.offset_opcodes])


def global_stores(tool, code):
    """Yield (line, name) of each global that a function, or one within it, sets or deletes."""
    for instruction in instructions(tool, code).values():
        if instruction.name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield line_of(code, instruction.at), instruction.argument
    for child in code.children:
        yield from global_stores(tool, child)
