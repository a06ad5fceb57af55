"""Where things are. Importing this puts what tests and runs share on sys.path: MicroPython's stand-ins first of all.

A program of tests/runs puts this folder there itself, then imports it.
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SUPPORT, RUNS, UNIT, DEVICE = (TESTS / name for name in ("support", "runs", "unit", "device"))
SHIMS = SUPPORT / "shims"
GOLDEN = SUPPORT / "golden"

for _folder in (ROOT, RUNS, SUPPORT, ROOT / "modules", SHIMS):  # shims first: modules/uzlib.py is for MicroPython
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
