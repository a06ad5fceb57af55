"""Branch coverage of what must be covered wholly on the PC: `make coverage`. Fails, and names the lines, below 100 %.

    python tests/runs/coverage_gate.py [pytest's arguments]
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from here import ROOT, UNIT  # noqa: E402

MODULES = ROOT / "modules" / "unosql"
# What decides whether data is authentic, durable and found again: the folders of the store and the storage, whole, and what of
# the others they stand on or what makes batches of them.
FOLDERS = ("kv", "storage")
COVERED = ("codec", "documents/keys", "documents/transaction", "documents/shortage")
# The tests of the store and below, and of batches: fast, on CPython only.
FILES = (
    "test_blocks", "test_crypto", "test_recovery", "test_batches", "test_store", "test_storage", "test_raw_flash",
    "test_archive", "test_memory", "test_documents", "test_transaction", "test_states", "test_reclaim", "test_delta",
)


def paths(folder, names, folders=()):
    """The files of these names, and all of these folders; FileNotFoundError for one that is gone: what it held would go unseen."""
    found = [folder / (name + ".py") for name in names] + [folder / name / "__init__.py" for name in folders]
    found += [path for name in folders for path in sorted((folder / name).glob("*.py")) if path not in found]
    missing = [str(path) for path in found if not path.exists()]
    if missing:
        raise FileNotFoundError("tests/runs/coverage_gate.py names what is not there: " + ", ".join(missing))
    return found


def main(arguments):
    modules, tests = paths(MODULES, COVERED, FOLDERS), paths(UNIT, FILES)
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, COVERAGE_FILE=os.path.join(folder, "data"))
        coverage = [sys.executable, "-m", "coverage"]
        source = "--source=" + str(MODULES)  # what no test imports counts as well
        pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--target", "host", *map(str, tests), *arguments]
        status = subprocess.run([*coverage, "run", "--branch", source, *pytest], cwd=ROOT, env=environment).returncode
        include = "--include=" + ",".join(map(str, modules))
        report = [*coverage, "report", include, "-m", "--skip-covered", "--fail-under=100", "--precision=2"]
        return status or subprocess.run(report, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    from firmware import outcome

    sys.exit(outcome.status_of(main, sys.argv[1:]))
