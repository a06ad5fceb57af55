"""The layers of docs/DESIGN.md: what imports, names or uses something of another module does so downwards only."""
import ast
import importlib
import re

import pytest
from here import ROOT

import coverage_gate

PACKAGE = ROOT / "modules" / "unosql"
DESIGN = ROOT / "docs" / "DESIGN.md"
# Words that are also the name of a module above: {(module, word): why that is no matter}.
WORDS = {("shared", "flash"): "the name of a lock", ("kv.store", "verify"): "the name of a method"}
# What the layers above use of a store. A dozen names are enough for the documents, and it stays at that.
DOCUMENTS_USE = {"get", "peek", "expect_peeks", "scan", "apply", "begin", "commit", "rollback", "flush", "is_short", "export", "import_"}
API_USES = {"open", "storage", "close", "ready", "flush_buffered", "memtable", "rekeying", "compacting", "trim", "verify", "stats"}


def layers():
    """[(name, [its modules])] from the table under "## Layers", the highest first; `kv/store` stands for kv.store."""
    section = DESIGN.read_text().split("## Layers")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| ") and "`" in line]
    return [(row[1].strip(), [name.replace("/", ".") for name in re.findall(r"`([\w/]+)`", row[2])]) for row in rows]


LAYERS = dict(layers())
HEIGHT = {module: -i for i, modules in enumerate(LAYERS.values()) for module in modules}


def dotted(path, package=PACKAGE):
    """The name of a module within the package, as kv.store; of a folder's __init__.py that of the folder."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(package=PACKAGE):
    """{name: path} of all modules, in folders as well, but not of the package's own __init__.py."""
    return {dotted(path, package): path for path in sorted(package.rglob("*.py")) if path != package / "__init__.py"}


MODULES = modules_of()


def tree(path):
    return ast.parse(path.read_text())


def imports(module, modules=MODULES):
    """(module imported, names taken from it) of every import of our own, those within functions included."""
    path = modules[module]
    home = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "unosql"):
            parts = home[: len(home) + 1 - node.level] if node.level else []
            name = ".".join(parts + [part for part in (node.module or "").split(".") if part and (node.level or part != "unosql")])
            yield from _taken(name, [alias.name for alias in node.names], modules)
        elif isinstance(node, ast.Import):
            yield from [(a.name.split(".", 1)[1], []) for a in node.names if a.name.startswith("unosql.")]


def _taken(name, names, modules):
    """Names taken from a folder may be modules; the others are its own, or those of a module."""
    inner = [n for n in names if (name + "." + n).lstrip(".") in modules]
    yield from [((name + "." + n).lstrip("."), []) for n in inner]
    if name and len(inner) < len(names):
        yield name, [n for n in names if n not in inner]


def upwards(module, modules=MODULES, height=HEIGHT):
    return sorted({name for name, _ in imports(module, modules) if height[name] > height[module]})


def named_above(module, modules=MODULES, height=HEIGHT):
    """Strings that name a module above: what goes upwards without an import. Docstrings may do so."""
    nodes = list(ast.walk(tree(modules[module])))
    bodies = [n.body[0] for n in nodes if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef)) and n.body]
    docstrings = {id(statement.value) for statement in bodies if isinstance(statement, ast.Expr)}
    strings = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docstrings}
    above = {name.split(".")[-1] for name in modules if height[name] > height[module]}
    return sorted(word for word in strings if word.split(".")[-1] in above and (module, word) not in WORDS)


def test_the_table_has_every_module_and_no_other():
    assert sorted(HEIGHT) == sorted(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards(module):
    assert not upwards(module), "%s imports of a higher layer" % module


@pytest.mark.parametrize("module", MODULES)
def test_no_string_names_a_module_above(module):
    assert not named_above(module), "%s names modules of a higher layer" % module


def test_folders_are_seen(tmp_path):
    """A module in a folder that reaches upwards is found, however it says so."""
    (tmp_path / "kv").mkdir()
    sources = {"__init__": "", "base": "", "kv/__init__": "", "kv/store": "from ..top import x\nfrom .. import base\nfrom . import log\n",
               "kv/log": "from unosql import top\nimport unosql.base\n", "kv/files": 'above = ["unosql.top", "store"]\n', "top": "from .kv import store"}
    for name, source in sources.items():
        (tmp_path / (name + ".py")).write_text(source)
    found = modules_of(tmp_path)
    assert sorted(found) == ["base", "kv", "kv.files", "kv.log", "kv.store", "top"]
    height = {"base": 0, "kv": 1, "kv.files": 1, "kv.log": 1, "kv.store": 2, "top": 3}
    assert [upwards(name, found, height) for name in ("kv.store", "kv.log", "top")] == [["top"], ["top"], []]
    assert sorted(name for name, _ in imports("kv.store", found)) == ["base", "kv.log", "top"]
    assert named_above("kv.files", found, height) == ["store", "unosql.top"]


def nested(module, seen):
    """How deep imports nest when a module is imported, its own included; seen: what has been imported."""
    if module in seen:
        return 0
    seen.add(module)
    order = [name for node in tree(MODULES[module]).body if isinstance(node, ast.ImportFrom) for name in _imported(module, node)]
    return 1 + max([nested(name, seen) for name in order] + [0])


def _imported(module, node):
    """The modules that an import statement loads, folders before what is in them."""
    home = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    parts = home[: len(home) + 1 - node.level] + (node.module.split(".") if node.module else [])
    names = [".".join(parts[:i]) for i in range(1, len(parts) + 1)] + [".".join([*parts, alias.name]) for alias in node.names]
    return [name for name in names if name in MODULES]


def test_no_import_nests_deep():
    """upwards.py sees to that, which the package imports before core."""
    assert nested("core", set()) > 9
    seen = set()
    assert nested("upwards", seen) <= 6 and nested("core", seen) <= 6


def test_no_import_goes_in_a_circle():
    needs = {module: {name for name, _ in imports(module)} for module in MODULES}
    while needs:
        free = [module for module in needs if not needs[module] & set(needs)]
        assert free, "these import each other: %s" % ", ".join(sorted(needs))
        for module in free:
            del needs[module]


# -- what a module may touch of others


def used_of_stores(layer):
    """The attributes that a layer's modules use of what they call store or _store."""
    for module in LAYERS[layer]:
        for node in ast.walk(tree(MODULES[module])):
            if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute)):
                owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
                if owner in ("store", "_store"):
                    yield node.attr


def test_the_documents_use_a_dozen_names_of_the_store():
    assert set(used_of_stores("documents")) == DOCUMENTS_USE and len(DOCUMENTS_USE) <= 12
    assert set(used_of_stores("api")) == API_USES and len(API_USES) <= 12


def test_the_documents_import_nothing_of_the_store():
    below = set(LAYERS["store"] + LAYERS["envelope"] + LAYERS["storage"])
    assert not {(module, name) for module in LAYERS["documents"] for name, _ in imports(module) if name in below}


def test_the_coverage_gate_has_every_module_of_the_engine():
    engine = {MODULES[name] for layer in ("store", "envelope", "storage") for name in LAYERS[layer]}
    assert engine <= set(coverage_gate.paths(coverage_gate.MODULES, coverage_gate.COVERED, coverage_gate.FOLDERS))
    assert coverage_gate.paths(coverage_gate.UNIT, coverage_gate.FILES)
    with pytest.raises(FileNotFoundError, match="no_such_module"):
        coverage_gate.paths(coverage_gate.MODULES, ["codec", "no_such_module"])
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        coverage_gate.paths(coverage_gate.MODULES, [], ["kv", "no_such_folder"])


def private(name):
    return name.startswith("_") and not name.endswith("__")


def defined(nodes):
    """Private names that a module makes itself: functions, classes, variables, attributes, slots."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_at_home(module):
    nodes = list(ast.walk(tree(MODULES[module])))
    own = set(defined(nodes))
    used = {n.attr for n in nodes if isinstance(n, ast.Attribute) and private(n.attr)}
    taken = {name for _, names in imports(module) for name in names if private(name)}
    assert not (used - own) | taken, "%s uses private names of others" % module


def absolute(path):
    """(module, name taken from it or None) of what a file outside of the package imports of it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "unosql":
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] == "unosql")


def is_there(module, name):
    try:
        return hasattr(importlib.import_module(module), name or "__name__") or importlib.import_module("%s.%s" % (module, name))
    except ImportError:
        return False


@pytest.mark.parametrize("folder", ["tests", "bench", "pc", "firmware", "boards", "examples"])
def test_what_is_imported_of_the_package_is_there(folder):
    """In programs that no test runs, too: when modules move these would be found out much later."""
    taken = {(path, *what) for path in (ROOT / folder).rglob("*.py") for what in absolute(path)}
    assert [(str(path), module, name) for path, module, name in sorted(taken, key=str) if not is_there(module, name)] == []


def classes():
    """{name of a class: (its module, names of its bases, private names that it sets or defines)}."""
    found = {}
    for module, path in MODULES.items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                bases = [getattr(base, "id", getattr(base, "attr", None)) for base in node.bases]
                found[node.name] = module, bases, {name for name in defined(ast.walk(node)) if private(name)}
    return found


def above(name, known):
    for base in known[name][1]:
        if base in known:
            yield base
            yield from above(base, known)


def test_a_class_takes_no_private_name_of_one_of_another_module():
    """Where it comes from that one, it would overwrite what the other relies on."""
    known = classes()
    assert list(above("Sync", known)) == ["Courier", "Session"]
    pairs = [(name, base) for name in known for base in above(name, known) if known[name][0] != known[base][0]]
    assert {pair: known[pair[0]][2] & known[pair[1]][2] for pair in pairs if known[pair[0]][2] & known[pair[1]][2]} == {}
