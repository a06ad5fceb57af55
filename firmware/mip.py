"""Packages for `mip install`, for users who do not flash: package.json in the root, and compiled ones.

Format: MicroPython's documentation, "Package management", "Writing & publishing packages".
"""
import json
import shutil

from . import info, targets
from .commands import Commands
from .paths import MODULES, ROOT

PACKAGE = ROOT / "package.json"


def package():
    """package.json for the sources in this repository; paths are relative to it."""
    files = sorted(file.relative_to(MODULES).as_posix() for file in MODULES.rglob("*.py"))
    return {"urls": [[name, "modules/" + name] for name in files], "deps": [], "version": info.version()}


def text(content):
    """The file's text, a line each file."""
    rows = ",\n".join("    " + json.dumps(row) for row in content["urls"])
    return '{\n  "urls": [\n%s\n  ],\n  "deps": %s,\n  "version": %s\n}\n' % (
        rows, json.dumps(content["deps"]), json.dumps(content["version"]))


def write():
    """Bring package.json up to date."""
    PACKAGE.write_text(text(package()))
    return PACKAGE


def copy_to(folder):
    """A package of the sources as they are, which needs no compiler, in the new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    urls = package()["urls"]
    for name, source in urls:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / source, folder / name)
    (folder / "package.json").write_text(text(dict(package(), urls=[[name, name] for name, _ in urls])))
    return folder


def compile_to(folder):
    """A package of .mpy files, which take less RAM to import, in the new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    mpy_cross, urls = targets.mpy_cross(), []
    for name, source in package()["urls"]:
        compiled = name.removesuffix(".py") + ".mpy"
        (folder / compiled).parent.mkdir(parents=True, exist_ok=True)
        Commands().run(mpy_cross, "-s", name, "-o", folder / compiled, ROOT / source, quiet=True)
        urls.append([compiled, compiled])
    (folder / "package.json").write_text(text(dict(package(), urls=urls)))
    return folder
