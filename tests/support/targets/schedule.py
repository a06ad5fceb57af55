"""Runs the sessions (one module on one target in one mode) that the selected tests need, some at a time."""
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple


class Session(NamedTuple):
    target: str
    mode: str
    module: str


class Job(NamedTuple):
    """What a target is to run. quiet: seconds without output after which it counts as hung. free_heap: bytes that
    are free when the tests start, where the heap's size can be chosen; 0: the usual heap. changes_code: of unosql, which must
    not be in flash then."""

    module: str
    mode: str
    names: list
    directory: Path
    quiet: int
    free_heap: int = 0
    changes_code: bool = False


class Schedule:
    """jobs: {Session: Job}. target: from a name to an object with run(job). Sessions of a board run one after the
    other; boards come first, because they take longest."""

    def __init__(self, jobs, target, workers):
        self._jobs = jobs
        self._target = target
        self._results = {session: Future() for session in jobs}
        self._pool = ThreadPoolExecutor(workers)
        for chain in self._chains():
            self._pool.submit(self._run_chain, chain)

    def result(self, session, name):
        return self._results[session].result()[name]

    def close(self):
        self._pool.shutdown(cancel_futures=True)

    def _chains(self):
        boards, programs = {}, []
        for session in self._jobs:
            if session.target in ("host", "unix", "unix32"):
                programs.append([session])
            else:
                boards.setdefault(session.target, []).append(session)
        return list(boards.values()) + programs

    def _run_chain(self, chain):
        for session in chain:
            try:
                self._results[session].set_result(self._target(session.target).run(self._jobs[session]))
            except Exception as e:
                self._results[session].set_exception(e)
