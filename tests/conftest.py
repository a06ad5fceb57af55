"""Paths and options for all tests; on the PC unosql runs on CPython with the stand-ins in shims/."""
import subprocess

import here  # noqa: F401

# Sessions start processes from several threads; some sandboxes then fail vfork's exec now and then (EFAULT).
subprocess._USE_VFORK = False
collect_ignore = ["device", "runs", "support"]  # device modules run through unit/test_device.py


def pytest_addoption(parser):
    group = parser.getgroup("device tests")
    group.addoption("--target", action="append", metavar="NAME",
                    help="host, unix, unix32, qemu or serial:PORT; repeatable; default: all that this machine can")
    group.addoption("--source", action="store_true",
                    help="on unix and unix32 run modules/ as it is, not what is frozen into the binary")
    group.addoption("--jobs", type=int, default=2, help="device sessions at a time (default 2)")


def pytest_terminal_summary(terminalreporter):
    """What each target ran, how long that took there, and the least heap that a test left free."""
    totals = {}
    for report in (r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ())):
        properties = dict(report.user_properties)
        if "free_heap" in properties:
            target = "-".join(report.nodeid.split("[")[1].split("-")[:2])
            totals.setdefault(target, []).append((properties["ms"], properties["free_heap"]))
    for target, tests in totals.items():
        terminalreporter.write_line("%-14s %4d tests %7.1f s   least free heap %s" % (
            target, len(tests), sum(ms for ms, _ in tests) / 1000, min((free for _, free in tests if free), default="-")))
