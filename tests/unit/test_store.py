"""The store against a model: a dict, and the list of states that a cut may leave.

UNOSQL_STEPS: how many steps the state machine takes in all (default 4,000; at scale 100,000 and more).
UNOSQL_SHRINK: look for the shortest example of a failure.
"""
import os

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from memfs import MemFs, begin_spilled
from unosql.documents.steps import finish
from unosql.kv import compaction
from unosql.errors import ClosedError, StorageFullError, UnosqlError, WrongKeyError
from unosql.storage.files import Files
from unosql.kv.observer import Observer
from unosql.kv.store import Store

STEPS = int(os.environ.get("UNOSQL_STEPS", 4000))
PER_RUN = 50
KEYS = st.binary(min_size=1, max_size=3).map(lambda b: b"R" + bytes(c & 15 for c in b))
VALUES = st.none() | st.binary(max_size=40) | st.integers(0, 700).map(lambda n: b"v" * n)
OPS = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=6)
PASSWORDS = st.sampled_from([None, b"sixteen byte key", b"another passphrase"])


FAILURES = (OSError, StorageFullError)


class Cut(BaseException):
    """The power is gone."""


class Cutting(MemFs):
    """Fails at a change of the medium: with Cut, after which it is not to be used, or with an OSError."""

    def __init__(self, files=None):
        super().__init__(files)
        self.left = None
        self.error = Cut

    def _tick(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                if self.error is not Cut:
                    self.left = None  # once
                raise self.error if self.error is Cut else OSError(self.error, "injected")

    def open(self, path, mode="rb"):
        if "w" not in mode:
            return super().open(path, mode)
        self._tick()
        file = super().open(path, mode)
        inner = file.close

        def close():
            if not file.closed:
                self._tick()
                inner()

        file.close = close
        return file

    def remove(self, path):
        self._tick()
        super().remove(path)


def make(fs, **options):
    return Store(Files("t.udb", slots=8, fs=fs), Observer(), **options)


FAULTS = st.none() | st.none() | st.tuples(st.sampled_from([Cut, 28, 5]), st.integers(0, 4) | st.integers(0, 30))


def merged(state, ops):
    after = dict(state)
    for key, value in ops:
        if value is None:
            after.pop(key, None)
        else:
            after[key] = value
    return after


class StoreMachine(RuleBasedStateMachine):
    """Whatever happens, the store holds what was acknowledged."""

    def __init__(self):
        super().__init__()
        self.small = compaction._LEVEL1
        compaction._LEVEL1 = 4096  # three levels with little data
        self.model = {}
        self.staged = None
        self.bulk = False

    def teardown(self):
        compaction._LEVEL1 = self.small

    @initialize(password=PASSWORDS, memtable=st.sampled_from([1024, 2048, 4096]))
    def create(self, password, memtable):
        self.fs = Cutting()
        self.password, self.memtable = password, memtable
        self._open()

    def _open(self):
        self.fs.left = None
        self.fs = Cutting(self.fs.files)  # what the store before still holds open dies with it
        self.store = make(self.fs, memtable=self.memtable)
        self.store.storage.erase = 1024
        self.store.open(self.password, 2)

    @property
    def view(self):
        return self.model if self.staged is None else self.staged

    def _do(self, call, after, fault=None):
        """Run a call that makes the state `after`; a failure that was injected leaves the old state or the new."""
        if fault:
            self.fs.error, self.fs.left = fault
        try:
            call()
        except Cut:
            self._open()
        except FAILURES:
            if self.staged is not None:
                with pytest.raises(UnosqlError) if self.store.is_suspect else pytest.raises(ZeroDivisionError):
                    self.store.get(b"R")  # neither the old state nor half of the new one
                    1 / 0
                self.store.rollback()
        else:
            self.fs.left = None
            if self.staged is not None:
                self.staged = after
            else:
                self.model = after
            return
        self.fs.left = None
        found = dict(self.store.scan(b""))
        assert found == self.model or self.staged is None and found == after
        self.model, self.staged = found, None

    @rule(ops=OPS, fault=FAULTS)
    def apply(self, ops, fault):
        self._do(lambda: self.store.apply(ops), merged(self.view, ops), fault)

    @rule(n=st.integers(1, 60), random=st.randoms(use_true_random=False), size=st.sampled_from([10, 60, 400]), fault=FAULTS)
    def fill(self, n, random, size, fault):
        """Many batches, the failure somewhere among them."""
        for i in range(n):
            key = b"R" + bytes([random.randrange(4), random.randrange(40)])
            ops = [(key, None if random.random() < 0.2 else random.randbytes(random.randrange(size)))]
            self._do(lambda: self.store.apply(ops), merged(self.view, ops), fault if i == n // 2 else None)

    @precondition(lambda self: self.staged is None)
    @rule(bulk=st.booleans(), fault=FAULTS, fill=st.booleans(), ops=OPS, data=st.data())
    def begin(self, bulk, fault, fill, ops, data):
        """A transaction or a bulk batch; more steps may come before its end."""
        try:
            begin_spilled(self.store) if bulk else self.store.begin()
        except (Cut,) + FAILURES as error:
            return self._open() if isinstance(error, Cut) else None
        self.staged, self.bulk = dict(self.model), bulk
        if fill:
            self.fill(data.draw(st.integers(1, 60)), data.draw(st.randoms(use_true_random=False)), 60, None)
        else:
            self.apply(ops, None)
        if data.draw(st.booleans()) and self.staged is not None:
            self.end(data.draw(st.booleans()), fault)

    @precondition(lambda self: self.staged is not None)
    @rule(commit=st.booleans(), fault=FAULTS)
    def end(self, commit, fault):
        after, self.staged = self.staged, None
        if commit:
            self._do(self.store.commit, after, fault)
        else:
            self._do(self.store.rollback, self.model, fault)

    @precondition(lambda self: self.staged is None)
    @rule(what=st.sampled_from(["compact", "flush", "trim"]), fault=FAULTS)
    def maintain(self, what, fault):
        self._do(getattr(self.store, what), self.model, fault)

    @precondition(lambda self: self.staged is None)
    @rule(password=PASSWORDS, fault=FAULTS)
    def rekey(self, password, fault):
        """After a failure the store is usable without being told the key; after a cut one of the keys fits."""
        if fault:
            self.fs.error, self.fs.left = fault
        header = self.store.manifest.header
        try:
            finish(self.store.rekeying(password, 2))
            self.password = password
        except Cut:
            try:
                self._open()
            except WrongKeyError:
                self.password = password
                self._open()
        except FAILURES:
            self.fs.left = None
            assert dict(self.store.scan(b"")) == self.model
            if self.store.manifest.header != header:
                self.password = password
        self.fs.left = None

    @rule(close=st.booleans())
    def reopen(self, close):
        if close:
            self.store.close()
            with pytest.raises(ClosedError):
                self.store.get(b"R")
        self.staged = None
        self._open()

    @rule(lo=KEYS, hi=KEYS, reverse=st.booleans())
    def scan(self, lo, hi, reverse):
        expected = sorted((k, v) for k, v in self.view.items() if lo <= k < hi)
        assert list(self.store.scan(lo, hi, reverse)) == (expected[::-1] if reverse else expected)
        assert self.store.get(lo) == self.view.get(lo)

    @precondition(lambda self: self.staged is None)
    @rule(reverse=st.booleans(), ops=OPS, fault=FAULTS)
    def scan_while_writing(self, reverse, ops, fault):
        before, seen = dict(self.model), []
        for i, (key, _) in enumerate(self.store.scan(b"", None, reverse)):
            seen.append(key)
            if i == 2:
                store = self.store
                self.apply(ops, fault)
                if store is not self.store:
                    return  # that one lost its power
        assert seen == sorted(seen, reverse=reverse) and len(set(seen)) == len(seen)
        touched = {key for key, _ in ops}
        assert {k for k in seen if k not in touched} == {k for k in before if k not in touched}
        assert {k for k in touched if k in before and k in self.model} <= set(seen)

    @rule()
    def verify(self):
        assert list(self.store.verify()) == []
        assert list(self.store.scan(b"")) == sorted(self.view.items())
        for key in list(self.view)[:5]:
            assert self.store.get(key) == self.view[key]

    @invariant()
    def bounded(self):
        """Level 0 is short, and on the medium are no files but the manifest's (invariant 5)."""
        if hasattr(self, "store") and not self.store.is_suspect and self.staged is None:
            assert len(self.store.version.levels[0]) <= self.store.policy.limit
            numbers = {segment.number for segment in self.store.version.segments()}
            found = set(self.store.storage.numbers())
            assert numbers <= found
            job = self.store.compaction._job
            assert job or numbers == found - set(self.store.segments.obsolete)


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=max(1, STEPS // PER_RUN), stateful_step_count=PER_RUN, deadline=None,
    suppress_health_check=list(HealthCheck), derandomize="UNOSQL_STEPS" not in os.environ, database=None,
    phases=[Phase.generate] + [Phase.shrink] * ("UNOSQL_SHRINK" in os.environ))
