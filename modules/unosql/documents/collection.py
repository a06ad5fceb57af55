"""One collection: its counters, and each of its writes as one batch of store operations.

`first` is a low-water mark: records with smaller ids are gone, whatever flash still holds of them. Capped
collections, TTL and queues raise it, which costs the same for one record as for a million.
"""

from ..codec import pack_uint
from ..errors import StorageFullError
from . import keys
from .condition import same
from .expiry import forget, forget_deletions, surplus, unwind
from .index import Index, maintain
from .record import check, dumps, header, loads, pack, picked, unpack

# A collection with a TTL looks for expired records at one insert of this many, and a deletion for old ones after as many
# changes.
_EVERY = 16
_TOP = 1 << 62
# What the key of an earlier version and its lengths take at the most, about.
_VERSION = 32
# Of the state, what records change.
COUNTERS = ("next", "count", "first")
_STATE = COUNTERS + ("number", "options", "definitions", "_indexes", "_rules")


class Collection:
    """A collection of a catalog, which loads the state; the number is 0 as long as the collection does not exist.

    The state goes when others need its place in RAM, and comes back when somebody who kept this object asks for it.
    next: id of the next insert. count: records from `first` on. options: capped, ttl, history, schema. swept: where looking for
    expired records goes on.
    """

    def __init__(self, catalog, name):
        self.catalog = catalog
        self.name = name
        self.swept = 0

    # -- the catalogue's entry

    def __getattr__(self, name):
        if name not in _STATE:
            raise AttributeError(name)
        self.catalog.load(self)
        return getattr(self, name)

    def forget(self):
        """Let the state go."""
        for name in _STATE:
            try:
                delattr(self, name)
            except AttributeError:
                pass  # it was never there

    def counters(self):
        """Return what records change of the state: next, count, first."""
        return self.next, self.count, self.first

    def decode(self, value, counters=None):
        """Take the state from an entry of the catalogue; None: there is no such collection. counters: newer ones."""
        state = loads(value) if value else {}
        self.number = state.get("number", 0)
        self.next = state.get("next", 1)
        self.count = state.get("count", 0)
        self.first = state.get("first", 1)
        self.options = state.get("options", {})
        self.definitions = state.get("indexes", [])
        self._indexes = self._rules = None
        if counters and self.number:
            self.next, self.count, self.first = counters

    def catalogue_op(self, **changes):
        """Return the operation that stores the state, with some of it changed."""
        state = {
            "number": self.number or self.catalog.next_number,
            "next": self.next,
            "count": self.count,
            "first": self.first,
            "options": self.options,
            "indexes": self.definitions,
        }
        state.update(changes)
        return keys.collection(self.name), dumps(state)

    def save_state(self, **changes):
        """Store a changed state."""
        self.catalog.store.apply([self.catalogue_op(**changes)])

    def added(self, id):
        """A record was inserted; the oldest goes where the number is capped and no id is missing."""
        dense = self.is_dense
        self.next = max(self.next, id + 1)
        self.count += 1
        capped = self.options.get("capped")
        if capped and self.count > capped and dense:
            self.first = self.next - capped
            self.count = capped
        else:
            self.catalog.live += self.entries(1)

    def removed(self, id):
        """A record was deleted."""
        if id >= self.first:
            self.count -= 1
            self.catalog.live -= self.entries(1)

    def entries(self, n):
        """How many entries n records have, their changes included."""
        return n * (2 + len(self.definitions))

    @property
    def is_dense(self):
        """Whether all ids from `first` on are there."""
        return self.next - self.first == self.count

    # -- reading

    def key(self, id):
        """The store's key of a record."""
        return keys.make(keys.RECORD, self.number, id)

    def is_expired(self, raw):
        """Whether a stored record is older than the collection's TTL."""
        ttl = self.options.get("ttl")
        return bool(ttl) and header(raw)[1] + ttl <= self.catalog.now()

    def _may_hold(self, id):
        if not isinstance(id, int) or isinstance(id, bool):
            raise ValueError("id is an int, not %r" % (id,))
        return self.first <= id < self.next

    def raw(self, id):
        """Return a record as stored, or None."""
        if not self._may_hold(id):
            return None
        raw = self.catalog.store.get(self.key(id))
        return None if raw is None or self.is_expired(raw) else raw

    def get(self, id):
        """Return a record, or None."""
        raw = self.raw(id)
        return None if raw is None else unpack(raw, id)

    def scan(self, lo=0, hi=_TOP, reverse=False):
        """Yield (id, raw) of the records with lo <= id < hi."""
        for id, raw in self.stored(lo, hi, reverse):
            if not self.is_expired(raw):
                yield id, raw

    def history(self, id):
        """Return the current and earlier versions of a record, newest first."""
        if not self._may_hold(id):
            return []
        raw = self.catalog.store.get(self.key(id))
        if raw and self.is_expired(raw):
            return []
        versions = [unpack(raw, id)] if raw else []
        depth = self.depth + len(versions)
        prefix = keys.make(keys.HISTORY, self.number, id)
        if self.depth:
            for _, raw in self.catalog.store.scan(prefix, keys.above(prefix), True):
                versions.append(unpack(raw, id))
                if len(versions) == depth:
                    break
        return versions

    def version_at(self, id, change):
        """Return the newest kept version, as stored, of a record that had changed since a change; None: there is none."""
        prefix = keys.make(keys.HISTORY, self.number, id)
        for _, raw in self.catalog.store.scan(prefix, keys.above(prefix), True):
            if header(raw)[2] <= change:
                return raw

    def size(self):
        """How many records there are."""
        if not self.options.get("ttl"):
            return self.count
        n = 0
        for _ in self.scan():
            n += 1
        return n

    @property
    def depth(self):
        """Versions kept of a record besides the current one."""
        return self.options.get("history", self.catalog.history)

    def indexes(self):
        """Return the Index objects."""
        if self._indexes is None:
            if not self.definitions:
                return ()
            self._indexes = list(map(Index, self.definitions))
        return self._indexes

    def stored(self, lo=0, hi=_TOP, reverse=False):
        """Yield (id, raw), expired records included."""
        number = self.number
        lo, hi = max(lo, self.first), min(hi, self.next)
        if lo >= hi:
            return
        for key, raw in self.catalog.store.scan(self.key(lo), self.key(hi), reverse):
            id = keys.parse(key)[1]
            if self.number != number:  # cleared meanwhile
                return
            if id >= self.first:
                yield id, raw

    # -- writing

    def insert(self, record):
        """Insert a record and return its id."""
        check(record)
        self._obey(record)
        while True:
            id = self.next
            raw = pack(1, self.catalog.now(), self.catalog.change + 1, record)
            changes = self._trim()
            ops = self.index_ops(id, None, self.definitions and self._for_indexes(record, raw), changes)
            if changes or not self.number:
                ops.insert(0, self.catalogue_op(**changes))
            number = self.number or self.catalog.next_number
            ops.append((keys.make(keys.RECORD, number, id), raw))
            try:
                self.catalog.store.apply(ops)
                return id
            except StorageFullError:
                if not self.catalog.forget_expired():
                    raise

    def _obey(self, record):
        """Raise ValueError when a record breaks the schema."""
        if self.options.get("schema"):
            from .schema import compiled, obey

            if self._rules is None:
                self._rules = compiled(self.options["schema"])
            obey(self._rules, record)

    def _for_indexes(self, record, raw):
        """Return a stored record with the fields that indexes look at: all of a wide one, read again, take much RAM."""
        names = set()
        for definition in self.definitions:
            if definition["where"] is not None:
                return raw
            for field in definition["keys"]:
                names.update((field, field.split(".")[0]))
        return pack(*header(raw)[:3], picked(record, names))

    def update(self, id, raw, edit):
        """Change a stored record. edit: changes the dict of its fields."""
        version, _, _, i = header(raw)
        fields = loads(raw[i:], True)
        edit(fields)
        self._obey(fields)
        new = pack(version + 1, self.catalog.now(), self.catalog.change + 1, fields)
        self.replace(id, raw, new, [])

    def delete(self, id, raw):
        """Delete a stored record."""
        change = self.catalog.change + 1
        self.catalog.store.apply(self.deletion(id, raw, change, not self.catalog.store.is_short))
        if change >= self.catalog.walked + _EVERY:
            self.catalog.walked = change
            forget_deletions(self)

    def deletion(self, id, raw, change, keep):
        """Return the operations that delete a stored record. keep: its last version stays in the history, as those before."""
        version, _, last, _ = header(raw)
        marker = self.marker(id, self.catalog.now())
        ops = [(self.key(id), None), (keys.make(keys.CHANGE, last), None), (keys.make(keys.CHANGE, change), marker)]
        if keep:
            ops += self._retire(id, raw)
        elif version > 1:
            ops += unwind(self, id, 1)
        return ops + self.index_ops(id, raw, None, {})

    def marker(self, id, timestamp):
        """Return the value of the change that tells of a deletion."""
        return pack_uint(self.number) + pack_uint(id) + b"\x01" + pack_uint(timestamp)

    def replace(self, id, old, new, ops, unique=True):
        """Write a new version, along with what follows from it."""
        state = {}
        ops.append((self.key(id), new))
        if old:
            ops.append((keys.make(keys.CHANGE, header(old)[2]), None))
            if header(old)[0] < header(new)[0]:
                ops += self._retire(id, old)
        ops += self.index_ops(id, old, new, state, unique)
        if state:
            ops.insert(0, self.catalogue_op(**state))
        self.catalog.store.apply(ops)

    def put(self, id, old, new, ops, unique=True):
        """replace() with a record that brings its id and version, which tells no insert from an update: old does."""
        count, following, first = self.count + (old is None), max(self.next, id + 1), self.first
        self.replace(id, old, new, ops, unique)
        self.count, self.next, self.first = count, following, first

    def _retire(self, id, old):
        """Return the operations that move a version to the history, and those beyond its depth out of it."""
        depth, version = self.depth, header(old)[0]
        last = version - depth  # the newest one beyond
        fits = len(old) + _VERSION <= self.catalog.largest  # it may have been written with a larger one
        ops = [(self._version(id, version), old)] if depth and fits else []
        if last > 1 and self.catalog.store.get(self._version(id, last - 1)) is not None:
            return ops + surplus(self, id, max(depth - 1, 0))
        if depth and last > 0:
            ops.append((self._version(id, last), None))
        return ops

    def _version(self, id, version):
        return keys.make(keys.HISTORY, self.number, id, version)

    def index_ops(self, id, old, new, changes, unique=True):
        """Return the operations on index entries; put into changes what they change in the catalogue's entry.

        They are computed from what is stored: writing a float as JSON may round it.
        """
        if not self.definitions:
            return []
        return maintain(self, id, old, new, changes, unique)

    # -- dropping the oldest

    def _trim(self):
        """Return the changes of state that make room for one more record."""
        capped = self.options.get("capped")
        if capped and self.count >= capped and not self.is_dense:
            return self._without(self.count + 1 - capped)
        if self.options.get("ttl") and self.next % _EVERY == 0:
            return forget(self)
        return {}

    def _without(self, n):
        """The state without the n oldest records."""
        if self.is_dense:
            return {"first": self.first + n, "count": self.count - n}
        first = self.first
        left = n
        for id, _ in self.stored():
            if not left:
                break
            first = id + 1
            left -= 1
        return {"first": first, "count": self.count - n}

    # -- the collection as a whole

    def configure(self, options):
        """Change options: a dict of capped, ttl, history, schema. 0 turns capped and ttl off, {} a schema, which all records obey."""
        options = dict(self.options, **options)
        if options.get("schema") and not same(options["schema"], self.options.get("schema")):
            from .schema import obey_all

            obey_all(self, options["schema"])
        changes = {"options": options}
        if options.get("capped") and self.count > options["capped"]:
            changes.update(self._without(self.count - options["capped"]))
        if not self.number or len(changes) > 1 or not same(options, self.options):
            self.save_state(**changes)

    def settings(self):
        """Return all options as they are in force, a dict."""
        options = {"capped": 0, "ttl": 0, "history": self.depth, "schema": {}}
        options.update(loads(dumps(self.options)))  # a copy: what is returned may be changed
        return options

    def clear(self):
        """Remove all records and indexes: they belong to a number that is no longer anyone's."""
        if self.number:
            name = keys.name(self.number), None
            self.catalog.store.apply([self.catalogue_op(number=self.catalog.next_number, first=self.next, count=0, indexes=[]), name])

    def drop(self):
        """Remove the collection. False when there is none."""
        if not self.number:
            return False
        self.catalog.store.apply([(keys.collection(self.name), None), (keys.name(self.number), None)])
        return True
