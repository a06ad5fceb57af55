"""A Store in RAM: a dict behind the interface of unosql.kv.store.Store, for tests of the documents layer alone.

It shows what the documents layer may rely on: hooks.replay() gets every operation as it enters, before_flush() is
never asked for the state in the middle of a batch, and a rollback replays what was there at begin().
"""
from types import SimpleNamespace

from unosql.kv.merge import STOP, Merging, fed


def is_dead(store, key, value):
    """Whether compaction would forget an entry of a store."""
    return Merging([fed([(key, value)])], store).run(None) == STOP


class Below:
    """Levels below that may hold any key."""

    def holders_below(self, level, key):
        return [self]

    def may_hold(self, key):
        return True


class FakeStore:
    """flash: a dict to share between stores, that stands for the medium. largest: bytes of the largest operation."""

    def __init__(self, hooks, flash=None, largest=4096):
        self.hooks = self.observer = hooks
        self.memtable, self.version = SimpleNamespace(is_buffered=False), Below()
        self.flash = {} if flash is None else flash
        self.batched = self.is_short = False
        self.largest = largest
        self.batches = []  # of operations, as applied
        self.fail = None  # an exception that the next apply() or commit() raises
        self._staged = self._base = None

    def open(self, password=None, iterations=0, buffered=False):
        self.data = dict(self.flash)
        self.hooks.reload()

    def close(self):
        pass

    def ready(self):
        pass

    def flush(self):
        """What a store does when its memtable is full: at any time, but never within a batch."""
        self.flash.clear()
        self.flash.update(self.data if self._staged is None else self._base[0])
        self.flash.update(self.hooks.before_flush() if self._staged is None else self._base[1])
        if self._staged is None:
            self.data = dict(self.flash)
            self.hooks.flushed()

    flush_buffered = trim = flush

    def compact(self):
        self.flush()
        dead = [key for key, value in self.data.items() if is_dead(self, key, value)]
        for key in dead:
            del self.data[key]
            self.flash.pop(key, None)

    def get(self, key):
        return self.data.get(key)

    peek = get

    def expect_peeks(self):
        pass

    def scan(self, lo, hi=None, reverse=False):
        """Sees what is written while it runs, as the real one does."""
        while True:
            found = [key for key in self.data if key >= lo and (hi is None or key < hi)]
            if not found:
                return
            key = max(found) if reverse else min(found)
            yield key, self.data[key]
            lo, hi = (lo, key) if reverse else (key + b"\0", hi)

    def apply(self, ops):
        self._maybe_fail()
        ops = list(ops)
        for key, value in ops:
            if len(key) + len(value or b"") > self.largest:
                raise ValueError("too large")
        self.batches.append(ops)
        for key, value in ops:
            self._put(key, value)
            if self.hooks.expand(key, value):
                self._put(*self.hooks.expand(key, value))
        for op in ops:
            self.hooks.replay(*op)

    def _put(self, key, value):
        if value is None:
            self.data.pop(key, None)
        else:
            self.data[key] = value

    def _maybe_fail(self):
        error, self.fail = self.fail, None
        if error:
            raise error

    def begin(self):
        assert self._staged is None
        self._staged = len(self.batches)
        self._base = dict(self.data), self.hooks.before_flush()

    def commit(self):
        self._maybe_fail()
        staged = [op for batch in self.batches[self._staged :] for op in batch]
        self.batches[self._staged :] = [staged]
        self._staged = self._base = None
        return ()  # nothing is due

    def rollback(self, error=None):
        if self._staged is None:
            return
        self.data, ops = self._base
        del self.batches[self._staged :]
        self._staged = self._base = None
        self.hooks.reload()
        for op in ops:
            self.hooks.replay(*op)
