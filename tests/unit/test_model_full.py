"""The whole database against its model on raw flash that is full at times, with callbacks in the middle of its calls.

Full: whatever removes must work, what writes may be refused and then changes nothing, and what was removed takes inserts again.
Callbacks come at every nth access of the storage, as those of timers and pins do: what they call is refused at once, but post().
UNOSQL_STEPS: how many steps it takes in all (default 4,000, of which a quarter here).
"""
import copy
import random
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import invariant, precondition, rule

from media import NorFlash
from test_model import INDEXES, NAMES, PER_RUN, PHASES, RECORDS, STEPS, WHERE, Conflict, Machine, elsewhere  # noqa: F401
from unosql.core import BusyError, StorageFullError, UniqueError, Unosql, UnosqlError
from unosql.storage.flash import Flash

BLOCKS = 40
NOISE = ["".join(random.Random(i).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=600)) for i in range(10)]
PROBES = (
    lambda db: db.insert("a", {}),
    lambda db: db.get("a", 1),
    lambda db: db.find("a", "x", 1),
    lambda db: next(db.iterate("a")),
    lambda db: db.delete("b", "x", 1),
    lambda db: db.transaction().__enter__(),
    lambda db: db.flush(),
    lambda db: db.close(),
)


class Interrupting(NorFlash):
    """Flash that calls callback() at every nth access."""

    every, callback = 0, None

    def _check(self):
        super()._check()
        self.accesses = getattr(self, "accesses", 0) + 1
        if self.every and not self.accesses % self.every:
            every, self.every = self.every, 0
            try:
                self.callback()
            finally:
                self.every = every


class Called:
    """A database within whose calls the callbacks come; generators are read to their end."""

    def __init__(self, machine, db):
        self._machine, self.plain = machine, db

    def __getattr__(self, name):
        def call(*args, **options):
            with self._machine.callbacks():
                result = getattr(self.plain, name)(*args, **options)
                return list(result) if hasattr(result, "send") else result

        return getattr(self.plain, name) if name == "transaction" else call


class FullMachine(Machine):
    """full: the medium is, and what writes may be refused. posts: what a callback may post; posted: what it has.
    refused: how many of these for good; untold: of one nobody was told."""

    def __init__(self):
        self.every = 0
        self.probes = 0
        self.full = False
        self.posts, self.posted, self.refused, self.untold = [], [], 0, False
        super().__init__()

    def fresh_medium(self, before=None):
        medium = Interrupting(BLOCKS, image=before and before.image)
        medium.callback = self.interrupt
        return medium

    def opened(self):
        self.refused, self.untold = 0, False
        return Called(self, Unosql("m", storage=Flash(self.medium, "m"), history=2, memtable=1024))

    # -- callbacks

    @contextmanager
    def callbacks(self):
        self.medium.every = self.every
        try:
            yield
        finally:
            self.medium.every = 0

    def interrupt(self):
        self.probes += 1
        with pytest.raises(BusyError):
            PROBES[self.probes % len(PROBES)](self.db.plain)
        if self.posts and self.db.plain.post("a", self.posts[-1]):
            self.posted.append(self.posts.pop())

    @rule(every=st.sampled_from([0, 1, 2, 3, 5, 7, 11, 31, 97]))
    def call_back(self, every):
        self.every = every

    @precondition(lambda self: self.transaction is None)
    @rule(name=NAMES, every=st.integers(1, 20), posts=st.lists(RECORDS, min_size=1, max_size=5),
          what=st.sampled_from(["insert", "compact", "verify", "delete", "reopen"]))
    def post_within(self, name, every, posts, what):
        self.posts, self.every, before = posts, every, self.every
        if what == "insert":
            self.insert(name, {"x": 1})
        elif what == "delete":
            self.delete(name, {"id": {"lt": 3}})
        elif what != "reopen":
            getattr(self.db, what)()
        elif not self.full:  # closing would say what is lost
            self.reopen()
        self.posts, self.every = [], before
        self.settle()
        if self.posted:
            self.make_room("clear")
            self.settle()

    def settle(self):
        """Let the database write what was posted, and the model too."""
        if not self.posted:
            return
        self.db.plain.count("a")
        stats = self.db.plain.get_stats()
        written = len(self.posted) - stats["posted"]
        refused, self.refused = stats["post_refused"] - self.refused, stats["post_refused"]
        self.untold |= refused > 0
        if self.untold and not stats["posted"]:  # what is not written comes before what was refused
            with pytest.raises(UniqueError):
                self.db.plain.flush()
            self.untold = False
        for record in self.posted[:written]:
            before = copy.deepcopy(self.model)
            try:
                self.model.insert("a", record, self.now)
            except Conflict:
                self.model = before
                refused -= 1
        del self.posted[:written]
        assert not refused and (self.full or not self.posted), stats

    # -- a full medium

    @precondition(lambda self: self.transaction is None)
    @rule()
    def fill(self):
        if "filler" in self.model.collections:
            self.lose("filler", "cap", 0)
        self.full = self.model.short = True
        with pytest.raises(StorageFullError):
            for noise in NOISE * BLOCKS:
                self.db.plain.insert("filler", {"noise": noise})
                self.model.insert("filler", {"noise": noise}, self.now)

    @precondition(lambda self: self.full and self.transaction is None)
    @rule(how=st.sampled_from(["clear", "drop", "delete", "ack", "pop", "cap"]))
    def make_room(self, how):
        if how == "delete":
            self.delete("filler", {"id": {"gt": 0}})
        elif how == "pop":
            while self.db.count("filler"):
                self._pop("filler", 5)
        else:
            self.lose("filler", how, {"ack": 10 ** 6, "cap": 3}.get(how, 0))
        self.full = False

    def refusable(self, step, else_if=False):
        """Do a step that a full medium may refuse in a transaction, which it ends."""
        try:
            step()
        except StorageFullError as error:
            assert self.full and (self.transaction is not None or else_if)
            if self.transaction is not None:
                self.transaction.__exit__(StorageFullError, error, None)
                self.rolled_back()

    def both(self, on_model, on_database, several=False):
        before = copy.deepcopy(self.model)

        def restored():
            try:
                super(FullMachine, self).both(on_model, on_database, several)
            except StorageFullError:
                self.model = before
                raise

        self.refusable(restored, True)

    @rule(name=NAMES, where=WHERE)
    def delete(self, name, where):
        self.refusable(lambda: super(FullMachine, self).delete(name=name, where=where))

    @rule(name=NAMES, what=st.sampled_from(["pop", "ack", "clear", "drop", "cap"]), n=st.integers(0, 30))
    def lose(self, name, what, n):
        creates = what == "cap" and name not in self.model.collections
        self.refusable(lambda: super(FullMachine, self).lose(name=name, what=what, n=n), creates)

    @rule(name=NAMES, keys=INDEXES)
    def drop_index(self, name, keys):
        self.refusable(lambda: super(FullMachine, self).drop_index(name=name, keys=keys))

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self):
        try:
            super().commit()
        except StorageFullError:
            assert self.full
            self.rolled_back()

    @rule()
    def cut(self):
        self.posted.clear()
        super().cut()

    @precondition(lambda self: self.transaction is None and self.backup)
    @rule()
    def restore(self):
        before, full = self.model, self.full
        self.full = full or "filler" in self.backup.collections
        try:
            super().restore()
        except StorageFullError:
            assert self.full
            self.model, self.full = before, full
        self.model.short |= before.short

    @precondition(lambda self: self.transaction is None and self.increment is not None)
    @rule()
    def restore_increment(self):
        before = copy.deepcopy(self.model)
        self.full |= any(name == "filler" for name, _, _ in self.increment)
        try:
            super().restore_increment()
        except StorageFullError:
            assert self.full
            self.model = before

    @precondition(lambda self: self.transaction is None)
    @rule(since=st.integers(0, 40))
    def back_up_increment(self, since):
        try:
            super().back_up_increment(since=since)
        except UnosqlError as error:
            assert self.model.short and "are forgotten" in str(error)
            self.increment = None

    # -- what need not be there any more

    def refresh_feed(self):
        if self.model.short:
            self.compare_feed({(c["collection"], c["id"]): c["deleted"] for c in self.db.changes()})
        else:
            super().refresh_feed()

    def compare_feed(self, found):
        missing = [key for key in self.model.feed if key not in found]
        assert all(self.model.feed[key] for key in missing) and all(self.model.feed[key] == found[key] for key in found)
        self.model.feed = found

    @rule(since=st.integers(0, 30))
    def changes(self, since):
        if self.model.short:
            found = {(c["collection"], c["id"]): c["deleted"] for c in self.db.changes()}
            wanted = [key for key in self.model.feed if key in found]
            assert list(found) == wanted
            self.compare_feed(found)
        super().changes(since=since)

    @rule(name=NAMES, id=st.integers(0, 30))
    def look_at_one(self, name, id):
        if self.model.short and name in self.model.collections:
            self.adopt_versions(name, id)
        super().look_at_one(name=name, id=id)

    def adopt_versions(self, name, id):
        """Forget old versions that the database has not: those of a full medium, and those beyond its depth."""
        c = self.model.collections[name]
        found = self.db.history(name, id)
        kept = [version for version in c["versions"].get(id, []) if version in found]
        assert found[id in c["records"]:] == kept and len(kept) <= 2
        c["versions"][id] = kept

    @invariant()
    def counts(self):
        every, self.every = self.every, 0
        super().counts()
        self.every = every


FullMachine.TestCase.settings = settings(
    max_examples=max(1, STEPS // PER_RUN // 4), stateful_step_count=PER_RUN, deadline=None, phases=PHASES,
    suppress_health_check=list(HealthCheck), print_blob=True,
)


@pytest.mark.usefixtures("elsewhere")
class TestFull(FullMachine.TestCase):
    pass
