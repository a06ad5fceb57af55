"""python3 -m bench [part ...]: measure all, or flash, heap, instructions or frozen anew, and report; `report`: only that."""
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from firmware import deps, outcome
from firmware.lock import building
from firmware.paths import ROOT, VENV, unfit
from firmware.progress import Failure, Step, say

REQUIREMENTS = Path(__file__).resolve().parent / "requirements.txt"


def _environment():
    """The Python of build/venv, with what the bench needs on top."""
    with building():
        deps.ensure("bench")
        python = deps.venv_python()
        stamp = VENV / ".bench"
        wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            with Step("installing what draws the plot into build/venv"):
                command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", REQUIREMENTS]
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stamp.write_text(wanted)
    return str(python)


def main(parts):
    if reason := unfit(ROOT):
        raise Failure("%s; move the repository elsewhere" % reason)
    python = _environment()
    if not os.path.samefile(sys.prefix, VENV):
        os.execv(python, [python, "-m", "bench", *parts])
    from . import measure, report

    if unknown := set(parts) - set(measure.PARTS) - {"report"}:
        raise Failure("no part %s to measure; there are: %s, report" % (", ".join(unknown), ", ".join(measure.PARTS)))
    results = measure.load() if parts == ["report"] else measure.measure(parts or measure.PARTS)
    if lacking := [part for part in measure.PARTS if part not in results]:
        raise Failure("not measured yet: %s" % ", ".join(lacking))
    missed = report.write(results)
    say("written to docs/BENCH.md and docs/bench.svg; %d budgets missed" % missed)


if __name__ == "__main__":
    sys.exit(outcome.status_of(main, sys.argv[1:]))
