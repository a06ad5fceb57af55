"""Which modules become constants, and how they find each other."""
import re

from .body import Body, Missing
from .code import global_stores
from .links import link
from .values import BuiltinModule, Module, Refusal

REGISTERED = re.compile(r"\{ MP_ROM_QSTR\(MP_QSTR_(\w+)\), MP_ROM_PTR\(&(\w+)\) \}")


def read_plan(file):
    """{name: "flash", "copy" or "run"} from lines `word name`; `#` starts a comment. Refusal."""
    plan = {}
    for number, line in enumerate(file.read_text().splitlines(), 1):
        words = line.partition("#")[0].split()
        if words and (len(words) != 2 or words[0] not in ("flash", "copy", "run") or words[1] in plan):
            raise Refusal("%s:%d: error: a line is `flash`, `copy` or `run`, and the name of a module" % (file, number))
        if words:
            plan[words[1]] = words[0]
    return plan


def read_builtins(file):
    """{name: BuiltinModule} of the modules that a firmware's C registers: genhdr/moduledefs.h."""
    found = REGISTERED.findall(file.read_text())
    return {name: BuiltinModule(name, symbol) for name, symbol in found}


class Modules:
    """tool: MicroPython's mpy-tool. sources: {file name: CompiledModule} of all that is frozen. files: {file name: path}.

    plan: as of read_plan(). builtins: as of read_builtins().
    """

    def __init__(self, tool, sources, files, plan, builtins):
        self.tool = tool
        self.builtins = builtins
        self._frozen = {_dotted(name): source for name, source in sources.items()}
        self._plan = plan
        self.all = {}
        in_ram = [name for name, keeps in plan.items() if keeps != "flash"]
        for file, source in sources.items():
            name = _dotted(file)
            keeps = plan.get(name) or plan.get(name.partition(".")[0])
            if keeps:
                slot = in_ram.index(name) if name in in_ram else None
                self.all[name] = Module(name, source, files.get(file, file), keeps if name in plan else "flash", slot)
        for name in set(plan) - set(self.all):
            raise Refusal("error: there is no frozen module %s to keep in %s" % (name, plan[name]))

    def run(self):
        """Run all bodies."""
        for module in self.all.values():
            self._complete(module)
        for module in self.all.values():
            self._attach(module)
        link(self)

    def _complete(self, module):
        """Run a module's body, unless that was done, is being done, or is left to the board."""
        if module.state != "new":
            return
        module.state = "running"
        module.names["__name__"] = module.name
        if module.is_package:
            module.names["__path__"] = ".frozen/" + module.name.replace(".", "/")
        if module.keeps != "run":
            Body(self, module, module.source.raw_code, module.names).run()
        if module.keeps == "flash":
            self._check_globals(module)
        module.state = "done"

    def _check_globals(self, module):
        for code in module.bodies:
            for child in code.children:
                if child not in module.bodies:
                    for line, name in global_stores(self.tool, child):
                        raise Refusal("%s:%d: error: the global %s changes: keep it in a module in RAM" % (module.file, line, name))

    def _attach(self, module):
        """Make a module an attribute of its package: that is how an import finds it."""
        if not module.parent:
            return
        package = self.all.get(module.parent)
        if not package or not package.is_package:
            raise Refusal("%s:1: error: there is no %s/__init__.py" % (module.file, module.parent.replace(".", "/")))
        name = module.name.rpartition(".")[2]
        if package.names.setdefault(name, module) is not module:
            raise Refusal("%s:1: error: the package has another thing of the name %s" % (module.file, name))

    def imported(self, importer, name, level, wanted, body):
        """What IMPORT_NAME gives. wanted: whether names are taken from it. Missing: there is no such module."""
        if level:
            parts = importer.name.split(".")
            parts = parts[: len(parts) - level + importer.is_package]
            name = ".".join(parts + [name]) if name else ".".join(parts)
        if name in self.builtins or name[:1] == "u" and name[1:] in self.builtins and name not in self._frozen:
            return self.builtins[name if name in self.builtins else name[1:]]
        module = self._found(name, body)
        return module if wanted else self._found(name.partition(".")[0], body)

    def _found(self, name, body):
        if name in self.all:
            if "." in name:
                self._found(name.rpartition(".")[0], body)
            self._complete(self.all[name])
            return self.all[name]
        if name in self._frozen:
            body.refuse("%s is in RAM: import it in a function" % name)
        raise Missing("this firmware has no module %s" % name)

    def attribute(self, module, name, is_import, body):
        """module.name, which may be a submodule that an import finds."""
        if module.keeps == "run" and name not in module.names:
            body.refuse("%s.%s is in RAM: import the module, and look this up in a function" % (module.name, name))
        if name in module.names:
            return module.names[name]
        if "%s.%s" % (module.name, name) in self.all:
            return self._found("%s.%s" % (module.name, name), body)
        if module.state == "running":
            body.refuse("%s has no %s yet: the imports go in a circle" % (module.name, name))
        if is_import:
            raise Missing("%s has no %s" % (module.name, name))
        body.refuse("%s has no %s" % (module.name, name))


def _dotted(file):
    """The name of the module in a file."""
    name = file[:-3].replace("/", ".")
    return name[: -len(".__init__")] if name.endswith(".__init__") else name
