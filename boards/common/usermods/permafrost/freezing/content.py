"""The frozen_content.c of a firmware: as mpy-tool writes it, with modules as constants."""
import contextlib
import importlib.util
import io
import sys
from pathlib import Path

from .emit import HEAD, Emitter
from .modules import Modules, read_builtins, read_plan


def load(path, name):
    """Import a script of MicroPython's as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def freeze(path, arguments, plan, moduledefs, files):
    """What mpy-tool prints for its arguments, as text. Refusal.

    path: of mpy-tool.py. plan: the file that says what becomes constant. files: {file name in the firmware: path}.
    """
    sys.path.insert(0, str(Path(path).parent))
    tool = load(path, "mpy_tool")
    whole = tool.freeze_mpy

    def freeze_mpy(known, sources):
        modules = Modules(tool, {s.source_file.str: s for s in sources}, files, read_plan(plan), read_builtins(moduledefs))
        modules.run()
        _replace(tool, modules, sources)
        print('#pragma GCC diagnostic ignored "-Wunused-const-variable"')  # what only bodies need
        whole(known, sources)

    tool.freeze_mpy = freeze_mpy
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        tool.main(arguments)
    return text.getvalue()


def _replace(tool, modules, sources):
    """Let the sources that become constants write these: the code each its own, what refers to it at last."""
    emitter = Emitter(tool, print)
    own = [module for module in modules.all.values() if module.keeps != "run"]
    for module in modules.all.values():
        for text in (module.name, module.names.get("__path__", ""), *module.name.split("."), *module.names):
            if not tool.global_qstrs.find_by_str(text):
                tool.global_qstrs.add(text)
    for module in own:
        module.source.freeze = lambda _, module=module: emitter.code(module)
    last = sources[-1]
    freeze_last = last.freeze

    def freeze_all(index):
        freeze_last(index)
        _write(emitter, modules, own)

    last.freeze = freeze_all


def _write(emitter, modules, own):
    print(HEAD)
    emitter.declare(own)
    for module in modules.all.values():
        emitter.module(module)
    for module in own:
        print("#define frozen_module_%s permafrost_gone" % module.source.escaped_name)
    _write_packages(emitter, modules)
    _write_slots(emitter, modules)


def _write_packages(emitter, modules):
    print("const permafrost_package_t permafrost_packages[] = {")
    for module in modules.all.values():
        if not module.parent:
            print("    {MP_QSTR_%s, (const mp_obj_module_t *)%s}," % (module.name, emitter.address(module)))
    print("    {0, NULL},\n};")


def _write_slots(emitter, modules):
    """What modules in RAM begin with; their number is their place."""
    slots = sorted((module for module in modules.all.values() if module.keeps != "flash"), key=lambda module: module.slot)
    print('_Static_assert(%d <= PERMAFROST_SLOTS, "more modules in RAM than PERMAFROST_SLOTS");' % len(slots))
    print("const permafrost_slot_t permafrost_contents[] = {")
    for module in slots:
        body = "&proto_fun_" + module.source.raw_code.escaped_name if module.keeps == "run" else "NULL"
        print("    {MP_QSTR_%s, %s, &permafrost_names_%s, %s}," % (
            module.name.partition(".")[0], emitter.constants(module), module.source.escaped_name, body))
    print("    {0},\n};")
