"""Comes between MicroPython's tools/makemanifest.py, which runs a manifest, and the mpy-tool that it calls."""
import argparse
import sys
from pathlib import Path

from .content import freeze
from .values import Refusal

HERE = Path(__file__).resolve().parent


def install(plan):
    """Have makemanifest freeze with constants. Nothing where something else reads the manifest."""
    program = sys.modules["__main__"]
    if Path(sys.argv[0]).name != "makemanifest.py" or not hasattr(program, "system"):
        return
    arguments = _read(sys.argv[1:])
    moduledefs = Path(arguments.build_dir) / "genhdr" / "moduledefs.h"
    _forget(Path(arguments.output), [Path(plan), moduledefs, *HERE.glob("*.py")])
    files = _remember(program.manifestfile.ManifestFile)

    def system(command):
        """Of what makemanifest runs: `python mpy-tool.py ...`."""
        try:
            return 0, freeze(command[1], command[2:], Path(plan), moduledefs, files).encode()
        except Refusal as refusal:
            sys.exit(str(refusal))

    program.system = system


def _read(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output")
    parser.add_argument("-b", "--build-dir")
    return parser.parse_known_args(arguments)[0]


def _forget(output, sources):
    """makemanifest compares output with the frozen files only."""
    if output.exists() and any(source.stat().st_mtime >= output.stat().st_mtime for source in sources):
        output.unlink()


def _remember(manifest):
    """{file name in the firmware: path}, filled when makemanifest asks a manifest for its files."""
    files = {}
    original = manifest.files

    def list_files(self):
        found = list(original(self))
        files.update((file.target_path, str(file.full_path)) for file in found)
        return found

    manifest.files = list_files
    return files
