"""Tools the chain needs: system packages through apt, Python ones in build/venv."""
import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, NamedTuple

from .lock import opened
from .paths import BUILD, ROOT, VENV
from .progress import Failure, Step, say

REQUIREMENTS = ROOT / "firmware" / "requirements.txt"
DRAWING = ROOT / "bench" / "requirements.txt"


# Debian asks it before it starts a service (deb-systemd-invoke, invoke-rc.d; policy-rc.d of init-system-helpers).
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICES = """#!/bin/sh
# Of unosql's installation, while that lasts: its tests start servers of their own.
case "$1" in mosquitto*|nats-server*|postgresql*) exit 101;; esac
"""


class Tool(NamedTuple):
    """Something to have. packages: Debian's names for it, the first one that exists is taken."""

    name: str
    present: Callable[[], bool]
    packages: tuple


def _program(name, *packages):
    return Tool(name, lambda: shutil.which(name) is not None, packages)


def _quiet(*command, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, b"")


def _has_32bit_libc():
    program = b"#include <stdio.h>\n#include <pthread.h>\nint main(void) { return 0; }"
    command = ("gcc", "-m32", "-x", "c", "-", "-o", os.devnull)
    return _quiet(*command, stdin=None, input=program).returncode == 0


def _has_zlib():
    program = b"#include <zlib.h>\nint main(void) { return !zlibVersion(); }"
    return _quiet("gcc", "-x", "c", "-", "-lz", "-o", os.devnull, stdin=None, input=program).returncode == 0


def _has_xtensa_libc():
    return (XTENSA_HEADERS / "stdint.h").exists()


def _has_picolibc():
    found = _quiet("riscv64-unknown-elf-gcc", "--print-file-name=picolibc.specs").stdout
    return os.path.isabs(found)


def _server(name, package):
    """Servers are not always on a user's PATH."""
    return Tool(name, lambda: bool(shutil.which(name, path=SERVERS)), (package,))


def _has_postgresql():
    return bool(shutil.which("initdb", path=SERVERS) or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def _has_venv():
    return _quiet(sys.executable, "-c", "import venv, ensurepip").returncode == 0


SERVERS = os.defpath + ":/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
XTENSA_HEADERS = Path("/usr/lib/xtensa-lx106-elf/include")  # where the compiler does not look by itself
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMON = (
    _program("make", "make"),
    _program("gcc", "gcc"),
    _program("git", "git"),
    Tool("Python's venv module", _has_venv, ("python3-venv",)),
)
TOOLS = {
    "unix": COMMON,
    "unix32": COMMON + (Tool("32-bit C library", _has_32bit_libc, ("gcc-multilib",)),),
    "qemu": COMMON + (
        _program("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
        Tool("picolibc for RISC-V", _has_picolibc, ("picolibc-riscv64-unknown-elf",)),
    ),
    "esp32": COMMON + (_program("cmake", "cmake"), _program("ninja", "ninja-build")),
    "bench": (_program("valgrind", "valgrind"),),
    "emulator": (_program("qemu-system-riscv32", "qemu-system-riscv", "qemu-system-misc"),),
    "site": (_program("node", "nodejs"), _program("npm", "npm")),
    "page": (Tool("Chromium", lambda: any(map(shutil.which, BROWSERS)), ("chromium",)),),
    "esp8266 checks": (
        _program("xtensa-lx106-elf-gcc", "gcc-xtensa-lx106"),
        Tool("picolibc for the ESP8266", _has_xtensa_libc, ("picolibc-xtensa-lx106-elf",)),
    ),
    "codec checks": (Tool("zlib's headers", _has_zlib, ("zlib1g-dev",)),),
    "format of C": (_program("uncrustify", "uncrustify"),),
    "sink": (_server("mosquitto", "mosquitto"), _server("nats-server", "nats-server"), Tool("PostgreSQL", _has_postgresql, ("postgresql",))),
}
OPTIONAL = "site", "page", "esp8266 checks", "codec checks", "format of C", "sink"  # what some tests need, and nothing else


def ensure(*uses):
    """Have the tools for uses (keys of TOOLS), installing what is missing where that is possible."""
    missing = [tool for use in uses for tool in TOOLS[use] if not tool.present()]
    if missing:
        _install(missing)
    still = [tool.name for tool in missing if not tool.present()]
    if still:
        raise Failure("still missing after installing: " + ", ".join(still))


def wish(*uses):
    """As ensure(), but go on without what cannot be had: the tests that need it are skipped and say so."""
    try:
        ensure(*uses)
    except Failure as failure:
        say("going on without: %s" % failure)


def _install(tools):
    names = ", ".join(dict.fromkeys(tool.name for tool in tools))
    if not shutil.which("apt-get"):
        raise Failure("missing: %s; install them with your system's package manager" % names)
    if os.geteuid() == 0:
        with Step("apt-get update"):
            _apt("apt-get", "-q", "update")
    packages = list(dict.fromkeys(_available(tool.packages) for tool in tools))
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise Failure("missing: %s; type: sudo %s" % (names, " ".join(command)))
    with Step("installing " + " ".join(packages)), _without_services():
        _apt(*command)


@contextlib.contextmanager
def _without_services():
    """Servers are not started as services of this machine when they are installed. A policy that is somebody else's stays as it is."""
    if POLICY.exists() and POLICY.read_text() != NO_SERVICES:
        yield
        return
    POLICY.write_text(NO_SERVICES)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _available(packages):
    """The first of packages that apt knows under its own name; else the last, so that apt complains."""
    for name in packages:
        if b"Candidate: (none)" not in (found := _quiet("apt-cache", "policy", name).stdout) and found:
            return name
    return packages[-1]


def _apt(*command):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Failure("`%s` failed: %s" % (" ".join(command), lines[-1] if lines else "no message"))


def venv_python():
    """The Python of build/venv, which has exactly what requirements.txt pins."""
    python = VENV / "bin" / "python"
    stamp = VENV / ".installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted and python.exists() and _made_here()):
        _make_venv(python)
        stamp.write_text(wanted)
    return python


def drawing_python():
    """The same Python, once it has what draws plots on top."""
    python = venv_python()
    stamp = VENV / ".bench"
    wanted = hashlib.sha256(DRAWING.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        with Step("installing what draws plots into build/venv") as step:
            _run_or_fail(step, str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(DRAWING))
        stamp.write_text(wanted)
    return python


def npm_packages():
    """The folder of the npm packages that web/package-lock.json pins, installed in build/web. None of their scripts is run."""
    ensure("site")
    home, pins = BUILD / "web", [ROOT / "web" / name for name in ("package.json", "package-lock.json")]
    stamp = home / ".installed"
    wanted = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        home.mkdir(parents=True, exist_ok=True)
        for pin in pins:
            shutil.copy2(pin, home)
        try:
            with Step("installing the pages' npm packages into build/web") as step:
                _run_or_fail(step, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(home))
        except Failure as failure:
            raise Failure("%s; npm must reach its registry this once: see `npm ping`, then type make site again" % failure) from None
        stamp.write_text(wanted)
    return home / "node_modules"


def _made_here():
    """Whether the venv was not copied from elsewhere: its programs name the folder that they were made in."""
    try:
        made = re.search(r"^command = .* (\S.*)$", (VENV / "pyvenv.cfg").read_text(), re.M)
    except OSError:
        return False
    return not made or Path(made[1]).resolve() == VENV.resolve()  # Python 3.10 does not tell


def _make_venv(python):
    opened().close()
    ensure_venv = [tool for tool in COMMON if tool.packages == ("python3-venv",) and not tool.present()]
    if ensure_venv:
        _install(ensure_venv)
    with Step("installing Python tools into build/venv") as step:
        if not VENV.is_symlink():  # one that others share is only completed
            shutil.rmtree(VENV, ignore_errors=True)
            _run_or_fail(step, sys.executable, "-m", "venv", str(VENV))
        _run_or_fail(step, str(python), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(REQUIREMENTS))


def _run_or_fail(step, *command):
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            step.detail(lines[-1])
    if process.returncode:
        error = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no message")
        raise Failure("`%s` failed: %s" % (" ".join((Path(command[0]).name, *command[1:4])), error))


def report():
    """Install everything and say what there is."""
    uses = [use for use in TOOLS if use not in OPTIONAL and use != "esp32"]  # that one waits until such a board is built
    ensure(*uses)
    wish(*OPTIONAL)
    say("system tools: all there (%s)" % ", ".join(dict.fromkeys(t.name for use in uses for t in TOOLS[use])))
    say("Python tools: %s" % venv_python())
