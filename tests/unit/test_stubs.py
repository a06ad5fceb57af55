"""The stubs in front of two type checkers: they accept right programs, and find each mistake."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from here import ROOT, SUPPORT

TYPED = SUPPORT / "typed"
STUBS = ROOT / "stubs"
WRONG = [number for number, line in enumerate((TYPED / "wrong.py").read_text().splitlines(), 1) if line.endswith("# wrong")]


def mypy(*files):
    """[(file, line)] of its errors, under --strict."""
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-incremental", *map(str, files)], capture_output=True, text=True,
                          env=dict(os.environ, MYPYPATH=str(STUBS)), cwd=ROOT / "tests")
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return [(Path(name).name, int(line)) for name, line in re.findall(r"^(.*?):(\d+): error:", done.stdout, re.M)]


def pyright(folder, program):
    """The same of pyright in its strict mode, of a program and the stubs, which stand where it looks for them by itself."""
    pytest.importorskip("pyright")
    shutil.copytree(STUBS, folder / "typings")
    shutil.copy(program, folder)
    (folder / "pyrightconfig.json").write_text(json.dumps({"include": ["."], "typeCheckingMode": "strict"}))
    done = subprocess.run([sys.executable, "-m", "pyright", "--outputjson", "-p", str(folder)], capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        pytest.skip("pyright needs its npm package: %s" % (done.stdout + done.stderr).strip()[-200:])
    assert found["summary"]["filesAnalyzed"] == 1 + len(list(STUBS.rglob("*.pyi"))), found
    return [(Path(d["file"]).name, d["range"]["start"]["line"] + 1) for d in found["generalDiagnostics"] if d["severity"] == "error"
            and not d["rule"].startswith("reportUnknown")]


def test_mypy_accepts_the_stubs_and_a_right_program():
    assert mypy(TYPED / "right.py", *sorted(STUBS.rglob("*.pyi"))) == []


def test_mypy_finds_each_mistake():
    assert sorted(set(mypy(TYPED / "wrong.py"))) == [("wrong.py", line) for line in WRONG]


def test_pyright_accepts_the_stubs_and_a_right_program(tmp_path):
    assert pyright(tmp_path, TYPED / "right.py") == []


def test_pyright_finds_each_mistake(tmp_path):
    assert sorted(set(pyright(tmp_path, TYPED / "wrong.py"))) == [("wrong.py", line) for line in WRONG]


def test_every_public_name_has_a_stub():
    """What a program may import of our packages: each module of modules/ that users know."""
    import unosql.core
    import unosql.errors

    stub = (STUBS / "unosql" / "core.pyi").read_text()
    for name in [n for n, value in vars(unosql.errors).items() if isinstance(value, type)]:
        assert re.search(r"^class %s\(" % name, stub, re.M), name
        assert "%s as %s" % (name, name) in (STUBS / "unosql" / "errors.pyi").read_text(), name
    assert unosql.core.LOCK_TIMEOUT and "LOCK_TIMEOUT: int" in stub
