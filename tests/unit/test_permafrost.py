"""Modules in flash: boards/common/usermods/permafrost. They do as modules in RAM do, take no heap, or are refused by file and line."""
import os
import re
import subprocess
import sys

import pytest
from here import ROOT, SUPPORT
from firmware import build, fetch, targets
from firmware.lock import building
from firmware.paths import MODULES
from firmware.progress import Failure

TOOL = ROOT / "boards" / "common" / "usermods" / "permafrost"
OURS = SUPPORT / "permafrost"
sys.path.insert(0, str(TOOL))

import objtype  # noqa: E402
from freezing import content, emit, modules, values  # noqa: E402

# Bytes of heap that `import unosql.core` takes on a board.
IMPORT = 1280


def run(program, code, cwd, *options, **environment):
    return subprocess.run([str(program), *options, "-c", code], cwd=cwd, env=dict(os.environ, **environment), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


# -- what becomes constants


@pytest.fixture(scope="session", params=[64, 32])
def frosty(request):
    """MicroPython with the modules of tests/support/permafrost in flash."""
    with building():
        source = fetch.source()
        variables = dict(targets._variables(source), VARIANT_DIR=OURS, PROG="micropython")
        if request.param == 32:
            variables["MICROPY_FORCE_32BIT"] = "1"
        return build.build(build.Product("permafrost%d" % request.param, "ports/unix", "micropython", variables), source)


def test_what_is_in_flash_does_as_what_is_in_ram(frosty, tmp_path):
    flash = run(frosty, "import report; report.run()", tmp_path, MICROPYPATH=".frozen")
    ram = run(frosty, "import report; report.run()", tmp_path, MICROPYPATH=str(OURS / "modules"))
    assert flash.returncode == ram.returncode == 0, flash.stdout[-2000:] + ram.stdout[-2000:]
    assert flash.stdout == ram.stdout
    assert flash.stdout.count("--") == 6


def test_nothing_of_it_can_be_changed(frosty, tmp_path):
    done = run(frosty, """
from frost import classes, functions
import frost, alone
def attempt(call, *args):
    try: call(*args)
    except (AttributeError, TypeError) as error: print(type(error).__name__)
for thing in (classes.Base, classes.Error, functions, frost, alone):
    attempt(setattr, thing, "x", 1)
    attempt(delattr, thing, "__name__")
attempt(classes.TABLE.update, {"b": 1})
attempt(classes.TABLE.pop, "b")
print(classes.Base.KIND)
""", tmp_path)
    assert done.returncode == 0 and done.stdout.split() == ["AttributeError"] * 10 + ["TypeError"] * 2 + ["base"], done.stdout


def test_what_is_a_modules_own_has_no_name(frosty, tmp_path):
    """Functions have it as a constant. What others find, a module has: its own public names, parts of a package, what it hands on."""
    done = run(frosty, """
import frost.inner
from frost import classes, functions, settings
from frost.inner import deep
print([hasattr(deep, name) for name in ("json", "sys", "greet", "counters", "__file__")], hasattr(functions, "_hidden"))
print([hasattr(frost.inner, name) for name in ("plain", "both", "deep")], hasattr(deep, "renamed"), hasattr(settings, "plain"))
print(hasattr(classes.Base, "__qualname__"), deep.used()[:2], functions.constants()[0])
""", tmp_path)
    assert done.stdout.splitlines() == ["[False, False, False, False, False] False", "[True, True, True] True True",
                                        "False ('[1]', 'micropython') %d" % (1 << 40)], done.stdout


def test_tracebacks_name_files_and_lines(tmp_path):
    code = "import sys\nfrom unosql.core import Unosql\ntry:\n    Unosql(5)\nexcept ValueError as e:\n    sys.print_exception(e)\n"
    done = subprocess.run([targets.unix(32), "-c", code], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    places = re.findall(r'File "(unosql/\w+\.py)", line (\d+), in (\w+)', done.stdout)
    assert len(places) > 1 and done.stdout.count('File "') == len(places) + 1, done.stdout
    for file, line, name in places:
        above = (MODULES / file).read_text().splitlines()[: int(line)]
        assert [text.split("(")[0].split()[1] for text in above if text.lstrip().startswith("def ")][-1] == name


def test_a_file_before_frozen_wins(frosty, tmp_path):
    (tmp_path / "frost").mkdir()
    (tmp_path / "frost" / "__init__.py").write_text("mine = 1\n")
    (tmp_path / "alone.py").write_text("mine = 2\n")
    code = "import frost, alone; print(getattr(frost, 'mine', 0), getattr(alone, 'mine', 0))"
    for path, wanted in (("%s:.frozen", "1 2"), (".frozen:%s", "0 0"), ("/none:%s:.frozen", "1 2"), ("/none:.frozen:%s", "0 0")):
        assert run(frosty, code, "/", MICROPYPATH=path % tmp_path).stdout == wanted + "\n", path
    assert run(frosty, code, tmp_path, MICROPYPATH=".frozen").stdout == "1 2\n"  # the program's own folder comes first
    assert "ImportError" in run(frosty, "import sys; sys.path[:] = ['/none']; import frost", tmp_path).stdout


def test_importing_again(frosty, tmp_path):
    """Modules that run begin anew when their package was forgotten; functions of it go on."""
    done = run(frosty, """
import sys
from frost import counters, functions
counters.count(), counters.count()
del sys.modules["frost"]
print(functions.late(), "frost" in sys.modules, counters.calls)
import frost.counters
print(frost.counters is counters)
""", tmp_path)
    assert done.stdout == "('base', 'deep') True 0\nTrue\n", done.stdout


def test_a_body_that_fails(frosty, tmp_path):
    """As any import: the package is not there, and may be imported again."""
    done = run(frosty, """
import gc, sys
keep = []
while gc.mem_free() > 5000: keep.append(bytearray(1000))
try:
    while True: keep.append(bytearray(16))
except MemoryError: pass
try:
    import frost
    print("imported")
except MemoryError: print("MemoryError", "frost" in sys.modules)
keep = None
import frost.counters
print(frost.counters.count())
""", tmp_path, "-X", "heapsize=60k")
    assert done.stdout == "MemoryError False\n1\n", done.stdout


def test_help(frosty, tmp_path):
    code = """
import frost
for name in dir(frost): help(getattr(frost, name))
for name in dir(frost.classes): help(getattr(frost.classes, name))
help("modules")
"""
    done = run(frosty, code, tmp_path)
    assert done.returncode == 0 and "frost/inner/deep" in done.stdout and "<class 'Base'>" in done.stdout, done.stdout[-2000:]


def test_loaded_code_takes_no_heap(tmp_path):
    """The catalogue of a package is in flash: only what changes is in RAM."""
    done = run(targets.unix(32), """
import gc
gc.collect(); before = gc.mem_alloc()
import unosql.core, uzlib
from unosql import aio, checks
from unosql.documents import aggregate, query, restore, schema
from unosql.kv import compaction, crypto
from unosql.storage import flash, files
gc.collect(); print(gc.mem_alloc() - before)
""", tmp_path)
    assert 0 < int(done.stdout) < IMPORT, done.stdout


# -- what does not


class Freezing:
    """Freezes modules as a build would, without a compiler."""

    def __init__(self, folder, mpy_cross, tree):
        self._folder, self._mpy_cross, self._tree = folder, mpy_cross, tree
        self._moduledefs = folder / "moduledefs.h"
        self._moduledefs.write_text("".join(
            "#define MODULE_DEF { MP_ROM_QSTR(MP_QSTR_%s), MP_ROM_PTR(&mp_module_%s) },\n" % (name, name) for name in ("time", "os", "micropython")))

    def __call__(self, sources, plan="flash x"):
        """The C. sources: {path of a module, without .py: its text}."""
        files, compiled = {}, []
        for name, text in sources.items():
            file = self._folder / (name + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            target = str(file.relative_to(self._folder))
            subprocess.run([self._mpy_cross, "-march=x64", "-s", target, "-o", file.with_suffix(".mpy"), file], check=True)
            files[target] = "modules/" + target
            compiled.append(str(file.with_suffix(".mpy")))
        (self._folder / "plan.txt").write_text(plan + "\n")
        return content.freeze(str(self._tree / "tools" / "mpy-tool.py"), ["-f", *compiled], self._folder / "plan.txt", self._moduledefs, files)


@pytest.fixture
def freeze(tmp_path):
    return Freezing(tmp_path, targets.mpy_cross(), fetch.source().path)


REFUSED = {
    "a call": ("\n\ndef f(): return 1\nx = f()\n", "x.py:4: error: a call at module level can't be a constant"),
    "a method": ("x = 'a'.upper()", "x.py:1: error: the call of a method at module level"),
    "a builtin": ("x = sorted((2, 1))", "x.py:1: error: the call of sorted() at module level"),
    "a list": ("# first\nx = 1\nnames = ['a']\n", "x.py:3: error: a list may change: write a tuple"),
    "a set": ("names = {'a'}\n", "x.py:1: error: a set may change"),
    "a list within": ("names = (1, {'a': [1]})\n", "x.py:1: error: a list may change"),
    "a default": ("def f(a=[]): pass\n", "x.py:1: error: a list may change"),
    "a loop": ("x = 0\nfor i in (1, 2):\n    x += i\n", "x.py:2: error: a loop at module level"),
    "a comprehension": ("x = tuple(i for i in (1, 2))\n", "x.py:1: error: a loop"),
    "with": ("import os\nwith open('x') as f: pass\n", "x.py:2: error: "),
    "raise": ("class E(Exception): pass\nraise E\n", "x.py:2: error: `raise` at module level"),
    "del": ("x = 1\ndel x\n", "x.py:2: error: `del` at module level"),
    "an element": ("d = {}\nd['a'] = 1\n", "x.py:2: error: an assignment to an element"),
    "an attribute": ("class A: pass\nA.x = 1\n", "x.py:2: error: an assignment to an attribute"),
    "finally": ("try:\n    x = 1\nfinally:\n    y = 1\n", "x.py:1: error: `finally`"),
    "an unknown name": ("x = 1\nx = y\n", "x.py:2: error: y is not known when this is built"),
    "C, an attribute": ("import time\n\nnow = time.ticks_ms\n", "x.py:3: error: time.ticks_ms is known at run time only"),
    "C, from": ("from time import ticks_ms\n", "x.py:1: error: time.ticks_ms is known at run time only"),
    "no module": ("import nowhere\n", "x.py:1: error: this firmware has no module nowhere"),
    "global": ("n = 0\n\n\ndef count():\n    global n\n    n += 1\n", "x.py:6: error: the global n changes: keep it in a module in RAM"),
    "global, deep": ("class A:\n    def f(self):\n        def g():\n            global n\n            n = 1\n        return g\n",
                     "x.py:5: error: the global n changes"),
    "native": ("import micropython\n@micropython.native\ndef f(): pass\n", "x.py:"),
    "a base": ("import os\nclass A(os.X): pass\n", "x.py:2: error: os.X is known at run time only"),
    "an instance as base": ("x = object()\nclass A(x): pass\n", "x.py:2: error: the base of class A is not known"),
    "division": ("x = 1 // (1 - 1)\n", "x.py:1: error: ZeroDivisionError"),
    "a decorator": ("def d(f): return f\n@d\ndef g(): pass\n", "x.py:"),
    "star": ("from os import *\n", "x.py:1: error: `import *`"),
    "a shadow": ("x = 1\nimport os\nos.x = 2\n", "x.py:3: error: an assignment to an attribute"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_file_and_line(freeze, case):
    source, message = REFUSED[case]
    with pytest.raises(values.Refusal) as refused:
        freeze({"x": source})
    assert str(refused.value).startswith("modules/" + message), refused.value
    assert "\n" not in str(refused.value)


def test_refused_between_modules(freeze):
    cases = (
        ("flash p", {"p/__init__": "", "p/a": "from .b import x\ny = 1\n", "p/b": "from .a import y\nx = 1\n"},
         "modules/p/b.py:1: error: p.a has no y yet: the imports go in a circle"),
        ("flash p\nrun p.s", {"p/__init__": "", "p/s": "x = []", "p/a": "\nfrom .s import x\n"}, "modules/p/a.py:2: error: p.s.x is in RAM"),
        ("flash p", {"p/__init__": "", "p/a": "from .b import x\n"}, "modules/p/a.py:1: error: this firmware has no module p.b"),
        ("flash p", {"p/__init__": "", "p/a": "", "p/b": "from .a import x\n"}, "modules/p/b.py:1: error: p.a has no x"),
        ("flash p", {"p/__init__": "a = 1", "p/a": ""}, "modules/p/a.py:1: error: the package has another thing of the name a"),
        ("flash p", {"p/__init__": "", "p/q/a": ""}, "modules/p/q/a.py:1: error: there is no p/q/__init__.py"),
        ("flash x", {"x": "import other\n", "other": ""}, "modules/x.py:1: error: other is in RAM: import it in a function"),
    )
    for plan, sources, message in cases:
        with pytest.raises(values.Refusal) as refused:
            freeze(sources, plan)
        assert str(refused.value).startswith(message), refused.value


def test_a_plan_that_can_not_be(freeze):
    for plan, message in (
        ("flash x\nflash y", "there is no frozen module y to keep in flash"), ("flash", "plan.txt:1: error: a line is"),
        ("flash x\n\nthaw x", "plan.txt:3: error: a line is"), ("flash x\ncopy x", "plan.txt:2: error: a line is"),
    ):
        with pytest.raises(values.Refusal, match=message):
            freeze({"x": ""}, plan)


def test_a_build_says_so_in_one_line(tmp_path):
    """As any other failure of a build."""
    variant = tmp_path / "variant"
    variant.mkdir()
    for file in ("mpconfigvariant.mk", "mpconfigvariant.h"):
        text = (OURS / file).read_text().replace("$(VARIANT_DIR)/../../../boards", str(ROOT / "boards")).replace("../../../boards", str(ROOT / "boards"))
        (variant / file).write_text(text)
    (variant / "plan.txt").write_text("flash x\n")
    (variant / "manifest.py").write_text('include(%r, plan=%r)\nmodule("x.py", base_path=%r)\n' % (
        str(TOOL), str(variant / "plan.txt"), str(tmp_path)))
    (tmp_path / "x.py").write_text("\nx = list()\n")
    log = tmp_path / "make.log"
    with building():
        source = fetch.source()
        product = build.Product("x", "ports/unix", "micropython", dict(targets._variables(source), VARIANT_DIR=variant, PROG="micropython"))
        command = [word if not word.startswith("BUILD=") else "BUILD=%s" % (tmp_path / "obj") for word in build.command(product, source)]
        with open(log, "w") as out:
            made = subprocess.run([*command, "%s/frozen_content.c" % (tmp_path / "obj")], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    assert made.returncode
    assert build._first_error(log).endswith("x.py:2: error: the call of list() at module level can't be a constant")
    assert issubclass(Failure, Exception)


# -- its parts


def test_hash_tables_are_micropythons():
    """As py/map.c fills them: the first free slot from hash % size on."""
    assert emit.place([5, 13, 21, 6, 7], 8) == [5, 6, 7, 0, 1]
    assert sorted(emit.place(list(range(100)), 100)) == list(range(100))


def literals(text, data):
    """How often bytes stand in C as a constant."""
    return text.count('"%s"' % "".join("\\x%02x" % byte for byte in data))


def test_modules_share_equal_constants(freeze):
    text = freeze({
        "x": "def f(): return b'common', 1 << 62\ndef g(): return b'common'\n",
        "y": "def f(x=1 << 62): return b'common', x\ndef g(): return 1.5, (b'common', 3)\ndef h(): return 1, 1.5, (b'common', 3)\n",
    }, "flash x\nflash y")
    assert literals(text, b"common") == 1 and len(re.findall(r"\.dig=.*0x4000", text)) == 1
    assert len(re.findall(r"const mp_obj_float_t \w+ = ", text)) == 1
    assert text.count(", MP_ROM_INT(3)}}") == 1


def test_what_only_bodies_use_is_no_constant(freeze):
    many = "".join("_%d = b'number %d'\n" % (i, i) for i in range(200))
    text = freeze({"x": "A, _B, _C = b'public', b'private', b'for a function'\n" + many + "def f(): return _C, b'own', _150\n"}, "flash x")
    words = [b"public", b"private", b"for a function", b"own", b"number 150", b"number 151"]
    assert [literals(text, word) for word in words] == [1, 0, 1, 1, 1, 0]
    assert "const_obj_table_data_x[3]" in text


def test_borrowed_names_stay_where_a_function_asks_for_them(freeze):
    text = freeze({
        "x": "from y import NUMBER, SIZE, call, other, third\nOWN = 7\ndef f(a): return NUMBER, SIZE, call, other, third, OWN, a.call, a.SIZE\n",
        "y": "import x\nNUMBER, SIZE = 1000, 5\ndef call(): return x.other\ndef other():\n    import x as late\n    return late.third\ndef third(): pass\n",
    }, "flash x\nflash y")
    names = text[text.index("permafrost_names_x_table"):].partition("};")[0]
    assert set(re.findall(r"{MP_ROM_QSTR\(MP_QSTR_(\w+)\)", names)) == {"__name__", "f", "OWN", "other", "third"}


def test_small_numbers_take_no_room_in_tables(freeze):
    """They are operands: 63 fits one byte, and 64 becomes an object."""
    for number, objects in ((63, 0), (-64, 0), (64, 1), (-65, 1)):
        text = freeze({"x": "_n = %d\ndef f(): return _n\n" % number}, "flash x")
        assert text.count("const_obj_table_data_x[1]") == objects, number


def test_a_name_for_which_there_is_no_number_stays_a_name(freeze):
    """A constant's number may take more bytes than the name's had: then the name is looked up."""
    own = ", ".join("b'number %d'" % i for i in range(200))
    text = freeze({"x": "_early = b'early'\n_late = b'late'\ndef f(): return _early\ndef g(): return [%s]\ndef h(): return _late\n" % own})
    names = text[text.index("permafrost_names_x_table"):].partition("};")[0]
    assert "MP_QSTR__early" in names and literals(text, b"early") == 1


def test_the_plan_of_our_images_names_all_that_stays_in_ram():
    plan = modules.read_plan(ROOT / "boards" / "permafrost.txt")
    assert {name for name, keeps in plan.items() if keeps == "flash"} == {"unosql", "uzlib"}
    assert {name: keeps for name, keeps in plan.items() if keeps != "flash"} == {
        "unosql.core": "copy", "unosql.state": "run", "unosql.shared": "run"}


def test_objtype_of_another_micropython_is_refused(tmp_path):
    source = (fetch.source().path / "py" / "objtype.c").read_text()
    copy = objtype.copy_of(source)
    for name in objtype.EXPORTED:
        assert "static %s" % name not in copy and " %s(" % name in copy
    assert copy.count("MP_TYPE_FLAG_IS_SUBCLASSED") == source.count("MP_TYPE_FLAG_IS_SUBCLASSED") + 1
    for change in (("instance_print(", "print_instance("), ("t->flags |=", "t->flags +=")):
        with pytest.raises(ValueError):
            objtype.copy_of(source.replace(*change))
