"""Recovery: from what lies on the medium to a consistent store.

Nothing is written before all has been read, and nothing removed before all has been understood: an error must lose nothing.
"""

from .. import heap
from ..errors import CorruptionError
from .memory import in_memtable_memory
from .memtable import Memtable, decode_entry, encode_entry
from .version import Version, decode
from .wal import Wal
from .writing import expanded, flush, with_memtable


def load(store, password, iterations):
    """Open what store.storage holds, or create a database. password, iterations, errors: see Store.open()."""
    storage = store.storage
    storage.open()  # of a log that failed to append, only the medium knows what is there
    log = storage.log(b"w")
    body = store.manifest.find(storage.log(b"m"), password)
    if body is None:
        _check_blank(store, log)
        store.manifest.create(password, iterations)
    _make_parts(store, log)
    if body is None:
        _create(store)
    else:
        _open_version(store, body)
    orphans = _orphans(store)
    _replay(store)
    try:
        store.segments.remove(orphans)
    except OSError:  # a medium that can only be read; what else is wrong with it the next write will tell, which removes them, too
        store.segments.obsolete = orphans


def _open_version(store, body):
    segments = store.segments
    version, next_number, is_sound = decode(body, segments.open)
    if not is_sound:
        raise CorruptionError(store.storage.describe(None), None, "a segment is not the one that the manifest names")
    store.manifest.version = version
    segments.next_number = max(segments.next_number, next_number)  # those of a batch given up are not used again


def _create(store):
    try:
        store.install(Version())
    except OSError as error:
        raise OSError(error.errno, "%s is not there and can't be made" % store.storage.describe(None))


def _make_parts(store, log):
    """Make what works with the keys and files now known. Of an earlier opening, nothing may take RAM meanwhile."""
    store.manifest.version = store.wal = None
    store.segments.obsolete = []
    store.segments.space.forget()
    store.segments.lock()
    heap.tidy(30)
    store.segments.unlock(store.manifest.envelope, store.policy.cache)
    store.wal = Wal(log, store.manifest.envelope, store.manifest.is_old)  # code of an earlier version must not read half of it


def _check_blank(store, log):
    """Without a manifest there must be nothing: data there is damage, not a new database."""
    storage = store.storage
    if store.manifest.header:
        raise CorruptionError(storage.describe(None), None, "the manifest is gone")
    for _ in storage.numbers():
        raise CorruptionError(storage.describe(None), None, "segments without a manifest")
    for place in log.places():
        raise CorruptionError(log.describe(place), None, "a WAL without a manifest")


def _orphans(store):
    """Return the numbers of files that no version names; file numbers go on above all of them."""
    live = [s.number for s in store.version.segments()]
    orphans = []
    for n in store.storage.numbers():
        store.segments.next_number = max(store.segments.next_number, n + 1)
        if n not in live:
            orphans.append(n)
    return orphans


def _replay(store):
    store.memtable.clear()
    in_memtable_memory(store, store.observer.reload)
    version = store.version
    for batch in store.wal.recover(version.wal):
        i = 0
        while i < len(batch):
            key, value, i = decode_entry(batch, i)
            store.observer.replay(key, value)
            for entry in expanded(store, key, value):
                if len(entry) > store.memtable.room:
                    _make_room(store, len(entry))
                store.memtable.put(entry)
    if store.version is not version:
        flush(store)  # installs the others too


def _make_room(store, size):
    """The WAL was written with a larger memtable than ours: get such a one, or when memory is short flush ours."""
    try:
        bigger = Memtable(2 * store.memtable.capacity + size)
    except MemoryError:
        if size > store.memtable.capacity:
            raise
        store.manifest.version = with_memtable(store)  # not written before all is read: a cut or an error loses nothing
        return store.memtable.clear()
    for key, value in store.memtable.scan():
        bigger.put(encode_entry(key, value))
    store.memtable = bigger
