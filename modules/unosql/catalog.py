"""The catalogue: which collections there are, and their counters, in RAM and on flash.

It is what the store calls back (store.Hooks). Counters follow the writes that enter the store, alike while it runs
and when it recovers, and are written to flash along with the memtable only.
"""

import json
import time

from . import heap, keys
from .arguments import check_name
from .codec import unpack_uint
from .collection import Collection
from .errors import UnosqlError
from .record import dumps, header

_GLOBALS = keys.CATALOG  # the entry with an empty name: counters of the whole database


class Catalog:
    """All collections of one database.

    history: versions kept of a record where a collection does not say otherwise.
    clock: returns seconds since the port's epoch; it may go backwards.
    """

    def __init__(self, history=4, clock=time.time):
        self.history = history
        self.clock = clock
        self.store = None
        self.in_transaction = False
        self.restored = 0  # how many times restore() has put another state in place
        self.change = 0  # number of the last change
        self.next_number = 1  # a number that no collection ever had
        self.forgotten = [0, 0]  # the change up to which deletions are forgotten, and the newest timestamp of these
        self.live = 0  # see Hooks
        self.walked = 0  # the change at which somebody looked for old deletions
        self.promise = None  # of a deletion that is under way, or was when the power failed: see shortage.py
        self._names = {}
        self._numbers = {}
        self._dirty = set()

    def now(self):
        """The time as whole seconds."""
        return max(0, int(self.clock()))

    def collection(self, name, create=False):
        """Return a collection; one that does not exist is empty, and made by its first write when create is set."""
        check_name(name)
        found = self._names.get(name)
        if not found:
            if create:
                heap.tidy()  # it stays: above garbage it would split the gap that is left when that goes
            found = Collection(self, name)
        if create:
            self._names[name] = found
        return found

    def numbered(self, number):
        """Return the collection with a number, or None."""
        return self._numbers.get(number)

    def collections(self):
        """Return the existing collections, sorted by name."""
        return [self._names[name] for name in sorted(self._names) if self._names[name].number]

    # -- transactions

    def begin(self):
        """Start a transaction. ValueError in another one."""
        if self.in_transaction:
            raise ValueError("there is a transaction already")
        self.store.begin()
        self.in_transaction = True
        self.spoiled = False

    def commit(self):
        """Make all writes since begin() one durable batch. Whatever it raises has rolled them back."""
        try:
            if self.spoiled:
                raise UnosqlError("rolled back: a call in the transaction had failed half-way")
            self.store.commit()
        except BaseException:
            self.rollback()
            raise
        self.in_transaction = False

    def rollback(self):
        """Forget the writes since begin(), and what they did to the counters."""
        self.in_transaction = False
        self.store.rollback()

    def atomic(self):
        """Return a context manager: the writes within are one batch, or part of the transaction at hand."""
        from .transaction import Joined, Transaction

        return Joined(self) if self.in_transaction else Transaction(self)

    # -- what the store calls

    def reload(self):
        for collection in self._names.values():
            collection.decode(None)
        self._numbers.clear()
        self.change = 0
        self.next_number = 1
        self.promise = None
        self.forgotten = [0, 0]
        for key, value in self.store.scan(keys.CATALOG, keys.above(keys.CATALOG)):
            self._replay_entry(key, value)
        self._dirty.clear()

    def replay(self, key, value):
        kind = key[:1]
        if kind == keys.RECORD:
            self._replay_record(key, value)
        elif kind == keys.CATALOG:
            self._replay_entry(key, value)
        elif kind == keys.CHANGE and value is not None:
            self._changed(unpack_uint(key, 1)[0])

    def before_flush(self):
        entries = [self._names[name].entry() for name in self._dirty if name in self._names]
        if self._dirty:
            entries.append(self.counters())
        return sorted(entries)

    def counters(self, **changes):
        """Return the operation that stores the state of the whole database, with some of it changed."""
        state = {"change": self.change, "next": self.next_number, "forgotten": self.forgotten, "promise": self.promise}
        state.update(changes)
        return _GLOBALS, dumps({name: state[name] for name in state if state[name] not in (None, [0, 0])})

    def flushed(self):
        self._dirty.clear()

    def expand(self, key, value):
        if key[:1] != keys.RECORD or value is None:
            return None
        return keys.make(keys.CHANGE, header(value)[2]), key[1:]

    def is_dead(self, key, value):
        kind = key[:1]
        if kind == keys.CATALOG or self.in_transaction:
            return False
        if kind == keys.CHANGE:
            return value is not None and self._is_dead_id(*keys.parse(value, 0))
        number, id = keys.parse(key)
        if kind != keys.INDEX:
            return self._is_dead_id(number, id)
        collection = self._numbers.get(number)
        if not collection or not collection.has_index(id):
            return True
        return value is not None and unpack_uint(value, 0)[0] < collection.first

    def is_dead_range(self, lo, hi):
        kind = lo[:1]
        if kind != hi[:1] or kind not in (keys.HISTORY, keys.INDEX, keys.RECORD) or self.in_transaction:
            return False
        number, id = keys.parse(lo)
        other, last = keys.parse(hi)
        if number != other:
            return False
        if kind != keys.INDEX:
            return self._is_dead_id(number, last)
        collection = self._numbers.get(number)
        return not collection or id == last and not collection.has_index(id)

    def grows(self, ops):
        return any(value is not None and key[:1] in (keys.RECORD, keys.INDEX) for key, value in ops)

    def _is_dead_id(self, number, id):
        collection = self._numbers.get(number)
        return not collection or id < collection.first

    def _replay_record(self, key, value):
        number, id = keys.parse(key)
        version = 0
        if value is not None:
            version, _, change, _ = header(value)
            self._changed(change)
        collection = self._numbers.get(number)
        if not collection:  # made or gone in this very transaction, whose catalogue entries follow
            return
        self._dirty.add(collection.name)
        if value is None:
            collection.removed(id)
        elif version == 1:
            collection.added(id)

    def _replay_entry(self, key, value):
        if key == _GLOBALS:
            values = json.loads(value)
            self.next_number = max(self.next_number, values["next"])
            self.promise = values.get("promise")
            self.forgotten = values.get("forgotten", [0, 0])
            return self._changed(values["change"])
        name = key[1:].decode()
        collection = self.collection(name, True)
        self._numbers.pop(collection.number, None)
        self.live -= collection.count
        collection.decode(value)
        self.live += collection.count
        if value is None:
            self._dirty.discard(name)
            del self._names[name]
        else:
            self._dirty.add(name)
            self._numbers[collection.number] = collection
            used = [index["number"] for index in collection.definitions]
            self.next_number = max(self.next_number, collection.number + 1, *[n + 1 for n in used])

    def _changed(self, change):
        self.change = max(self.change, change)
        self._dirty.add("")
