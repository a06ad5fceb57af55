"""Paths and options for all tests; on the PC unosql runs on CPython with the stand-ins in shims/."""
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
for folder in (TESTS / "shims", ROOT / "modules", ROOT):
    sys.path.insert(0, str(folder))
collect_ignore = ["device", "shims"]  # device modules run through test_device.py


def pytest_addoption(parser):
    group = parser.getgroup("device tests")
    group.addoption("--target", action="append", metavar="NAME",
                    help="host, unix, unix32, qemu or serial:PORT; repeatable; default: all that this machine can")
    group.addoption("--source", action="store_true",
                    help="on unix and unix32 run modules/ as it is, not what is frozen into the binary")
    group.addoption("--jobs", type=int, default=2, help="device sessions at a time (default 2)")
