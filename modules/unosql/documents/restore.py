"""Restoring a backup: its contents replace what is there, or are merged with it, as one batch."""

from ..codec import pack_uint
from ..errors import UnosqlError
from . import keys
from .backup import CATALOG, FORMAT
from .changes import entries
from .expiry import unwind
from .index import purge
from .record import header, loads, restamp

# The kind of entries that are there only while a batch restores; sorts among those that change often.
_THERE = b"U"


def restoring(catalog, filename, password):
    """Steps: put a backup's contents into the database, as one batch. Returns how many records and deletions it has."""
    archive = catalog.store.import_(filename, password)
    try:
        if archive.meta["format"] != FORMAT:
            raise UnosqlError("%s: backup format %s is unknown here" % (filename, archive.meta["format"]))
        yield from archive.checking()
        with catalog.atomic():
            restored = yield from _restore(catalog, archive)
        catalog.restored += 1  # what iterates over the state before must not go on
        return restored
    finally:
        archive.close()


def _restore(catalog, archive):
    if archive.meta["full"]:
        for collection in catalog.collections():
            collection.drop()
    restored = 0
    numbers = _Numbers(catalog)
    for key, value in archive.entries():
        restored += _restore_entry(catalog, numbers, key, value)
        yield
    for collection in numbers.collections():
        collection.configure({})  # a capped one may hold too many
    if not archive.meta["full"]:
        yield from _undelete(catalog)
        yield from _check_unique(numbers, archive)
    numbers.forget()
    return restored


class _Numbers:
    """The collections here by their numbers there: entries of the store, since there may be more than RAM has room for."""

    def __init__(self, catalog):
        self._catalog = catalog
        self._store = catalog.store
        self._number = self._collection = None  # the last one asked for

    def __setitem__(self, number, collection):
        self._store.apply([(keys.make(_THERE, number, 0), collection.name.encode())])

    def __getitem__(self, number):
        if number != self._number:
            if self._collection:
                self._collection.save_state()  # its counters: those of many would take RAM until the next flush
            name = self._store.get(keys.make(_THERE, number, 0))
            self._collection = self._catalog.collection(name.decode())
            self._number = number
        return self._collection

    def collections(self):
        """Yield them all."""
        for _, name in self._store.scan(_THERE, keys.above(_THERE)):
            yield self._catalog.collection(name.decode())

    def forget(self):
        """Remove the entries: they are for the batch at hand only."""
        for key, _ in self._store.scan(_THERE, keys.above(_THERE)):
            self._store.apply([(key, None)])


def _restore_entry(catalog, numbers, key, value):
    """Restore one entry; return 1 for a record or a deletion, else 0."""
    kind = key[:1]
    if kind == CATALOG:
        state = loads(value)
        numbers[state["number"]] = _restore_collection(catalog, keys.named(key[1:]), state)
        return 0
    if kind == keys.CHANGE:
        number, id = keys.parse(value, 0)
        _forget(numbers[number], id)
        return 1
    number, id = keys.parse(key)
    if kind == keys.RECORD:
        _restore_record(numbers[number], id, value)
        return 1
    size = len(pack_uint(number))
    catalog.store.apply([(keys.make(kind, numbers[number].number) + key[1 + size :], value)])
    return 0


def _restore_collection(catalog, name, state):
    collection = catalog.collection(name, True)
    if collection.number:
        collection.save_state(next=max(collection.next, state["next"]))
        return collection
    number = catalog.next_number
    indexes = state["indexes"]
    for i in range(len(indexes)):
        indexes[i]["number"] = number + 1 + i
    collection.save_state(number=number, next=state["next"], first=state["first"], options=state["options"], indexes=indexes)
    return collection


def _restore_record(collection, id, raw):
    """Put a record in the place of what is there; leaves unique indexes unchecked."""
    if id < collection.first:
        _reopen(collection, id)
    old = collection.catalog.store.get(collection.key(id))
    new = restamp(raw, collection.catalog.change + 1)
    collection.put(id, old, new, unwind(collection, id, header(raw)[0]), False)


def _forget(collection, id):
    """Delete the record of a deletion, if it is there."""
    raw = collection.raw(id)
    if raw:
        collection.delete(id, raw)


def _reopen(collection, id):
    """Lower `first` to id: what flash still holds from there on is deleted, rather than come back."""
    store = collection.catalog.store
    for kind in (keys.RECORD, keys.HISTORY):
        lo, hi = keys.make(kind, collection.number, id), keys.make(kind, collection.number, collection.first)
        for key, _ in store.scan(lo, hi):
            store.apply([(key, None)])
    for key, value in store.scan(keys.CHANGE, keys.above(keys.CHANGE)):
        number, changed = keys.parse(value, 0)
        if number == collection.number and id <= changed < collection.first:
            store.apply([(key, None)])
    if collection.definitions:
        purge(collection, id, collection.first)
    collection.first = id


def _undelete(catalog):
    """Forget the deletions of records that are there again: the next increment must not tell of them."""
    for change, collection, id, deleted in entries(catalog, 0, catalog.change):
        if deleted is not None and catalog.store.get(collection.key(id)) is not None:
            catalog.store.apply([(keys.make(keys.CHANGE, change), None)])
        yield


def _check_unique(numbers, archive):
    """Only now: a record may take a value over from one that comes after it in the file."""
    for key, _ in archive.entries():
        if key[:1] != keys.RECORD:
            continue
        number, id = keys.parse(key)
        collection = numbers[number]
        record = collection.get(id)
        for index in collection.indexes():
            if record:
                index.check_unique(collection, record)
        yield
