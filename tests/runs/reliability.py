"""All long runs whose counts docs/RELIABILITY.md shows, one after the other: `make reliability`.

    python tests/runs/reliability.py [--jobs 2] [--only NAME] [--quick]     --quick: a small share of each, the page is left alone
"""
import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from here import ROOT, RUNS, UNIT  # noqa: E402
from firmware import deps, outcome  # noqa: E402
from firmware.lock import building  # noqa: E402

PAGE = ROOT / "docs" / "RELIABILITY.md"


def write_section(path, name, text):
    """Put text between the marks <!-- name --> and <!-- /name --> of a page."""
    start, end = "<!-- %s -->" % name, "<!-- /%s -->" % name
    head, found, rest = Path(path).read_text().partition(start)
    if not found or end not in rest:
        raise ValueError("%s has no section %s" % (path, name))
    Path(path).write_text(head + start + "\n" + text + "\n" + rest[rest.index(end) :])


def tell(text, name, page):
    """Print what a run has counted, and put it between the marks of a page, if there is one."""
    print(text)
    if page:
        write_section(page, name, text)


def have_drawing():
    """Have what draws the plot in build/venv: before hours of runs, not after them."""
    with building():
        deps.drawing_python()


def runs(quick, jobs):
    """(name, arguments of Python) of each run."""
    jobs = "--jobs", str(jobs)
    return (
        ("powerloss", ["powerloss.py", *jobs, "--stride", "200" if quick else "1"]),
        ("images", ["test_fuzz.py", *jobs, "2000" if quick else "1000000"]),
        ("flash", ["test_fuzz.py", "--flash", *jobs, "2000" if quick else "200000"]),
        ("codec", ["test_codec.py", *jobs, "20000" if quick else "10000000"]),
        ("twins", ["test_twins.py", *jobs, "2000" if quick else "100000"]),
        ("memory", ["memory.py", "--step", "16384" if quick else "1024"]),
        ("kills", ["run_kills.py", "--rounds", "2" if quick else "100"]),
        ("kills-encrypted", ["run_kills.py", "--encrypted", "--rounds", "2" if quick else "50"]),
        ("life", ["life.py", *jobs, "--inserts", "3000" if quick else "1000000"]),
        ("models", ["reliability.py", "--models", "2000" if quick else "100000"]),
        ("fleet-chaos", ["fleet_chaos.py", "--rounds", "2" if quick else "8", "--seconds", "8" if quick else "30"]),
        ("fleet-thousand", ["fleet_thousand.py", *(["--devices", "40", "--kills", "4"] if quick else [])]),
    )


def models(steps, page):
    """The hypothesis state machines with so many random steps each, a quarter of them on a full medium."""
    start = time.monotonic()
    tests = [str(UNIT / name) for name in ("test_store.py", "test_model.py", "test_model_full.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    subprocess.run(command, cwd=ROOT, env=dict(os.environ, UNOSQL_STEPS=str(steps)), check=True)
    text = "%d random steps of each, %d with a full medium and callbacks, in %d s; no difference." % (steps, steps // 4, time.monotonic() - start)
    tell(text, "models", page)


def main():
    parser = argparse.ArgumentParser(description="Run everything that docs/RELIABILITY.md counts.")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default 2)")
    parser.add_argument("--only", metavar="NAME", help="one of the runs")
    parser.add_argument("--quick", action="store_true", help="a small share of each; the page is left alone")
    parser.add_argument("--models", type=int, metavar="STEPS", help="only the state machines")
    parser.add_argument("--report", metavar="FILE")
    args = parser.parse_args()
    names = [name for name, _ in runs(args.quick, args.jobs)]
    if args.only and args.only not in names:
        parser.error("--only takes one of " + ", ".join(names))
    if args.models:
        return models(args.models, args.report)
    if not args.quick and args.only in (None, "life"):
        have_drawing()
    for name, (script, *arguments) in runs(args.quick, args.jobs):
        if args.only in (None, name):
            start = time.monotonic()
            report = [] if args.quick else ["--report", str(PAGE)]
            if subprocess.run([sys.executable, str((UNIT if script.startswith("test_") else RUNS) / script), *arguments, *report]).returncode:
                sys.exit("%s failed" % name)
            print("%s: %d s" % (name, time.monotonic() - start), flush=True)


if __name__ == "__main__":
    sys.exit(outcome.status_of(main))
