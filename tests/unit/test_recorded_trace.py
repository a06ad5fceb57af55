"""The engine leaves the bytes that it left before: the first calls of tests/runs/recorded_trace.py, and what that is worth."""
import json

import pytest

import recorded_trace
from unosql.kv.manifest import Manifest

CALLS = 750


@pytest.mark.parametrize("case", recorded_trace.CASES)
def test_the_same_calls_leave_the_same_bytes(case):
    digests, seen = recorded_trace.record(case, CALLS)
    assert len(digests) == CALLS // recorded_trace.PART and recorded_trace.differences(case, digests) is None
    assert seen["levels"] > 2 and seen["large_transaction"] and seen["reset"] + seen["reopen"] > 5 and seen["transaction"] > 10
    assert len(json.loads(recorded_trace.GOLDEN.read_text())[case]) == recorded_trace.OPERATIONS // recorded_trace.PART


def test_a_difference_is_noticed(monkeypatch):
    """One manifest more."""
    monkeypatch.setattr(Manifest, "write", lambda *args, write=Manifest.write: (write(*args), write(*args)))
    digests, _ = recorded_trace.record("flash-plain", recorded_trace.PART)
    assert recorded_trace.differences("flash-plain", digests) == "flash-plain: calls 1 to 250 leave other bytes than before"
