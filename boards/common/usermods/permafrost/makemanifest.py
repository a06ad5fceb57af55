"""Stands in for MicroPython's tools/makemanifest.py, with a plan before its arguments: makemanifest.py PLAN -o FILE -b ..."""
import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from freezing.content import freeze, load  # noqa: E402
from freezing.values import Refusal  # noqa: E402


def main():
    plan, *rest = sys.argv[1:]
    arguments = _read(rest)
    folder = Path(next(v for v in arguments.var if v.startswith("MPY_DIR="))[len("MPY_DIR="):]) / "tools"
    moduledefs = Path(arguments.build_dir) / "genhdr" / "moduledefs.h"
    _forget(Path(arguments.output), [Path(plan), moduledefs, *HERE.rglob("*.py")])
    sys.argv = [str(folder / "makemanifest.py"), *rest]
    sys.path.insert(0, str(folder))
    original = load(folder / "makemanifest.py", "original_makemanifest")
    files = _remember(original.manifestfile.ManifestFile)

    def system(command):
        """Of what makemanifest runs: `python mpy-tool.py ...`."""
        try:
            return 0, freeze(command[1], command[2:], Path(plan), moduledefs, files).encode()
        except Refusal as refusal:
            sys.exit(str(refusal))

    original.system = system
    original.main()


def _read(rest):
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output")
    parser.add_argument("-b", "--build-dir")
    parser.add_argument("-v", "--var", action="append")
    return parser.parse_known_args(rest)[0]


def _forget(output, sources):
    """makemanifest compares output with the frozen files only. Where cmake has run the original first, output is without constants."""
    if output.exists() and (b"PERMAFROST" not in output.read_bytes() or any(
            source.stat().st_mtime >= output.stat().st_mtime for source in sources)):
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


if __name__ == "__main__":
    main()
