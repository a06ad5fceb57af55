"""Branch coverage of what must be covered wholly on the PC: `make coverage`. Fails, and names the lines, below 100 %.

    python tests/covered.py [pytest's arguments]
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent
MODULES = TESTS.parent / "modules" / "unosql"
# What decides whether data is authentic, durable and found again. A name that is not there is skipped: modules may be
# split or joined.
COVERED = (
    "codec", "crypto", "envelope", "header", "wal", "manifest", "recovery", "store", "staging", "transaction", "rekey",
    "segment", "reader", "writer", "merge", "buffers", "files", "ring", "flash", "blocks", "chain",
)
# The tests of the store and below: fast, on CPython only.
FILES = (
    "test_blocks", "test_crypto", "test_recovery", "test_batches", "test_store", "test_storage", "test_raw_flash",
    "test_archive", "test_memory", "test_documents", "test_transaction",
)


def files():
    """The modules to cover that there are."""
    found = [MODULES / (name + ".py") for name in COVERED]
    return [path for path in found if path.exists()]


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, COVERAGE_FILE=os.path.join(folder, "data"))
        coverage = [sys.executable, "-m", "coverage"]
        source = "--source=" + str(MODULES)  # what no test imports counts as well
        tests = [str(TESTS / (name + ".py")) for name in FILES]
        run = coverage + ["run", "--branch", source, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target", "host", *tests, *arguments]
        status = subprocess.run(run, cwd=TESTS.parent, env=environment).returncode
        include = "--include=" + ",".join(map(str, files()))
        report = coverage + ["report", include, "-m", "--skip-covered", "--fail-under=100", "--precision=2"]
        return status or subprocess.run(report, cwd=TESTS.parent, env=environment).returncode


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS.parent))
    from firmware import outcome

    sys.exit(outcome.status_of(main, sys.argv[1:]))
