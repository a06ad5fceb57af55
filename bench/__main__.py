"""python3 -m bench [part ...]: measure all, or flash, turnover, heap, instructions, latency or frozen anew, and report; `report`: only that."""
import os
import sys

from firmware import deps, outcome
from firmware.lock import building
from firmware.paths import ROOT, VENV, unfit
from firmware.progress import Failure, say


def _environment():
    """The Python of build/venv, with what the bench needs on top."""
    with building():
        deps.ensure("bench")
        return str(deps.drawing_python())


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
        if written := report.write_sections(results):
            return say("written to docs/BENCH.md: only %s, since not measured yet: %s" % (", ".join(written), ", ".join(lacking)))
        raise Failure("not measured yet: %s" % ", ".join(lacking))
    missed = report.write(results)
    say("written to docs/BENCH.md and docs/bench.svg; %d budgets missed" % missed)


if __name__ == "__main__":
    sys.exit(outcome.status_of(main, sys.argv[1:]))
