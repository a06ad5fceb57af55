"""Whatever the input: a line on what is wrong and a status, from each make target and `unosql` command; no traceback."""
import os
import shutil
import subprocess
import sys
import time

import pytest
from here import ROOT
from unosql.core import Unosql

from firmware import deps, outcome, ports
from firmware.paths import unfit
from firmware.progress import Failure


def shell(command, cwd=ROOT, **environment):
    """(status, what was said) of a command in bash, with nothing of the make that may run these tests."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["bash", "-c", command], cwd=cwd, env=dict(inherited, PYTHON=sys.executable, **environment),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    said = done.stdout.decode(errors="replace")
    assert "Traceback" not in said and "Exception ignored" not in said, said
    return done.returncode, [line for line in said.splitlines() if not line.startswith("make: ***")]


@pytest.mark.parametrize("command, message", [
    ("make -s emulator HEAP=abc", "HEAP=abc is no size"),
    ("make -s emulator FLASH=/proc/none/flash.img", "there is no folder /proc/none"),
    ("make -s run BOARD=../x", "no board '../x'; there are: "),
    ("make -s run 'BOARD=a b'", "make run: what is 'a b'?"),
    ("make -s firmware BOARD=common", "no board 'common' to build"),
    ("make -s unix MICROPYTHON_DIR=/etc/passwd", "/etc/passwd is no MicroPython tree"),
    ("make -s unix MBEDTLS_DIR=/etc/passwd", "is no mbedtls tree"),
    ("make -s fetch MICROPYTHON_VERSION=x", "MICROPYTHON_VERSION=x is not pinned"),
    ("make -s flash IMAGE=/bin/sh PORT=/dev/null", "/bin/sh is no image for an ESP chip"),
    ("make -s flash IMAGE=/ PORT=/dev/null", "/: Is a directory"),
    ("make -s flash BAUD=fast PORT=/dev/null", "BAUD=fast is no number"),
    ("ESPTOOL_OPTIONS='\"' make -s flash PORT=/dev/null", "ESPTOOL_OPTIONS: No closing quotation"),
    ("make -s release REPORT=/none", "/none: No such file or directory"),
    ("make -s release REPORT=/bin/sh", "/bin/sh is no test report"),
    ("RELEASE_TAG=x make -s release", "the tag is x"),
    ("IDF_PATH=/none make -s firmware BOARD=UNOSQL_ESP32_GENERIC DRY=1 MICROPYTHON_VERSION=1.28.0", "IDF_PATH=/none is no ESP-IDF"),
    ("python3 -m firmware docs > /dev/full", "No space left on device"),
])
def test_a_make_target_that_fails_says_why_in_a_line(command, message):
    status, lines = shell(command)
    assert status and message in lines[-1] and lines[-1].startswith("unosql: error: "), lines
    assert len(lines) == 1 + lines[0].startswith("make fetch")


@pytest.mark.parametrize("command", ["docs >&-", "docs 2>&-", "docs | true", "help | true", "help >&-"])
def test_nobody_has_to_listen(command):
    assert shell("python3 -m firmware " + command)[0] == 0


@pytest.fixture
def checkout(tmp_path):
    """Function: name -> a copy of what make takes, in a folder of that name, with nothing built."""
    def make(name):
        for part in ("firmware", "boards", "modules", "bench", "Makefile", "examples"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            (tmp_path / name).mkdir(exist_ok=True)
            copy(ROOT / part, tmp_path / name / part)
        return tmp_path / name

    return make


@pytest.mark.parametrize("name, wrong", [("a folder", "a space"), ("it's", "\"'\""), ("a;b", "';'"), ("c=d", "'='"), ("e,f", "','")])
def test_a_path_that_makefiles_cannot_take_is_refused_at_once(name, wrong, checkout):
    folder = checkout(name)
    for target in ("run", "unix", "bench"):
        start = time.monotonic()
        status, lines = shell("make -s " + target, folder)
        assert status and lines == ["unosql: error: the path %r has %s in it, which MicroPython's makefiles cannot take; "
                                    "move the repository elsewhere" % (str(folder), wrong)]
        assert time.monotonic() - start < 2
    assert not (folder / "build").exists() and not unfit("/home/me/unosql-1.0_x~/\u00e9")


def test_make_flash_looks_for_the_board_first(checkout):
    folder = checkout("here")
    status, lines = shell("make -s flash", folder)
    if "no board found" in lines[0]:  # else somebody's board is plugged in
        assert status and len(lines) == 1
    assert shell("make -s flash PORT=/dev/none IMAGE=firmware/pins.py", folder)[0] and not (folder / "build").exists()


def test_boards_attached_are_found_without_installing_anything(tmp_path, monkeypatch):
    usb = tmp_path / "devices" / "usb1" / "1-1"
    for tty, device in (("ttyUSB0", usb / "1-1:1.0" / "ttyUSB0"), ("ttyS0", tmp_path / "devices" / "serial" / "ttyS0")):
        device.mkdir(parents=True)
        (tmp_path / "class" / tty).mkdir(parents=True)
        (tmp_path / "class" / tty / "device").symlink_to(device)
    (tmp_path / "class" / "tty0").mkdir()
    (usb / "idVendor").write_text("10c4\n")
    (usb / "product").write_text("CP2102\n")
    monkeypatch.setattr(ports, "TTYS", tmp_path / "class")
    monkeypatch.setattr(deps, "venv_python", None)
    assert ports.attached() == [("/dev/ttyUSB0", "CP2102")]


@pytest.mark.parametrize("target", ["run", "unix", "emulator", "bench", "fetch"])
def test_build_that_cannot_be_used_says_so(target, checkout):
    folder = checkout("here")
    (folder / "build").write_text("a file")
    status, lines = shell("make -s " + target, folder)
    assert status and lines[-1].startswith("unosql: error: build is no folder that can be written (File exists); remove it")


def test_a_venv_that_was_copied_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(deps, "VENV", tmp_path / "venv")
    (tmp_path / "venv").mkdir()
    for command, here in (("command = /usr/bin/python3 -m venv %s\n" % (tmp_path / "venv"), True),
                          ("command = /usr/bin/python3 -m venv /elsewhere/build/venv\n", False), ("home = /usr/bin\n", True)):
        (tmp_path / "venv" / "pyvenv.cfg").write_text(command)
        assert deps._made_here() is here
    (tmp_path / "venv" / "pyvenv.cfg").unlink()
    assert not deps._made_here()


def test_a_source_tree_that_lost_its_stamp_says_so(checkout):
    folder = checkout("here")
    tree = folder / "build" / "src" / "micropython-1.26.1-debian"
    tree.mkdir(parents=True)
    for content in (None, b"[1]", b"\xff", b'{"x": 1}'):
        if content:
            (tree / ".unosql-source.json").write_bytes(content)
        status, lines = shell("make -s unix", folder)
        assert status and "micropython-1.26.1-debian is not as it was fetched" in lines[-1]


@pytest.mark.parametrize("error, line", [
    (Failure("do this"), "do this"), (EOFError(), "no answer: the input has ended"), (RecursionError(), "the input is too deeply nested"),
    (OSError(28, "No space left on device", "/x"), "/x: No space left on device"),
    (subprocess.CalledProcessError(3, ["size", "x"]), "`size x` failed with status 3"),
    (ZeroDivisionError("a\nb"), "ZeroDivisionError: a b; this was not foreseen, tell us (UNOSQL_TRACEBACK=1 shows where)"),
])
def test_any_error_is_one_line(error, line, monkeypatch):
    monkeypatch.delenv("UNOSQL_TRACEBACK", raising=False)
    assert outcome.line_on(error) == line


# -- the `unosql` command


@pytest.fixture
def place(tmp_path):
    with Unosql("db", path=str(tmp_path)) as db:
        for n in range(20):
            db.insert("c", {"n": n, "name": "\u00e9"})
        db.backup(str(tmp_path / "db.bak"))
    (tmp_path / "junk").write_bytes(os.urandom(5000))
    (tmp_path / "empty").touch()
    (tmp_path / "dir").mkdir()
    (tmp_path / "cut").write_bytes((tmp_path / "db.bak").read_bytes()[:300])
    (tmp_path / "deep").write_text("[" * 100000)
    (tmp_path / "big.csv").write_text("a\n" + "x" * 200000 + "\n")
    return tmp_path


UNOSQL = "%s -m unosql_pc " % sys.executable


@pytest.mark.parametrize("path", ["none", "junk", "empty", "dir", "cut", "/", "/dev/null", "$'\\xe9'", "''"])
@pytest.mark.parametrize("command", ["inspect %s", "verify %s", "query %s c", "salvage %s -", "export %s --format csv -o out",
                                     "import %s new.bak c", "import db.bak %s c", "flash %s --port /dev/null", "pull %s db out"])
def test_a_command_takes_any_path(command, path, place):
    shell(UNOSQL + command % path, place, PYTHONPATH=str(ROOT / "pc"))


@pytest.mark.parametrize("command, message", [
    ("query db.udb c \"$(cat deep)\"", "too deeply nested"),
    ("query db.udb c --passphrase", "no answer: the input has ended"),
    ("query db.udb c --passphrase <&-", "no answer: the input has ended"),
    ("import deep new.bak c", "too deeply nested"),
    ("import big.csv new.bak c", "field larger than field limit"),
    ("export db.udb --format sqlite -o none/x", "there is no such directory"),
    ("query db.udb c --json > /dev/full", "No space left on device"),
    ("salvage db.udb - > /dev/full", "No space left on device"),
])
def test_a_command_that_fails_says_why(command, message, place):
    status, lines = shell(UNOSQL + command, place, PYTHONPATH=str(ROOT / "pc"))
    assert status == 2 and message in lines[-1]


@pytest.mark.parametrize("command", ["query db.udb c", "query db.udb c --json", "inspect db.udb", "verify db.udb", "salvage db.udb -"])
@pytest.mark.parametrize("stream", [">&-", "2>&-", ">&- 2>&-", "<&-", "| true"])
def test_a_command_whose_streams_are_closed(command, stream, place):
    assert shell(UNOSQL + command + " " + stream, place, PYTHONPATH=str(ROOT / "pc"))[0] == 0
