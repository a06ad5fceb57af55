"""docs/API.md: the reference for users, made of the docstrings in modules/.

Docstrings are close to Markdown: paragraphs, and code indented by four. Where one explains an argument, as
"name: what it is", that becomes an item of a list.
"""
import ast
import inspect
import re
import textwrap
from typing import NamedTuple

from .paths import MODULES, ROOT

API = ROOT / "docs" / "API.md"
CORE = MODULES / "unosql" / "core.py"
HEAD = """# API reference

<!-- `make docs` makes this file of the docstrings in modules/: change those -->
Programs that use it: [RECIPES.md](RECIPES.md). For editors: [core.pyi](../stubs/unosql/core.pyi)."""
TAKERS = {"operators": [("documents/edits.py", "editor")], "options": [("documents/query.py", "search")],
          "columns": [("documents/aggregate.py", "_aggregate")],
          "more": [("sync.py", "Session.__init__"), ("courier.py", "Courier.__init__")]}
SECTION = re.compile(r"^    # -- (.+)$", re.M)
WIDTH = 120


class Chapter(NamedTuple):
    """Of a module other than core. introduced: by its docstring. calls: {name there, or file:name: as users write it}."""

    title: str
    file: str
    introduced: bool
    calls: dict


CHAPTERS = (
    Chapter("asyncio", "unosql/aio.py", True, {"Unosql": "unosql.aio.Unosql", "Unosql.transaction": "db.transaction",
                                               "Unosql.watch": "db.watch", "Unosql.on_change": "db.on_change"}),
    Chapter("JSON lines", "unosql/jsonl.py", True, {name: "jsonl." + name for name in ("dump", "load")}),
    Chapter("Store and forward", "unosql/mqtt.py", True, {
        "Sync": "unosql.mqtt.Sync", **{"Sync." + name: "sync." + name for name in ("step", "run", "status", "close")},
        "unosql/courier.py:Courier.on": "sync.on", "unosql/sync.py:Session.setting": "sync.setting", "unosql/sync.py:Session.clock": "sync.clock",
        "Over": "unosql.mqtt.Over", "Over.run": "sync.run", "Over.take": "sync.take"}),
    Chapter("Errors", "unosql/errors.py", True, {}),
    Chapter("Files", "unosql/storage/files.py", False, {"Files": "unosql.storage.Files"}),
    Chapter("Flash", "unosql/storage/flash.py", False, {"Flash": "unosql.storage.Flash"}),
    Chapter("Self-test", "unosql/checks.py", True, {"run": "unosql.selftest"}),
    Chapter("uzlib", "uzlib.py", True, {name: "uzlib." + name for name in ("compress", "decompress", "DecompIO")}),
)


class Call(NamedTuple):
    """What users call: a function, a method, or a class. arguments: without self. owner: before a method's name."""

    name: str
    arguments: ast.arguments
    doc: str
    owner: str = "db."


def write():
    """Bring docs/API.md up to date."""
    API.write_text(text())
    return API


def text():
    """What docs/API.md must hold."""
    parts = [HEAD, contents(), markdown(ast.get_docstring(ast.parse(CORE.read_text()))), database()]
    return "\n\n".join(parts + [chapter(row) for row in CHAPTERS]) + "\n"


def contents():
    rows = ["%s: %s" % (link(title), ", ".join(link(call.name, call.owner) for call in calls))
            for title, calls in sections()]
    return "\n".join(item(row) for row in rows + [", ".join(link(row.title) for row in CHAPTERS)])


def link(title, before=""):
    """To a heading of before and title."""
    return "[%s](#%s)" % (title, (before + title).lower().replace(" ", "-").replace(".", ""))


def database():
    """The class Unosql and its methods."""
    parts = []
    for title, calls in sections():
        parts.append("## " + title)
        if title == "Unosql":
            parts.append(shown(call_of(find(CORE, "Unosql")), "Unosql"))
        names = [call.owner + call.name for call in calls]
        parts += ["### %s\n\n%s" % (name, shown(call, name)) for name, call in zip(names, calls)]
    return "\n\n".join(parts)


def sections():
    """[(title, calls)] of the public methods, by the comments between them; those before any belong to Unosql."""
    source = CORE.read_text()
    starts = [(0, "Unosql")]
    starts += [(source.count("\n", 0, found.start()), found[1].capitalize()) for found in SECTION.finditer(source)]
    calls = {title: [] for _, title in starts}
    for method in public_methods(CORE):
        calls[[title for line, title in starts if line < method.lineno][-1]].append(call_of(method))
    return list(calls.items())


def public_methods(file):
    """The nodes of Unosql's methods in a module or a stub."""
    return [node for node in find(file, "Unosql").body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def find(file, name):
    """The node of a class or function, or of "Class.method"."""
    node = ast.parse(file.read_text())
    for part in name.split("."):
        node = next(inner for inner in node.body if getattr(inner, "name", None) == part)
    return node


def call_of(node):
    """The Call that a class or function stands for."""
    maker = node
    if isinstance(node, ast.ClassDef):
        maker = next(part for part in node.body if getattr(part, "name", None) in ("__init__", "__new__"))
    arguments = maker.args
    if arguments.args[:1] and arguments.args[0].arg in ("self", "cls"):
        del arguments.args[0]
    static = "staticmethod" in [getattr(decorator, "id", None) for decorator in node.decorator_list]
    owner = "Unosql." if static else "db."
    return Call(node.name, spelled(arguments), ast.get_docstring(node) or "", owner)


def spelled(arguments):
    """With the arguments that a call hands on, in the place of **operators, of a change, say: TAKERS."""
    if arguments.kwarg and arguments.kwarg.arg != "others":
        for file, name in TAKERS.get(arguments.kwarg.arg, TAKERS["options"]):
            taker = find(MODULES / "unosql" / file, name).args
            known = [argument.arg for argument in arguments.args + arguments.kwonlyargs]
            more = [pair for pair in zip(taker.args[-len(taker.defaults):], taker.defaults) if pair[0].arg not in known]
            arguments.kwonlyargs += [argument for argument, _ in more]
            arguments.kw_defaults += [default for _, default in more]
        arguments.kwarg = None
    return arguments


def chapter(row):
    file = MODULES / row.file
    parts = ["## " + row.title]
    if row.introduced:
        parts.append(markdown(ast.get_docstring(ast.parse(file.read_text()))))
    if row.title == "Errors":
        parts.append(errors(file))
    return "\n\n".join(parts + [shown(call_of(_found(file, name)), name_shown) for name, name_shown in row.calls.items()])


def _found(file, name):
    """The node of a name, or of file:name."""
    other, _, name = name.rpartition(":")
    return find(MODULES / other if other else file, name)


def errors(file):
    """A list of the classes, each beneath its base."""
    depth, rows = {}, []
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            depth[node.name] = depth.get(node.bases[0].id, -1) + 1
            row = item("`%s`: %s" % (node.name, ast.get_docstring(node)))
            rows.append(textwrap.indent(row, "  " * depth[node.name]))
    return "\n".join(rows)


# -- Markdown


def shown(call, name):
    """A call's signature and docstring. name: as users write it."""
    signature = textwrap.fill("%s(%s)" % (name, ast.unparse(call.arguments)), WIDTH, subsequent_indent="    ")
    names = [a.arg for a in call.arguments.args + call.arguments.kwonlyargs]
    return "```python\n%s\n```\n\n%s" % (signature, markdown(call.doc, names))


def markdown(doc, names=()):
    """A docstring. names: of arguments."""
    return "\n\n".join(paragraph(part, names) for part in inspect.cleandoc(doc).split("\n\n"))


def paragraph(part, names):
    if part.startswith("    "):
        return "```python\n%s\n```" % textwrap.dedent(part)
    first, *rest = re.split(r"(?:^|(?<=[.)] ))(%s): " % "|".join(names or ["$"]), " ".join(part.split()))
    items = [item("`%s`: %s" % pair) for pair in zip(rest[::2], rest[1::2])]
    return "\n".join(([fill(first)] if first else []) + items)


def item(line):
    return fill("- " + line, "  ")


def fill(line, indent=""):
    """Wrapped; what Markdown would take for a tag or for emphasis is escaped."""
    line = re.sub(r"(?<!`)([<*])", r"\\\1", " ".join(line.split()))
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
