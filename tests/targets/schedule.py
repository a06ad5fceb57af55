"""Runs the sessions (one module on one target in one mode) that the selected tests need, some at a time."""
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple


class Session(NamedTuple):
    target: str
    mode: str
    module: str


class Schedule:
    """wanted: {Session: names of its tests}. Sessions of a board run one after the other; boards come first,
    because they take longest."""

    def __init__(self, wanted, target, directory, quiet, workers):
        self._wanted = wanted
        self._target = target  # name -> object with run() and close()
        self._directory = directory  # Session -> a fresh directory
        self._quiet = quiet  # Session -> seconds of silence allowed
        self._results = {session: Future() for session in wanted}
        self._pool = ThreadPoolExecutor(workers)
        for chain in self._chains():
            self._pool.submit(self._run_chain, chain)

    def result(self, session, name):
        return self._results[session].result()[name]

    def close(self):
        self._pool.shutdown(cancel_futures=True)

    def _chains(self):
        boards, programs = {}, []
        for session in self._wanted:
            if session.target in ("host", "unix", "unix32"):
                programs.append([session])
            else:
                boards.setdefault(session.target, []).append(session)
        return list(boards.values()) + programs

    def _run_chain(self, chain):
        for session in chain:
            try:
                self._results[session].set_result(self._run(session))
            except Exception as e:
                self._results[session].set_exception(e)

    def _run(self, session):
        return self._target(session.target).run(
            session.module, session.mode, self._wanted[session], self._directory(session), self._quiet(session))
