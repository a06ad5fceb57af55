"""The PC's side of what tests/device/runner.py prints: output in, one Result a test out."""
import json
from typing import NamedTuple

MARK = "@@ "
TAIL = 4000  # characters of output shown where a target stopped


class Result(NamedTuple):
    outcome: str  # "ok", "fail", "skip"
    note: str  # the exception, or why it was skipped
    output: str
    ms: int = 0
    free: int = 0  # bytes of heap free after the test, 0 where that means nothing


class Report:
    """Collects the results of one module on one target from its output."""

    def __init__(self, names):
        self.results = {}
        self._names = list(names)
        self._current = None
        self._lines = []

    def feed(self, line):
        before, mark, fields = line.rstrip("\r\n").partition(MARK)
        if not mark:
            self._lines.append(before)
            return
        if before:
            self._lines.append(before)
        self._event(json.loads(fields))

    def _event(self, event):
        if "begin" in event:
            self._current = event["begin"]
        else:
            self.results[event["end"]] = Result(
                event["result"], event["note"], "\n".join(self._lines), event["ms"], event["free"])
            self._current = None
        self._lines = []

    def finish(self, why):
        """Give every test without a result a failure that says why and shows the end of the output."""
        where = "in " + self._current if self._current else "outside of any test"
        tail = "\n".join(self._lines)[-TAIL:]
        for name in self._names:
            if name not in self.results:
                self.results[name] = Result("fail", "%s, %s" % (why, where), tail)
        return self.results
