"""Invariant 11: the same calls leave the same bytes, whether C or Python makes them.

    python tests/unit/test_twins.py [--jobs N] [--report docs/RELIABILITY.md] [CALLS]
"""
import argparse
import concurrent.futures
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
    import here  # noqa: F401

import pytest

import reliability
from here import SUPPORT
from firmware import targets
from firmware.paths import MODULES

TRACE = SUPPORT / "twins" / "trace.py"
COMPARED = {"append", "bisect", "checksum", "children", "decode", "encode_delta", "entry", "flaw", "get", "header", "is_ascii", "lookup", "meta",
            "overlaps", "part", "place", "root", "scan", "search", "seek", "tag", "unpack_uint", "unseal",
            "Merge_feeds", *("Merge%d" % event for event in range(-8, 0))}
KEYS = ("-", "16bytekey1234567")
CI = 1200  # calls of each case in the test
EACH = 5000  # calls of one seed in the script


def digests(bits, twin, key, calls, seed):
    """The lines that trace.py prints on the unix port, running modules/ as it is."""
    command = [targets.unix(bits), "-X", "heapsize=2M", TRACE, twin, key, str(calls), str(seed)]
    done = subprocess.run(command, env={"MICROPYPATH": "%s:.frozen" % MODULES}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    return done.stdout.splitlines()


def compare(bits, key, calls, seed):
    """Make the calls by both twins. AssertionError: where they differ first."""
    ours, theirs = (digests(bits, twin, key, calls, seed) for twin in ("c", "python"))
    assert len(ours) == calls // 100 == len(set(ours))
    for line, other in zip(ours, theirs):
        assert line == other, "up to call %s, seed %d, %d bits" % (line.split()[0], seed, bits)


@pytest.mark.parametrize("key", KEYS, ids=["plain", "encrypted"])
@pytest.mark.parametrize("bits", [64, 32])
def test_both_twins_leave_the_same_bytes(bits, key):
    compare(bits, key, CI, 1)


@pytest.mark.parametrize("bits", [64, 32])
def test_calls_come_to_the_same(bits):
    """Of each function that reads or packs entries, on arguments that are whole and on damaged ones."""
    command = [targets.unix(bits), "-X", "heapsize=4M", SUPPORT / "twins" / "calls.py", "2000", str(bits)]
    done = subprocess.run(command, env={"MICROPYPATH": "%s:.frozen" % MODULES}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    results = {name: (int(made), int(failed)) for name, made, failed in map(str.split, done.stdout.splitlines())}
    assert set(results) == COMPARED and all(made > (1000 if name[:5] != "Merge" else 300) for name, (made, _) in results.items())
    assert all(results[name][1] > 50 for name in ("children", "decode", "entry", "get", "lookup", "meta", "part", "search", "seek"))


def main():
    parser = argparse.ArgumentParser(description="Make random calls by C and by Python, and compare the flash.")
    parser.add_argument("calls", type=int, nargs="?", default=100000)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default 1)")
    parser.add_argument("--report", metavar="FILE", help="write the counts into this page")
    args = parser.parse_args()
    start, each = time.monotonic(), min(EACH, args.calls)
    cases = [(64 if seed % 4 < 2 else 32, KEYS[seed % 2], each, seed) for seed in range(args.calls // each)]
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
    try:
        for n, _ in enumerate(pool.map(lambda case: compare(*case), cases), 1):
            print(n * each, "calls", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)  # after a difference the others are not waited for
    text = "%d random calls by each, half of them encrypted, in %d s; the flash was the same after every hundred." % (
        len(cases) * each, time.monotonic() - start)
    reliability.tell(text, "twins", args.report)


if __name__ == "__main__":
    main()
