"""Runs MicroPython's own makefiles, outside their tree, and knows when there is nothing to do.

Each product has a folder build/<source>/<name>/ with `obj` (make's), `make.log`, the
product itself and a stamp of all that went into it. The product and its stamp are put
there after make succeeded, so what is there is whole.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import info
from .paths import BOARDS, BUILD, MODULES, ROOT, shown
from .progress import Failure, Step

PROGRESS = re.compile(r"(?:CC|AS|GEN|LINK|MPY) (\S+)")
ERROR = re.compile(r"\berror: |Error: |undefined reference|multiple definition|No such file|^make.*\*\*\*")


class Product(NamedTuple):
    """folder: in MicroPython's tree, where make runs. output: what it makes in its BUILD folder.
    variables: for make. compiler: its name, whose version is part of the stamp.
    environment: variables that the compiler's installation needs."""

    name: str
    folder: str
    output: str
    variables: dict
    compiler: str = "gcc"
    frozen: bool = True
    environment: dict = {}


def build(product, source):
    """Path of product, built from source unless it is up to date."""
    home = BUILD / source.key / product.name
    final = home / product.output
    stamp = _Stamp(home, _configuration(product, source), _contents(product))
    if stamp.fresh(final) and not source.given:
        return final
    home.mkdir(parents=True, exist_ok=True)
    stamp.prepare(home / "obj")
    with Step("building %s with MicroPython %s" % (product.name, source.version)) as step:
        _make(product, source, home, step)
    _put(home / "obj", product.output, home)
    stamp.write(final)
    return final


def _put(objects, output, home):
    """Copy the product, and the linker's map of it, in one step each."""
    for name in (output, Path(output).stem + ".map", output + ".map"):
        if (objects / name).exists():
            shutil.copy2(objects / name, home / (name + ".new"))
            os.replace(home / (name + ".new"), home / name)


class _Stamp:
    """configuration: what a change of makes all objects stale. contents: what make itself tracks."""

    def __init__(self, home, configuration, contents):
        self._file = home / "stamp.json"
        self._marker = home / "unfinished"
        self._now = {"configuration": configuration, "contents": contents}

    def _before(self):
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def fresh(self, final):
        return self._before() == dict(self._now, product=_digest(final)) and not self._marker.exists()

    def prepare(self, objects):
        """Objects of another configuration, or of a make that was killed, are not to be trusted."""
        if self._marker.exists() or self._before().get("configuration") != self._now["configuration"]:
            shutil.rmtree(objects, ignore_errors=True)
        self._file.unlink(missing_ok=True)
        self._file.write_text(json.dumps({"configuration": self._now["configuration"]}))
        self._marker.touch()

    def write(self, final):
        self._file.write_text(json.dumps(dict(self._now, product=_digest(final))))
        self._marker.unlink()


def _digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None


def _digest_all(files):
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(("%s %s\n" % (file.relative_to(ROOT), _digest(file))).encode())
    return total.hexdigest()


def _configuration(product, source):
    parts = [source.origin, source.version, str(source.path), _compiler(product), repr(product.variables)]
    if product.frozen:
        parts.append(_digest_all(f for f in _board_files(product) if f.suffix not in (".py", ".c")))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _compiler(product):
    program = shutil.which(product.compiler, path=product.environment.get("PATH")) or product.compiler
    done = subprocess.run([program, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.partition("\n")[0]


def _contents(product):
    if not product.frozen:
        return ""
    return _digest_all([*_board_files(product), *MODULES.rglob("*.py")])


def _board_files(product):
    """What of boards/ goes into product: its own folder, and what all boards and those of its port share."""
    own = product.variables.get("BOARD_DIR") or product.variables["VARIANT_DIR"]
    port = BOARDS / "common" / Path(product.folder).name
    shared = [*(BOARDS / "common").iterdir(), *(BOARDS / "common" / "usermods").rglob("*"), BOARDS / "manifest.py"]
    files = [*own.rglob("*"), *port.rglob("*"), *shared]
    return [f for f in files if f.is_file() and f.suffix != ".md" and "__pycache__" not in f.parts]


def _make(product, source, home, step):
    with open(home / "make.log", "w") as log, subprocess.Popen(
            command(product, source), env=_environment(product, source, home), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        try:
            for line in process.stdout:
                log.write(line)
                if match := PROGRESS.match(line):
                    step.detail(match[1])
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        (home / "unfinished").unlink()  # make ended by itself and removed what it had not finished
        raise Failure("building %s failed: %s (see %s)" % (
            product.name, _first_error(home / "make.log"), shown(home / "make.log")))


def command(product, source):
    """The call of make that builds product."""
    variables = dict(product.variables, BUILD=BUILD / source.key / product.name / "obj")
    words = ["make", "-j%d" % (os.cpu_count() or 1), "-C", str(source.path / product.folder)]
    return words + ["%s=%s" % item for item in variables.items()]


def _environment(product, source, home):
    """Nothing of the caller's but what finding programs takes, so that builds repeat to the byte."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment.update(product.environment)
    environment.update(
        LC_ALL="C", TZ="UTC", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1",
        SOURCE_DATE_EPOCH=str(source.date), MICROPY_GIT_TAG="v" + source.version, MICROPY_GIT_HASH=source.commit[:10])
    if product.frozen:
        environment["UNOSQL_BUILD_INFO_DIR"] = str(info.write(home / "info", source))
    return environment


def _first_error(log):
    lines = log.read_text().splitlines()
    return next((line.strip() for line in lines if ERROR.search(line)), lines[-1] if lines else "no message")


def mpy_cross_of(source):
    """Path of the mpy-cross built from a tree; for callers that hold the lock."""
    return build(Product("mpy-cross", "mpy-cross", "mpy-cross", {"PROG": "mpy-cross"}, frozen=False), source)


def path_maps(source, mbedtls):
    """Compiler flags that keep this machine's paths out of the product."""
    maps = {source.path: "micropython", mbedtls: "mbedtls", ROOT: "unosql"}
    return " ".join("-ffile-prefix-map=%s=%s" % item for item in maps.items())
