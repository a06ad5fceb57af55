"""The layers of docs/DESIGN.md: imports go downwards only, and private names stay in their module."""
import ast
import re

import pytest
from conftest import ROOT

PACKAGE = ROOT / "modules" / "unosql"
DESIGN = ROOT / "docs" / "DESIGN.md"
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def layers():
    """{module: height of its layer} from the table under "## Layers"; the lowest layer is 0."""
    section = DESIGN.read_text().split("## Layers")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ") and "`" in line]
    return {name: len(rows) - 1 - i for i, row in enumerate(rows) for name in re.findall(r"`(\w+)`", row)}


def tree(module):
    return ast.parse((PACKAGE / (module + ".py")).read_text())


def imports(module):
    """(module imported, names taken from it) of every import of our own, those within functions included."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "unosql"):
            name = (node.module or "").removeprefix("unosql").strip(".")
            names = [alias.name for alias in node.names]
            yield from [(name, names)] if name else [(n, []) for n in names]
        elif isinstance(node, ast.Import):
            yield from [(a.name.split(".")[1], []) for a in node.names if a.name.startswith("unosql.")]


def test_the_table_has_every_module_and_no_other():
    assert sorted(layers()) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards(module):
    height = layers()
    upwards = [name for name, _ in imports(module) if height[name] > height[module]]
    assert not upwards, "%s imports %s, of a higher layer" % (module, ", ".join(upwards))


def test_no_import_goes_in_a_circle():
    needs = {module: {name for name, _ in imports(module)} for module in MODULES}
    while needs:
        free = [module for module in needs if not needs[module] & set(needs)]
        assert free, "these import each other: %s" % ", ".join(sorted(needs))
        for module in free:
            del needs[module]


def private(name):
    return name.startswith("_") and not name.endswith("__")


def defined(nodes):
    """Private names that a module makes itself: functions, classes, variables, attributes, slots."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize("module", MODULES)
def test_private_names_stay_at_home(module):
    nodes = list(ast.walk(tree(module)))
    own = set(defined(nodes))
    used = {n.attr for n in nodes if isinstance(n, ast.Attribute) and private(n.attr)}
    taken = {name for _, names in imports(module) for name in names if private(name)}
    assert not (used - own) | taken, "%s uses private names of others" % module
