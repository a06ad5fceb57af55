"""Links the functions of modules in flash: what they look up by name, and can't change, becomes a constant of theirs.

A look-up of a global takes as many bytes of bytecode as a constant, so that nothing moves: LOAD_GLOBAL name, in which the name
is a number in the module's table of names, becomes LOAD_CONST_OBJ with a number in its table of objects, or for a small number
LOAD_CONST_SMALL_INT with that. Then most names of a module are nobody's, and leave its tables.
"""
from .body import BUILTINS
from .code import instructions
from .values import BuiltinModule, Module, is_plain

UNSURE = ("complex", "float", "set", "StopAsyncIteration", "ViperTypeError")  # builtins that not every firmware has


def link(modules):
    """Change the code and the tables of all modules that become constants."""
    for module in modules.all.values():
        if module.keeps != "run":
            _drop_objects(modules.tool, module)
        if module.keeps == "flash":
            _link(modules.tool, module)
    late = {}
    for module in modules.all.values():
        for asked, name in _late(modules.tool, module):
            late.setdefault(asked, set()).add(name)
    for module in modules.all.values():
        if module.keeps == "flash":
            asked = late.get(None, set()).union(late.get(module.name, ()), _unlinked(modules.tool, module))
            module.names = {name: value for name, value in module.names.items() if _is_public(module, name, asked)}
        if module.keeps != "run":
            _drop_names(modules.tool, module)


def functions(module):
    """The raw codes of a module's functions, but those of bodies."""
    found, codes = [], [module.source.raw_code]
    for code in codes:
        codes.extend(code.children)
        if module.keeps == "run" or code not in module.bodies:
            found.append(code)
    return found


def _link(tool, module):
    table = Table(module)
    for code in functions(module):
        for instruction in instructions(tool, code).values():
            if instruction.name == "LOAD_GLOBAL" and _is_known(module, instruction.argument):
                value = module.names.get(instruction.argument, BUILTINS.get(instruction.argument))
                constant = _constant(tool, table, value, instruction.after - instruction.at - 1)
                if constant:
                    module.linked.add(instruction.argument)
                    _patch(code, instruction.at, constant)


def _constant(tool, table, value, size):
    """The instruction that loads value, its operand in size bytes; None when it takes more."""
    if type(value) is int and -1 << 7 * size - 1 <= value < 1 << 7 * size - 1:
        return bytes((tool.Opcode.MP_BC_LOAD_CONST_SMALL_INT,)) + _padded(value & (1 << 7 * size) - 1, size)
    number = _padded(table.number(value), size)
    if number:
        table.take(value)
        return bytes((tool.Opcode.MP_BC_LOAD_CONST_OBJ,)) + number


def _is_known(module, name):
    return name in module.names or name in BUILTINS and name not in UNSURE


class Table:
    """The objects that the code of a module refers to by number."""

    def __init__(self, module):
        self._objects = module.source.obj_table
        self._numbers = {}

    def number(self, value):
        """The number that value has, or would get."""
        return self._numbers.get(self._identity(value), len(self._objects))

    def take(self, value):
        """Give value a number, if it has none."""
        if self._identity(value) not in self._numbers:
            self._numbers[self._identity(value)] = len(self._objects)
            self._objects.append(value)

    def _identity(self, value):
        return (type(value), repr(value)) if is_plain(value) else id(value)


def _padded(number, size):
    """number as MicroPython's bytecode has it, in size bytes; None when it takes more."""
    if number >> 7 * size:
        return None
    return bytes(number >> 7 * i & 0x7F | (0x80 if i else 0) for i in reversed(range(size)))


def _patch(code, at, new):
    code.fun_data = code.fun_data[:at] + new + code.fun_data[at + len(new):]


def _late(tool, module):
    """Yield (module, name) of what a module's code asks modules for while it runs: right after it has named one, and in functions that import.

    module: its name; None: any.
    """
    for code in functions(module):
        found, named = list(instructions(tool, code).values()), False
        imports = any(instruction.name == "IMPORT_NAME" for instruction in found)
        for name, argument in ((instruction.name, instruction.argument) for instruction in found):
            if name == "IMPORT_FROM" or name in ("LOAD_ATTR", "LOAD_METHOD") and (imports or named is None):
                yield None, argument
            elif name in ("LOAD_ATTR", "LOAD_METHOD") and named:
                yield named.name, argument
            value = module.source.obj_table[argument] if name == "LOAD_CONST_OBJ" else False
            named = None if name == "LOAD_GLOBAL" else isinstance(value, Module) and value


def _unlinked(tool, module):
    """Names that a module's functions look up: there was no room for their constants' numbers."""
    for code in functions(module):
        for instruction in instructions(tool, code).values():
            if instruction.name == "LOAD_GLOBAL":
                yield instruction.argument


def _is_public(module, name, asked):
    """Whether a name of a module may be asked for: not what is its own, nor what it has of others for its functions."""
    if name in asked or name.startswith("__"):
        return True
    return not name.startswith("_") and not (name in module.linked and _is_borrowed(module, name))


def _is_borrowed(module, name):
    """Whether a module has this of another, and it is no part of it."""
    value = module.names[name]
    if isinstance(value, Module):
        return value.parent != module.name
    return isinstance(value, BuiltinModule) or name in module.borrowed


def _drop_names(tool, module):
    """Leave only the names that a module's functions use in the table that they find them in; and the first, its file's, for tracebacks."""
    used = sorted({0} | {number for code in functions(module) for _, number, _ in _names(tool, code)})
    numbers = {number: new for new, number in enumerate(used)}
    for code in functions(module):
        _renumber(code, _names(tool, code), numbers)
        code.names = tuple(numbers[number] for number in code.names)
    module.source.qstr_table[:] = [module.source.qstr_table[number] for number in used]


def _drop_objects(tool, module):
    """Leave only the objects that a module's functions use: bodies have run."""
    used = sorted({number for code in functions(module) for _, number, _ in _objects(tool, code)})
    numbers = {number: new for new, number in enumerate(used)}
    for code in functions(module):
        _renumber(code, _objects(tool, code), numbers)
    module.source.obj_table[:] = [module.source.obj_table[number] for number in used]


def _renumber(code, found, numbers):
    for at, number, size in found:
        _patch(code, at, _padded(numbers[number], size))


def _objects(tool, code):
    """(offset, number, bytes) of each object that a function's instructions name."""
    at, found = code.offset_opcodes, []
    while at < len(code.fun_data):
        _, size, argument, _ = tool.mp_opcode_decode(code.fun_data, at)
        if code.fun_data[at] == tool.Opcode.MP_BC_LOAD_CONST_OBJ:
            found.append((at + 1, argument, _size(code.fun_data, at + 1)))
        at += size
    return found


def _names(tool, code):
    """(offset, number, bytes) of each name in a function: its own, those of its arguments, and those of its instructions."""
    at, found = code.offset_source_info, []
    for number in code.names:
        size = _size(code.fun_data, at)
        found.append((at, number, size))
        at += size
    at = code.offset_opcodes
    while at < len(code.fun_data):
        form, size, argument, _ = tool.mp_opcode_decode(code.fun_data, at)
        if form == tool.MP_BC_FORMAT_QSTR:
            found.append((at + 1, argument, _size(code.fun_data, at + 1)))
        at += size
    return found


def _size(data, at):
    end = at
    while data[end] & 0x80:
        end += 1
    return end + 1 - at
