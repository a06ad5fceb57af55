"""The build: nothing is made twice, nothing half-made is taken for whole, and errors are one line."""
import ast
import os
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet

from firmware import build, deps, fetch, info, targets
from firmware.paths import ROOT
from firmware.progress import Failure

MAKEFILE = """
all:
\t@mkdir -p $(BUILD)
\t@echo run >> $(LOG)
\t@if [ -e $(LOG).broken ]; then echo "main.c:1:1: error: no such luck"; exit 1; fi
\t@if [ -e $(LOG).killed ]; then kill -9 $$PPID; fi
\t@cat $(LOG).content > $(BUILD)/program
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A tree whose Makefile counts its runs, built by build.build()."""
    monkeypatch.setattr(build, "BUILD", tmp_path / "build")
    return Project(tmp_path)


class Project:
    def __init__(self, folder):
        self.log = folder / "log"
        self.note("content").write_text("one")
        (folder / "tree" / "port").mkdir(parents=True)
        (folder / "tree" / "port" / "Makefile").write_text(MAKEFILE)
        self.source = fetch.Source(folder / "tree", "1.28.0", "c0ffee", 0, "a test")
        self.product = build.Product("thing", "port", "program", {"LOG": self.log}, "true", frozen=False)
        self.home = folder / "build" / "1.28.0" / "thing"

    def note(self, name):
        return self.log.with_name("log." + name)

    def build(self):
        return build.build(self.product, self.source)

    def runs(self):
        return len(self.log.read_text().splitlines())


def test_second_build_does_nothing(project):
    first = project.build()
    assert first.read_text() == "one" and project.build() == first
    assert project.runs() == 1


def test_other_options_build_anew(project):
    project.build()
    (project.home / "obj" / "stale").touch()
    project.product = project.product._replace(variables=dict(project.product.variables, MORE="1"))
    project.build()
    assert project.runs() == 2 and not (project.home / "obj" / "stale").exists()


def test_damaged_product_is_made_again(project):
    project.build().write_text("cut off")
    assert project.build().read_text() == "one"


def test_given_tree_is_always_made(project):
    project.source = project.source._replace(given=True)
    project.build()
    project.build()
    assert project.runs() == 2


def test_failing_make_is_one_line_and_leaves_the_old_product(project):
    project.build()
    project.product = project.product._replace(variables=dict(project.product.variables, MORE="1"))
    project.note("broken").touch()
    for _ in range(2):
        with pytest.raises(Failure, match=r"^building thing failed: main.c:1:1: error: no such luck \(see .*make.log\)$"):
            project.build()
    assert (project.home / "program").read_text() == "one"
    project.note("broken").unlink()
    project.note("content").write_text("two")
    assert project.build().read_text() == "two"


def test_objects_of_a_killed_builder_are_not_trusted(project):
    project.home.mkdir(parents=True)
    (project.home / "obj").mkdir()
    (project.home / "obj" / "half.o").touch()
    stamp = build._Stamp(project.home, "same", "same")
    stamp._file.write_text('{"configuration": "same"}')
    stamp._marker.touch()  # what a builder leaves when it is killed
    stamp.prepare(project.home / "obj")
    assert not (project.home / "obj").exists()


def test_builds_of_one_tree_wait_for_each_other(tmp_path):
    code = ("import sys, time; from firmware import lock; from pathlib import Path\n"
            "lock.BUILD = Path(%r)\n"
            "with lock.building(): print('in', flush=True); time.sleep(0.3); print('out', flush=True)" % str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, stdout=open(tmp_path / "out", "a"))
               for _ in range(3)]
    assert [process.wait(30) for process in running] == [0, 0, 0]
    assert (tmp_path / "out").read_text().split() == ["in", "out"] * 3


def test_unknown_board():
    with pytest.raises(Failure, match="no board 'TOASTER' to build; there are: .*UNOSQL_QEMU_RISCV"):
        targets.firmware("TOASTER")


def test_missing_tool_without_root(monkeypatch):
    tool = deps.Tool("a-compiler", lambda: False, ("gcc-nonesuch", "make"))
    monkeypatch.setitem(deps.TOOLS, "test", (tool,))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Failure, match="missing: a-compiler; type: sudo apt-get install -y --no-install-recommends make$"):
        deps.ensure("test")


def test_what_only_some_tests_need_may_be_missing(monkeypatch, capsys):
    tool = deps.Tool("a-browser", lambda: False, ("nonesuch-browser",))
    monkeypatch.setitem(deps.TOOLS, "test", (tool,))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    deps.wish("test")
    assert "going on without: missing: a-browser; type: sudo apt-get install" in capsys.readouterr().err


@pytest.mark.parametrize("there", [None, "#!/bin/sh\nexit 0\n", deps.NO_SERVICES])
def test_servers_that_are_installed_are_not_started(there, monkeypatch, tmp_path):
    """A policy of the machine's own decides itself; one that an installation left when it was killed is ours."""
    policy, seen = tmp_path / "policy-rc.d", []
    monkeypatch.setattr(deps, "POLICY", policy)
    if there:
        policy.write_text(there)
        policy.chmod(0o755)

    def apt(*command):
        if command[1] == "install":
            seen.append([subprocess.run([policy, name, "start"]).returncode for name in ("mosquitto", "nats-server", "postgresql", "ssh")])

    monkeypatch.setattr(deps, "_apt", apt)
    monkeypatch.setattr(deps.os, "geteuid", lambda: 0)
    monkeypatch.setitem(deps.TOOLS, "test", (deps.Tool("a-server", lambda: False, ("make",)),))
    with pytest.raises(Failure, match="still missing after installing: a-server"):
        deps.ensure("test")
    own = there and there != deps.NO_SERVICES
    assert seen == [[0, 0, 0, 0] if own else [101, 101, 101, 0]]
    assert policy.exists() == bool(own) and (not own or policy.read_text() == there)


def test_missing_tool_without_apt(monkeypatch):
    tool = deps.Tool("a-compiler", lambda: False, ("gcc-nonesuch",))
    monkeypatch.setitem(deps.TOOLS, "test", (tool,))
    monkeypatch.setattr(deps.shutil, "which", lambda name: None)
    with pytest.raises(Failure, match="missing: a-compiler; install"):
        deps.ensure("test")


def test_command_line_errors_are_one_line(tmp_path):
    environment = dict(os.environ, MICROPYTHON_DIR=str(tmp_path))
    done = subprocess.run([sys.executable, "-m", "firmware", "unix"], cwd=ROOT, env=environment,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "unosql: error: MICROPYTHON_DIR=%s is no MicroPython tree: it has no py/mpconfig.h\n" % tmp_path


def test_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    names = {name for line in makefile.splitlines() if line.startswith(".PHONY:") for name in line.split()[1:]}
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert names - {"help"} == {name for name in names if "make %s " % name in shown}


def test_version_is_the_modules():
    assert info.version() in (ROOT / "modules" / "unosql" / "__init__.py").read_text()


def test_products_hold_no_path_of_this_machine():
    for product in (targets.unix(64), targets.unix(32), targets.qemu_firmware()):
        assert str(ROOT).encode() not in product.read_bytes(), product


def test_frozen_modules_are_those_of_this_tree(tmp_path):
    """Not copies of an earlier build: the digest in the image is that of modules/ now."""
    code = "import unosql_build; print(unosql_build.BUILD)"
    for bits in (64, 32):
        said = subprocess.run([targets.unix(bits), "-c", code], check=True, capture_output=True, text=True).stdout
        assert info._modules_digest()[:16] in said


def test_build_products_are_ignored_by_git():
    status = subprocess.run(["git", "check-ignore", "-q", "build/x"], cwd=ROOT)
    assert status.returncode == 0


def test_no_import_of_the_builder_goes_in_a_circle():
    """Those within functions count as well."""
    folder = ROOT / "firmware"
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    needs = {name: imported(folder / (name + ".py")) & names for name in names}
    while needs:
        free = [name for name in needs if not needs[name] & set(needs)]
        assert free, "these import each other: %s" % ", ".join(sorted(needs))
        for name in free:
            del needs[name]


def imported(path):
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.level]
    return {alias.name for node in nodes if not node.module for alias in node.names} | {node.module for node in nodes}


def test_help_is_what_stands_above_each_target():
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    comments = [line[3:] for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("## ")]
    assert len(comments) > 20 and all(comment in shown for comment in comments)
    assert [line for line in shown.splitlines() if line and line[0] != " "][:5] == ["Use", "Develop", "Measure", "Release", "Keep house"]


def test_pinned_packages_are_for_the_oldest_python_too():
    """Debian 12's, whose 3.11.2 a package may refuse that pip takes for a later 3.11."""
    pins = [line.split("==")[0] for name in ("firmware", "bench") for line in (ROOT / name / "requirements.txt").read_text().splitlines()
            if "==" in line and not line.startswith("#")]
    assert len(pins) > 40
    for pin in pins:
        try:
            wanted = metadata.metadata(pin)["Requires-Python"]
        except metadata.PackageNotFoundError:
            continue  # what draws plots comes with the bench
        assert wanted is None or SpecifierSet(wanted).contains("3.11.2"), "%s wants Python %s" % (pin, wanted)
