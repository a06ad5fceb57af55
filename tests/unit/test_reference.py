"""docs/API.md and the stub tell what modules/unosql/core.py does."""
import ast

import pytest

from here import ROOT
from firmware import reference

AIO = ROOT / "modules" / "unosql" / "aio.py"
STUB = ROOT / "stubs" / "unosql" / "core.pyi"


def signatures(file):
    """{method: its arguments with their defaults}, without types."""
    methods = [reference.find(file, "Unosql"), *reference.public_methods(file)]
    calls = [reference.call_of(node) for node in methods]
    for call in calls:
        for argument in [*call.arguments.args, *call.arguments.kwonlyargs]:
            argument.annotation = None
    return {call.name: ast.unparse(call.arguments) for call in calls}


def errors(file):
    """{class: its base} of the exceptions."""
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef) and node.bases]
    return {node.name: node.bases[0].id for node in classes}


def test_reference_is_up_to_date():
    assert reference.API.read_text() == reference.text(), "docs/API.md differs from the docstrings: make docs"


@pytest.mark.parametrize("method", reference.public_methods(reference.CORE), ids=lambda node: node.name)
def test_every_method_has_a_docstring(method):
    assert ast.get_docstring(method)


def test_stub_has_the_same_methods_arguments_and_defaults():
    assert signatures(STUB) == signatures(reference.CORE)


def arguments(method):
    for argument in [*method.args.args, *method.args.kwonlyargs]:
        argument.annotation = None
    return ast.unparse(method.args)


def test_stub_of_aio_has_all_calls_of_core_as_coroutines():
    plain = {method.name: arguments(method) for method in reference.public_methods(STUB) if method.name not in ("destroy", "names")}
    found = [node for node in reference.find(STUB.with_name("aio.pyi"), "Unosql").body if not node.name.startswith("_")]
    assert {node.name: arguments(node) for node in found if node.name in plain} == plain
    assert {node.name for node in found} - set(plain) == {"watch", "on_change"}
    assert {node.name for node in found if isinstance(node, ast.FunctionDef)} == {
        "post", "transaction", "watch", "on_change", "iterate", "aggregate", "distinct", "changes"}


def test_aio_has_all_calls_that_core_makes_in_steps():
    """The others are one step, and need no care."""
    aio = ast.parse(AIO.read_text())
    named = next(ast.literal_eval(node.value) for node in aio.body if isinstance(node, ast.Assign) and node.targets[0].id == "_STEPPED")
    stepped = {"_run", "_rows", "find"}
    by_way = [method.name for method in reference.public_methods(reference.CORE)
              if stepped & {node.func.attr for node in ast.walk(method) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                            and getattr(node.func.value, "id", None) == "self"}]
    ours = ["count", "find_one", "get_last_n_records"]  # do more with what they have found
    assert sorted(by_way) == sorted([*named, *ours]) and not set(ours) - {getattr(node, "name", "") for node in reference.find(AIO, "Unosql").body}


def test_stub_has_the_same_errors():
    assert errors(STUB) == errors(ROOT / "modules" / "unosql" / "errors.py")


def made(file, name):
    """Its arguments with their defaults, without types."""
    call = reference.call_of(reference.find(file, name))
    for argument in [*call.arguments.args, *call.arguments.kwonlyargs]:
        argument.annotation = None
    return ast.unparse(call.arguments)


def test_stub_has_the_storages():
    for name in ("Files", "Flash"):
        file = ROOT / "modules" / "unosql" / "storage" / (name.lower() + ".py")
        assert made(STUB.with_name("storage.pyi"), name) == made(file, name)


def test_stub_has_the_self_test():
    checks = ROOT / "modules" / "unosql" / "checks.py"
    assert made(STUB.with_name("__init__.pyi"), "selftest") == "*, " + made(checks, "run")


def test_argument_lists():
    doc = """Do it (b: no item here).

        a: the first. b: the
        second, <c>.

            code(a: 1)
        """
    assert reference.markdown(doc, ["a", "b"]) == (
        "Do it (b: no item here).\n\n- `a`: the first.\n- `b`: the second, \\<c>.\n\n```python\ncode(a: 1)\n```")
