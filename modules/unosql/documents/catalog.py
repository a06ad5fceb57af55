"""The catalogue: which collections there are, and their counters.

It is what the store calls back (observer.Observer). A few collections are in RAM, those used last. Of others RAM has only
the counters that changed since the last flush: these follow the writes that enter the store, alike while it runs and
when it recovers, and are written to flash along with the memtable only.
"""

import time

from ..native import native
from .. import heap, state
from ..errors import StorageFullError, UnosqlError
from . import keys
from .arguments import check_name
from .collection import COUNTERS, Collection
from .expiry import forget
from .record import dumps, header, loads
from .transaction import Transaction

_GLOBALS = keys.CATALOG  # the entry with an empty name: counters of the whole database
# Collections in RAM, 250 bytes each, on a small heap and on others.
_SMALL = 4
_LARGE = 64
# Names that are read at a time, lest a scan stays open; and that a flush adds where an older version left them out.
_FEW = 16
# Collections changed since the last flush with which a transaction begins: it keeps their entries until its end.
_CHANGED = 8
# And at which buffered writes are flushed on a small heap: 80 bytes each.
_CROWD = 24
# Numbers that compaction has looked up, and remembers.
_KNOWN = 32
# Looks for expired records at a collection, where flash is short or all is merged.
_LOOKS = 32
# Bytes of bits that tell of as many newest numbers that nothing of them is dead, on a small heap and on others.
_BITS_SMALL = 256
_BITS_LARGE = 2048
_NOBODYS = (1 << 62,)  # no id is alive, and no index


class Catalog:
    """All collections of one database.

    history: versions kept of a record where a collection does not say otherwise.
    clock: returns seconds since the port's epoch, and may go backwards; the port's own where there is none.
    """

    largest = 1 << 16  # bytes that one entry may have; who makes the store knows better

    def __init__(self, history=4, clock=None):
        self.history = history
        self.clock = clock or time.time
        self.store = None
        self.in_transaction = False
        self.durable = 0  # the last change that was known to be durable: see aio.py
        self.restored = 0  # how many times restore() has put another state in place
        self.change = 0  # number of the last change
        self.next_number = 1  # a number that no collection ever had
        self.forgotten = [0, 0, 0]  # change and timestamp up to which deletions are forgotten; the change passed in search of more
        self.live = self._lived = 0  # see Observer; and as it was when the transaction began
        self.walked = 0  # the change at which somebody looked for old deletions
        self.promise = None  # of a deletion that is under way, or was when the power failed: see shortage.py
        self._cached = []  # Collections, most recently used last
        self._changed = {}  # what the next flush writes: names; values: see Collection.counters(), None: it is cached
        self._named = True  # or: collections above this name may lack the entry that leads from the number to the name
        self._naming = True  # what that becomes at the next flush
        self._known = {}  # see _alive(): by number
        self._whole = b""  # bits by number: a collection that is not cached, and nothing of it was dead

    def now(self):
        """The time as whole seconds."""
        return max(0, int(self.clock()))

    def collection(self, name, create=False):
        """Return a collection; one that does not exist is empty. create: its first write is to come, and makes it."""
        name = check_name(name)
        return self._used(self._among_cached(name)) or self._loaded(name, self.store.get, create)

    def _loaded(self, name, read, tidy=False):
        if tidy:
            heap.collect()  # this object is long-lived: above garbage it would later split a large gap
        collection = Collection(self, name)
        self.load(collection, read)
        return collection

    def _among_cached(self, name):
        for found in reversed(self._cached):
            if found.name == name:
                return found

    def _used(self, collection):
        """Move a collection to the end of the cache; nothing here may fail half-way."""
        cached = self._cached
        if collection and cached[-1] is not collection:
            for i in range(cached.index(collection) + 1, len(cached)):
                cached[i - 1] = cached[i]
            cached[-1] = collection
        return collection

    def load(self, collection, read=None):
        """Give a collection its state, which it loses when it leaves the cache or when all is loaded anew."""
        name = collection.name
        other = self._among_cached(name)
        if other:
            self._let_go(other)  # a search that goes on still had the one, and another call has made this
        value = (read or self.store.get)(keys.collection(name))
        while len(self._cached) >= (_SMALL if state.small else _LARGE):
            self._let_go(self._cached[0])
        self._cached.append(collection)
        try:
            collection.decode(value, self._changed.get(name))
            self._set_whole(collection.number, False)
        except BaseException:
            self._cached.remove(collection)
            collection.forget()
            raise
        if name in self._changed:
            self._changed[name] = None

    def _let_go(self, collection):
        if collection.name in self._changed:
            self._changed[collection.name] = collection.counters()
        if not self._whole:
            self._whole = bytearray(_BITS_SMALL if state.small else _BITS_LARGE)
            self.store.expect_peeks()
        self._set_whole(collection.number, collection.first == 1)
        self._cached.remove(collection)
        collection.forget()

    def numbered(self, number, read=None):
        """Return the collection with a number, or None. read: what reads an entry; store.peek() within a write."""
        read = read or self.store.get
        for found in reversed(self._cached):
            if found.number == number:
                return self._used(found)
        name = read(keys.name(number))
        name = self._sought(number) if name is None else keys.named(name)
        found = name and (self._used(self._among_cached(name)) or self._loaded(name, read))
        return found if found and found.number == number else None

    def _sought(self, number):
        """Return the name of the collection with a number, of those that may lack the entry which says so; or None."""
        if self._named is not True:
            for key, value in self.store.scan(keys.collection(self._named) + b"\0", keys.above(keys.CATALOG)):
                if loads(value)["number"] == number:
                    return keys.named(key[1:])

    def names(self):
        """Yield the names of the existing collections, sorted."""
        name = ""
        while name is not None:
            names = self._some(name)
            yield from names
            name = names[-1] if len(names) == _FEW else None

    def _some(self, name):
        """Return the next names behind one."""
        names = []
        entries = self.store.scan(keys.collection(name) + b"\0", keys.above(keys.CATALOG))
        for key, _ in entries:
            names.append(keys.named(key[1:]))
            if len(names) == _FEW:
                break
        entries.close()
        return names

    def collections(self):
        """Yield the existing collections, sorted by name."""
        for name in self.names():
            found = self.collection(name)
            if found.number:
                yield found

    # -- transactions

    def begin(self):
        """Start a transaction. ValueError in another one."""
        if self.in_transaction:
            raise ValueError("there is a transaction already")
        if len(self._changed) > _CHANGED and state.small:
            self._settle()
        self._lived = self.live
        self._known.clear()
        self.spoiled = False
        self.in_transaction = True  # first: should Ctrl-C come now, the next call rolls back
        try:
            self.store.begin()
        except BaseException:
            self.rollback()
            raise

    def _settle(self):
        try:
            self.store.flush()
        except StorageFullError:
            pass  # then it takes more RAM

    def commit(self):
        """Make all writes since begin() one durable batch. Whatever it raises has rolled them back."""
        try:
            if self.spoiled:
                raise UnosqlError("rolled back: a call in the transaction had failed half-way")
            due = self.store.commit()
        except BaseException as error:
            self.rollback(error)
            raise
        self.in_transaction = False
        for _ in due:  # no task comes between: a call that is cancelled there would be done
            pass

    def rollback(self, error=None):
        """Forget the writes since begin(), and what they did to the counters. error: what ended it; if it found no room, room is made."""
        self.in_transaction = False
        self.live = self._lived
        self.store.rollback(error)

    def atomic(self):
        """Return a context manager: the writes within are one batch, or part of the transaction at hand."""
        return Transaction(self)

    @property
    def mark(self):
        """Another one once a batch is durable."""
        return self.change, self.next_number

    def has_made_room(self, mark):
        """Whether a batch that found no room may be tried once more: rolled back, it had all reclaimed that was removed before.

        mark: before it. What raised may have come behind the batch's own writes, which are durable then.
        """
        return not self.in_transaction and not self.store.is_short and self.mark == mark

    # -- what the store calls

    def reload(self):
        for collection in self._cached:
            collection.forget()
        self._cached.clear()
        self._changed.clear()
        self._known.clear()
        self._whole = b""
        self.change = 0
        self.next_number = 1
        self.promise = None
        self.forgotten = [0, 0, 0]
        value = self.store.get(_GLOBALS)
        self._named = self._naming = loads(value).get("named", "") if value else True
        if value:
            self._replay_entry(_GLOBALS, value)
        self._changed.clear()

    def replay(self, key, value):
        kind = key[:1]
        if kind == keys.RECORD:
            self._replay_record(key, value)
        elif kind == keys.CATALOG:
            self._replay_entry(key, value)
        elif kind == keys.CHANGE and value is not None:
            self._note_change(native.unpack_uint(key, 1)[0])

    def before_flush(self):
        return list(self._entries())

    def flushing(self):
        missing = _FEW if self._changed and self._named is not True else 0
        return len(self._changed) + missing, self._entries()

    def counters(self, **changes):
        """Return the operation that stores the state of the whole database, with some of it changed."""
        state = {"change": self.change, "next": self.next_number, "named": self._named}
        state.update({"forgotten": self.forgotten, "promise": self.promise}, **changes)
        return _GLOBALS, dumps({name: state[name] for name in state if state[name] not in (None, [0, 0, 0])})

    def flushed(self):
        if not self.in_transaction:
            self.durable = self.change
        self._named = self._naming
        self._changed.clear()
        self._known.clear()

    def crowded(self):
        return len(self._changed) > _CROWD and state.small

    def expand(self, key, value):
        if value is None:
            return None
        if key[:1] == keys.RECORD:
            return keys.make(keys.CHANGE, header(value)[2]), key[1:]
        if key[:1] == keys.CATALOG and key != _GLOBALS:
            return keys.name(loads(value)["number"]), key[1:]

    def mortal(self):
        return None if self.in_transaction else self._known

    def learn(self, key, number):
        return not (key[:1] != keys.INDEX and self._is_whole(number)) and self._alive(number) is not None

    def is_dead_range(self, lo, hi):
        kind = lo[:1]
        if self.in_transaction or kind != hi[:1] or kind == keys.CHANGE or kind not in _MORTAL:
            return False
        (first, start), (last, end) = keys.parse(lo), keys.parse(hi)
        if last - first >= _KNOWN or not all(self._alive(number) is _NOBODYS for number in range(first, last)):
            return False
        alive = self._alive(last)
        if alive is None:
            return False
        if kind != keys.INDEX:
            return end < alive[0]
        return not any(id <= end and (last > first or start <= id) for id in alive[1:])

    def forget_expired(self):
        live = self.live
        if not self.in_transaction:  # within one it would free nothing
            for found in self.collections():
                for _ in range(_LOOKS if found.options.get("ttl") else 0):
                    changes = forget(found)
                    if changes:
                        found.save_state(**changes)
                    elif not found.swept:
                        break
        return self.live < live

    def grows(self, ops):
        for key, value in ops:
            kind = value is not None and key[:1]
            if kind in (keys.RECORD, keys.INDEX):
                return True
            if kind == keys.CATALOG and key != _GLOBALS and self.store.get(key) is None:  # a new collection
                return True
        return False

    # -- what is alive, for compaction: that may always be told that something is

    def _alive(self, number):
        """Return (first id, index number...) of what is alive of a collection's number, or None when that is not sure.

        Within a merge: what RAM has, or two reads by peek(). Asked for one number many times, and for those of
        changes to and fro. An answer stays true while it is known: first only rises but in a transaction.
        """
        known = self._known.get(number)
        if known is None and number < self.next_number:
            try:
                known = self._find_alive(number)
            except (MemoryError, OSError, UnosqlError):
                return None
            if len(self._known) >= _KNOWN:
                self._known.clear()
            if known is not None:
                self._known[number] = known
        return known

    def _find_alive(self, number):
        for found in self._cached:
            if found.number == number:
                return _living(found.first, found.definitions)
        name = self.store.peek(keys.name(number))
        if name is None:
            return _NOBODYS if self._named is True else None
        value = self.store.peek(keys.CATALOG + name)
        state = loads(value) if value else {"number": 0}
        return _living(state["first"], state["indexes"]) if state["number"] == number else _NOBODYS

    def _set_whole(self, number, whole):
        i = number & 8 * len(self._whole) - 1
        if self._is_recent(number):
            bits = self._whole[i >> 3] & ~(1 << (i & 7))
            self._whole[i >> 3] = bits | whole << (i & 7)

    def _is_whole(self, number):
        i = number & 8 * len(self._whole) - 1
        return self._is_recent(number) and bool(self._whole[i >> 3] >> (i & 7) & 1)

    def _is_recent(self, number):
        return 0 < self.next_number - number <= 8 * len(self._whole)

    def _note_number(self, number):
        """A number was given away."""
        if number - self.next_number >= 8 * len(self._whole):
            self._whole, self.next_number = b"", max(self.next_number, number + 1)
        while self.next_number <= number:
            self.next_number += 1
            self._set_whole(self.next_number - 1, False)

    # -- entries of the catalogue

    def _entries(self):
        """Generator of before_flush(): in key order."""
        if not self._changed:
            return
        yield from self._missing_names()
        yield self.counters(named=self._naming)
        for name in sorted(self._changed, key=keys.collection):
            value = name and self._state(name)
            if value:
                yield keys.collection(name), value

    def _state(self, name):
        """Return the entry of a collection that has changed, or None when it is gone."""
        found = self._among_cached(name)
        if found:
            return found.catalogue_op()[1]
        value = self.store.peek(keys.collection(name))
        return value and dumps(dict(loads(value), **dict(zip(COUNTERS, self._changed[name]))))

    def _missing_names(self):
        """Return some of the entries that lead from numbers to names and that older versions did not write."""
        if self._named is True:
            return ()
        names = self._some(self._named)
        self._naming = names[-1] if len(names) == _FEW else True
        numbers = [loads(self.store.peek(keys.collection(name)))["number"] for name in names]
        return sorted([(keys.name(numbers[i]), keys.collection(names[i])[1:]) for i in range(len(names))])

    def _replay_record(self, key, value):
        number, id = keys.parse(key)
        version = 0
        if value is not None:
            version, _, change, _ = header(value)
            self._note_change(change)
        collection = self.numbered(number, self.store.peek)
        if not collection:  # made or gone in this very transaction, whose catalogue entries follow
            return
        self._changed[collection.name] = None
        if value is None:
            collection.removed(id)
        elif version == 1:
            collection.added(id)

    def _replay_entry(self, key, value):
        if key == _GLOBALS:
            values = loads(value)
            self._note_number(values["next"] - 1)
            self.promise = values.get("promise")
            self.forgotten = values.get("forgotten", [0, 0, 0])
            return self._note_change(values["change"])
        name = keys.named(key[1:])
        self._known.clear()
        cached = self._among_cached(name)
        if cached:
            self.live -= cached.entries(cached.count)
            cached.decode(value)
            self.live += cached.entries(cached.count)
        if value is None:
            self._changed.pop(name, None)
            return
        state = loads(value)
        self._changed[name] = None if cached else [state[counter] for counter in COUNTERS]
        if self.store.peek(key) == value:  # it is written: not when this is of the WAL, or what a rollback brings back
            del self._changed[name]
        self._changed[""] = None
        self._note_number(max([state["number"]] + [index["number"] for index in state["indexes"]]))

    def _note_change(self, change):
        self.change = max(self.change, change)
        self._changed[""] = None


_MORTAL = (keys.HISTORY, keys.INDEX, keys.RECORD, keys.CHANGE)


def _living(first, definitions):
    return (first,) + tuple([definition["number"] for definition in definitions])
