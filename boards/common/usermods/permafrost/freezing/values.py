"""What a module's body makes when it is run at build time. All else is a constant of Python's own, or a tuple of these."""


class Refusal(Exception):
    """Something can't be a constant. The message is one line: file:line: error: what."""


class Module:
    """A module that becomes constants. source: a CompiledModule of mpy-tool. keeps: "flash", "copy" or "run".

    name: dotted. is_package: of a folder. names: its globals. slot: of a module in RAM, the number of its place there.
    """

    def __init__(self, name, source, file, keeps, slot=None):
        self.name = name
        self.source = source
        self.file = file
        self.keeps = keeps
        self.slot = slot
        self.is_package = file.endswith("__init__.py")
        self.names = {}
        self.state = "new"  # then "running", then "done"
        self.borrowed = set()  # names that it has from others
        self.linked = set()  # names that its functions have as constants
        self.bodies = set()  # raw codes of the module and its classes: they run here, and nowhere else

    @property
    def parent(self):
        return self.name.rpartition(".")[0]


class Builtin:
    """An object of the firmware's C. symbol: its name there."""

    def __init__(self, name, symbol):
        self.name = name
        self.symbol = symbol


class BuiltinModule(Builtin):
    """Its attributes are known at run time only."""


class BuiltinType(Builtin):
    """A class that a class can be made from."""


class Borrowed:
    """On its way from another module to a name in this one."""

    def __init__(self, value):
        self.value = value


class Function:
    """code: a RawCode of mpy-tool. defaults: a tuple. keywords: {name: default}. closed: Cells, of a closure."""

    def __init__(self, module, code, defaults=(), keywords=None, closed=()):
        self.module = module
        self.code = code
        self.defaults = defaults
        self.keywords = keywords or {}
        self.closed = closed


class Cell:
    """What a method that says super() knows its class by."""

    value = None


class Class:
    def __init__(self, module, code, name, bases, names):
        self.module = module
        self.code = code
        self.name = name
        self.bases = bases
        self.names = names

    def find(self, name):
        """Return (whether there is such an attribute, its value)."""
        if name in self.names:
            return True, self.names[name]
        inherited = (base.find(name) for base in self.bases if isinstance(base, Class))
        return next((found for found in inherited if found[0]), (False, None))


class Method:
    """kind: "staticmethod" or "classmethod"."""

    def __init__(self, kind, function):
        self.kind = kind
        self.function = function


class Property:
    PARTS = ("getter", "setter", "deleter")

    def __init__(self, getter=None, setter=None, deleter=None):
        self.parts = (getter, setter, deleter)

    def changed(self, part, function):
        parts = list(self.parts)
        parts[self.PARTS.index(part)] = function
        return Property(*parts)


class Unique:
    """What object() makes."""


class Dict:
    """A dict that can only be read. items: [(key, value)]."""

    def __init__(self):
        self.items = []

    def put(self, key, value):
        self.items = [item for item in self.items if (type(item[0]), item[0]) != (type(key), key)] + [(key, value)]


class Mutable:
    """A list or a set: of use only within the expression that makes it. items: a list."""

    def __init__(self, kind, items):
        self.kind = kind
        self.items = items


def is_plain(value):
    """Whether Python's own operators know what MicroPython would make of this."""
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    return value is None or value is ... or isinstance(value, (bool, int, str, bytes, float, complex))


def is_true(value):
    if isinstance(value, (Dict, Mutable)):
        return bool(value.items)
    return bool(value)
