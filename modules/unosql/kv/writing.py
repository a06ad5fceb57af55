"""The way of a write: into the WAL and the memtable, and when that is full with it into a segment. Functions on a Store."""

from .. import heap
from ..errors import StorageFullError
from .memory import retry
from .memtable import encode_entry
from .merge import Merging, fed
from .policy import FLUSH, STEP
from .reclaim import drop_dead, is_much_gone, relieve
from .space import PACE
from .version import bytes_of

# Erase blocks that what is left may take before it is swept, where there is room.
_MOST_LEFT = 16


def expanded(store, key, value):
    """Yield the encoded operation, and the one that it implies."""
    yield encode_entry(key, value)
    extra = store.observer.expand(key, value)
    if extra:
        yield encode_entry(*extra)


def write(store, logged, entries, ops=()):
    """Write encoded operations. logged: what the WAL gets of them. ops: what the layer above is told of them."""
    size = sum(len(entry) for entry in entries)
    retry(store, heap.spare)  # what fails below leaves RAM and flash apart
    if store.policy.buffered:
        return _buffer(store, entries, ops, size)
    packed = store.wal.packed(logged)
    if size > store.memtable.room or store.wal.takes(packed) and not store.wal.fits(packed):
        flush(store)  # from here on store.wal may be another one: an error of the merge in it makes the store load all anew
        packed = store.wal.packed(logged)
    if store.wal.fits(packed):
        store.durably(lambda: store.wal.append(packed), lambda: put(store, entries, ops))
    else:
        _write_past_log(store, entries, ops)
    if not store.policy.bursts:
        store.compaction.step(STEP)
    elif not len(store.memtable):
        store.compaction.step(FLUSH, True)


def _write_past_log(store, entries, ops):
    """The WAL can't make up for a manifest without these: both its slots get one with them."""
    _shorten_level_0(store)
    store.suspect()
    put(store, entries, ops)
    store.wal.skip()
    _checkpoint(store)
    install_again(store)
    store.trust()


def install_again(store):
    """Put the current version into the manifest's other slot, too. It is durable: want of room for that must not say otherwise."""
    try:
        store.install(store.version)
    except StorageFullError:
        pass


def _buffer(store, entries, ops, size):
    if size > store.memtable.room or store.observer.crowded():
        flush(store)
        if not store.policy.bursts:
            store.compaction.step(FLUSH)
            settle(store)
    store.suspect()
    store.memtable.is_buffered = True
    put(store, entries, ops)
    store.trust()


def put(store, entries, ops=()):
    """Add entries that fit to the memtable. They are in the WAL, or a batch will publish them, or they are only buffered."""
    store.epoch += 1
    for entry in entries:
        store.memtable.put(entry)
    if store.batch:
        store.batch.catalogue = None
    store.replay(ops)


def flush(store):
    """Write the memtable out as a segment and start the WAL afresh."""
    store.ready()
    _shorten_level_0(store)
    _checkpoint(store)
    if store.policy.bursts:
        store.compaction.step(FLUSH, True)
        settle(store)
    make_room(store, 1)


def flush_buffered(store):
    """Make what is only buffered durable."""
    store.ready()
    if store.memtable.is_buffered and not (store.batch and store.batch.draft):
        flush(store)


def make_room(store, times):
    """Reclaim flash where it is short, until so many times what inserts want free is."""
    space = store.segments.space
    if space.lacks(times):
        store.compaction.quietly(relieve, store, times * space.goal)
        settle(store)


def sweep(store):
    """Where much is gone, give back at once what can be had unread, have the rest sampled, and begin to rewrite what is dead."""
    drop_dead(store)
    stored, space = bytes_of(store.version.segments()), store.segments.space
    if stored > _MOST_LEFT * store.storage.erase or space.full_at is not None:
        for s in store.version.segments():
            s.dead = None  # a sample taken before is about what was, and the next would be half of that
        space.unsampled = stored
        if len(store.memtable):
            flush(store)  # only what was flushed tells what is dead
        if not store.policy.bursts:
            store.compaction.run(FLUSH // 2)


def working(store, written):
    """Steps behind a batch that wrote so many entries, of which each pays for as much as a single write does: sample and rewrite what is due."""
    bursts = store.policy.bursts
    if is_much_gone(store, written):
        store.compaction.quietly(sweep, store)
        for _ in range(0, written, FLUSH // STEP if bursts else 1):
            if store.segments.space.unsampled <= 0 or bursts and len(store.memtable):
                break
            store.compaction.step(FLUSH if bursts else STEP, bursts)
            if store.compaction.error:
                break
            yield


def settle(store):
    """Make sure that RAM agrees with flash: compaction may have failed after it changed the medium."""
    if store.is_suspect and store.batch and store.batch.catalogue is not None:
        raise store.compaction.error  # what is to be committed is in the layer above already: no loading anew
    store.ready()


def _shorten_level_0(store):
    """Wait until level 0 is short; when memory runs out twice that can't be had."""
    if len(store.version.levels[0]) >= store.policy.limit:
        retry(store, _merge_level_0, store)


def _merge_level_0(store):
    while len(store.version.levels[0]) >= store.policy.limit and store.compaction.run(1):
        pass


def _checkpoint(store):
    """Install a version with the memtable in a segment."""
    heap.collect()
    version = retry(store, with_memtable, store)  # when that fails nothing has changed: what is only buffered stays
    counter = store.wal.counter + store.memtable.is_buffered  # the WAL has not all of this: see Wal.skip()

    def start_afresh():
        store.wal.reset(counter)
        store.memtable.clear()
        if not store.batch or store.batch.catalogue is None:
            store.observer.flushed()

    store.install(version.at(counter), (), start_afresh)


def with_memtable(store):
    """Write the memtable into a segment of level 0; return the current version with that, for install()."""
    batch = store.batch
    if batch and batch.catalogue is not None:
        count, ops = len(batch.catalogue), (op for op in batch.catalogue)
    else:
        count, ops = store.observer.flushing()
    count += len(store.memtable)
    if not count:
        return store.version
    number, writer = store.segments.create(count)
    try:
        Merging([fed(ops), store.memtable.fed()]).fill(writer)
        writer.finish()
    except BaseException:
        store.segments.give_up(number, writer.abort)
        raise
    segment = store.segments.written(number)
    store.segments.space.unsampled += PACE * segment.size
    return store.version.flushed(segment)
