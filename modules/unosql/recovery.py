"""Recovery: from what lies on the medium to a consistent store. It is loaded for opening only.

Nothing is written before all has been read, and nothing removed before all has been understood: an error must lose nothing.
"""

from . import heap
from .errors import CorruptionError
from .manifest import Manifest
from .memtable import Memtable, decode_entry, encode_entry
from .reader import Reader
from .wal import Wal


def load(store, password, iterations):
    """Open what store.storage holds, or create a database. password, iterations, errors: see Store.open()."""
    storage = store.storage
    storage.open()  # of a log that failed to append, only the medium knows what is there
    store.log = storage.log(b"w")
    body = store.slots.find(storage.log(b"m"), password)
    used = store.manifest.next_file if store.manifest else 1  # of a batch given up, whose files are gone
    store.manifest = Manifest()
    if body is None:
        _check_blank(store)
        store.slots.create(password, iterations)
    _make_parts(store)
    if body is None:
        _create(store)
    elif not store.manifest.decode(body, store.open_segment):
        raise CorruptionError(storage.describe(None), None, "a segment is not the one that the manifest names")
    orphans = _orphans(store, used)
    _replay(store)
    try:
        for number in orphans:
            storage.remove(number)
    except OSError:
        pass  # a medium that can only be read; what else is wrong with it the next write will tell


def _create(store):
    try:
        store.publish()
    except OSError as error:
        raise OSError(error.errno, "%s is not there and can't be made" % store.storage.describe(None))


def _make_parts(store):
    """Make what works with the keys and files now known. Of an earlier opening, nothing may take RAM meanwhile."""
    if store.reader:
        store.reader.forget()
    store.reader = store.wal = None
    heap.tidy()
    store.reader = Reader(store.storage, store.slots.envelope, store.cache, store.buffers)
    store.wal = Wal(store.log, store.slots.envelope)


def _check_blank(store):
    """Without a manifest there must be nothing: data there is damage, not a new database."""
    storage = store.storage
    if store.slots.header:
        raise CorruptionError(storage.describe(None), None, "the manifest is gone")
    for _ in storage.numbers():
        raise CorruptionError(storage.describe(None), None, "segments without a manifest")
    for place in store.log.places():
        raise CorruptionError(store.log.describe(place), None, "a WAL without a manifest")


def _orphans(store, used):
    """Return the numbers of files that no manifest names; file numbers go on above all of them, and `used`."""
    live = [s.number for s in store.manifest.segments()]
    present = list(store.storage.numbers())
    store.manifest.next_file = max([store.manifest.next_file, used] + [n + 1 for n in present])
    return [n for n in present if n not in live]


def _replay(store):
    store.memtable.clear()
    store.in_arena(store.hooks.reload)
    flushed = len(store.manifest.levels[0])
    for batch in store.wal.recover(store.manifest.wal):
        i = 0
        while i < len(batch):
            key, value, i = decode_entry(batch, i)
            store.hooks.replay(key, value)
            for entry in store.expanded(key, value):
                if len(entry) > store.memtable.room:
                    _make_room(store, len(entry))
                store.memtable.put(entry)
    if len(store.manifest.levels[0]) > flushed:
        store.flush()  # publishes the others too


def _make_room(store, size):
    """The WAL was written with a larger memtable than ours: get such a one, or when memory is short flush ours."""
    try:
        bigger = Memtable(2 * store.memtable.capacity + size)
    except MemoryError:
        if size > store.memtable.capacity:
            raise
        store.flush_memtable()  # not published before all is read: a cut or an error loses nothing
        return store.memtable.clear()
    for key, value in store.memtable.scan():
        bigger.put(encode_entry(key, value))
    store.memtable = bigger
