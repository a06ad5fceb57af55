"""Batches that fail, transactions, the hooks of the layer above, rekeying and compaction: all or nothing, and usable after."""
import errno
import random

import pytest

from fake_store import is_dead
from media import FlashMedium
from memfs import Failing, MemFs, begin_spilled, everything, make, path
from unosql.documents.steps import finish
from unosql.kv import batch, compaction, reading, reclaim, segments, writing
from unosql.kv import store as stores
from unosql.kv.buffers import Buffers
from unosql.errors import CorruptionError, StorageFullError, UnosqlError, WrongKeyError
from unosql.storage.files import Files
from unosql.kv.memory import free_caches
from unosql.kv.observer import Observer
from unosql.kv.reader import Reader
from unosql.kv.segment import Segment
from unosql.kv.store import Store
from unosql.kv.version import Version
from unosql.kv.writer import Writer

KEY = b"sixteen byte key"


# -- transactions

def test_transaction_that_did_not_survive():
    """Neither its beginning nor its rest turns into single writes."""
    fs = Failing()
    store = make(fs)
    store.begin()
    store.apply([(b"a", b"1")])
    store.suspect()
    for call in (lambda: store.get(b"a"), lambda: store.apply([(b"b", b"2")]), store.commit, store.flush):
        with pytest.raises(UnosqlError, match="roll it back"):
            call()
    store.rollback()
    assert everything(store) == {} and everything(make(fs)) == {}
    store.begin()
    store.apply([(b"c", b"3")])
    store.commit()
    assert everything(make(fs)) == {b"c": b"3"}


def test_spilling_that_fails_leaves_the_transaction_as_it_was():
    fs = Failing()
    store = make(fs)
    store.apply([(b"old", b"1")])
    store.begin()
    store.apply([(b"a", bytes(300))])
    fs.fail("/s", error=errno.ENOSPC)
    with pytest.raises(StorageFullError):
        store.apply([(b"b", bytes(300))])
    assert set(everything(store)) == {b"old", b"a"}
    store.apply([(b"c", bytes(300))])
    store.commit()
    assert set(everything(make(fs))) == {b"old", b"a", b"c"}


@pytest.mark.parametrize("where", ["/w", "/s", "/m"])
@pytest.mark.parametrize("size", [100, 240])
def test_commit_that_fails_has_rolled_back(where, size):
    """Through the WAL, and as a bulk batch where the counters make it too large for the memtable."""
    fs = Failing()
    store = counting(fs)
    store.apply([(b"old", b"")])
    store.begin()
    store.apply([(b"a%d" % i, bytes(size)) for i in range(2)])
    fs.fail(where)
    try:
        store.commit()
    except OSError:
        with pytest.raises(ValueError, match="no transaction"):
            store.commit()
    fs.n = None
    kept = store.get(b"a0") is not None
    assert store.observer.n == (3 if kept else 1) and kept == (store.get(b"a1") is not None)
    assert counting(fs).observer.n == store.observer.n


def test_transaction_larger_than_a_small_memtable():
    """What is staged and the counters together exceed it: a bulk batch."""
    fs = MemFs()
    store = counting(fs)
    store.observer.before_flush = lambda: [(b"n", b"%0600d" % store.observer.n)] if store.observer.dirty else []
    store.begin()
    store.apply([(b"b", bytes(460))])
    store.commit()
    assert store.get(b"b") == bytes(460) and counting(fs).observer.n == 1


def test_misuse():
    store = make(MemFs())
    with pytest.raises(ValueError, match="no transaction"):
        store.commit()
    store.begin()
    with pytest.raises(ValueError, match="do not nest"):
        store.begin()
    with pytest.raises(ValueError, match="within a transaction"):
        finish(store.rekeying(KEY, 2))
    store.commit()  # of nothing
    begin_spilled(store)
    with pytest.raises(ValueError, match="do not nest"):
        store.begin()
    with pytest.raises(ValueError, match="within a transaction"):
        finish(store.rekeying(KEY, 2))
    store.rollback()


class Counting(Observer):
    """Counts puts, as the documents layer does: in RAM, written along with a flush under the key "n"."""

    def reload(self):
        self.n = int(self.store.get(b"n") or 0)
        self.dirty = False

    def replay(self, key, value):
        if key == b"n":
            self.n = int(value)
        else:
            self.n += value is not None
        self.dirty = True

    def before_flush(self):
        return [(b"n", b"%d" % self.n)] if self.dirty else []

    def flushed(self):
        self.dirty = False

    def expand(self, key, value):
        return (b"x" + key, b"") if key[:1] == b"a" and value is not None else None

    def mortal(self):
        return {7: (1 << 62,)}


def counting(fs, **options):
    hooks = Counting()
    store = hooks.store = Store(Files("t.udb", slots=8, fs=fs), hooks, 1024)
    store.open(None, 2, options.get("batched", False))
    return store


@pytest.mark.parametrize("size", [10, 200])
@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_hooks(size, commit, batched):
    """Their counters follow the store through transactions, flushes, failures and reopening."""
    fs = MemFs()
    store = counting(fs, batched=batched)
    for i in range(20):
        store.apply([(b"a%d" % i, bytes(size))])
    assert store.observer.n == 20 and store.get(b"xa7") == b""
    store.begin()
    for i in range(10):
        store.apply([(b"b%d" % i, bytes(size)), (b"a%d" % i, None)])
    assert store.observer.n == 30 and store.get(b"a0") is None
    store.commit() if commit else store.rollback()
    expected = 30 if commit else 20
    assert store.observer.n == expected and (store.get(b"a0") is None) == commit
    store.flush_buffered()
    again = counting(fs)
    assert again.observer.n == expected
    assert {k: v for k, v in everything(again).items() if k != b"n"} == {k: v for k, v in everything(store).items() if k != b"n"}


def test_buffered_writes_stay_when_flash_is_full():
    fs = Failing()
    store = counting(fs, batched=True)
    for i in range(30):
        store.apply([(b"c%d" % i, bytes(20))])
    fs.fail("/s", error=errno.ENOSPC)
    with pytest.raises(StorageFullError):
        store.flush_buffered()
    assert len(everything(store)) == 30 and store.observer.n == 30
    store.flush_buffered()
    assert counting(fs).observer.n == 30
    store.flush_buffered()  # nothing to do


def test_buffered_writes_stay_when_a_commit_finds_flash_full():
    fs = Failing()
    store = counting(fs, batched=True)
    store.apply([(b"c", bytes(600))])
    store.begin()
    store.apply([(b"d", bytes(450))])
    fs.fail("/s", error=errno.ENOSPC)
    with pytest.raises(StorageFullError):
        store.commit()
    store.rollback()  # as the catalogue does, though there is nothing any more
    assert set(everything(store)) == {b"c"} and store.observer.n == 1
    store.flush_buffered()
    assert set(everything(counting(fs))) == {b"c", b"n"}


def test_dead_entries_are_forgotten_when_that_is_durable():
    store = counting(MemFs(), batched=True)
    dead = b"R\7\1"
    store.apply([(dead, b"1")])
    assert not is_dead(store, dead, b"1")  # what makes it so may only be buffered
    store.flush_buffered()
    assert is_dead(store, dead, b"1") and store.get(dead) == b"1"
    assert not is_dead(store, b"R\6\1", b"1") and not is_dead(store, b"T\7\1", b"1")
    store.compact()
    assert store.get(dead) is None and store.get(b"n") == b"1"


# -- rekeying and compaction

@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("where", ["/s", "/m"])
def test_rekey_that_fails(where, n):
    """The store stays usable without being told a key, and one of the two opens it."""
    fs = Failing()
    store = make(fs, KEY)
    model = {b"k%02d" % i: bytes(100) for i in range(40)}
    store.apply(list(model.items()))
    fs.fail(where, n)
    try:
        finish(store.rekeying(b"new key new key", 2))
    except OSError:
        pass
    fs.n = None
    store.apply([(b"a", b"1")])
    assert everything(store) == {**model, b"a": b"1"}
    opened = 0
    for password in (KEY, b"new key new key"):
        try:
            opened += everything(make(MemFs(fs.files), password)) == {**model, b"a": b"1"}
        except WrongKeyError:
            pass
    assert opened == 1


def test_rekey_changes_what_fits_the_log():
    fs = MemFs()
    store = make(fs)
    finish(store.rekeying(KEY, 2))
    store.apply([(b"a", bytes(300))])
    assert all(len(data) <= 128 for name, data in fs.files.items() if "/w" in name)
    finish(store.rekeying(None, 2))
    assert everything(make(fs)) == {b"a": bytes(300)}


def test_compaction_that_empties_the_deepest_levels():
    store = counting(MemFs())
    store.apply([(b"a", b"1")])
    store.flush()
    store.manifest.version = Version(store.version.wal, store.version.levels + [[], [], []])
    store.compact()
    assert store.get(b"a") == b"1"


def test_a_flush_waits_for_compaction_that_fell_behind(monkeypatch):
    """Level 0 stays short, however little the writes between two flushes move on."""
    monkeypatch.setattr(compaction.Compaction, "step", lambda self, *_: None)
    store = make(MemFs())
    for i in range(40):
        store.apply([(b"k%02d" % i, bytes(600))])
        store.flush()
        assert store.stats()["levels"][0] <= store.policy.limit
    assert len(everything(store)) == 40 and store.stats()["levels"][1]


def test_a_large_batch_is_merged_as_it_grows():
    """Scattered keys that do not compress: each merge takes more than one step, and level 0 stays short."""
    store, r = make(MemFs(), memtable=4096), random.Random(1)
    ops = {r.randbytes(4): r.randbytes(90) for _ in range(800)}
    store.apply(list(ops.items()))
    assert store.stats()["levels"][0] <= store.policy.limit // 2
    assert everything(store) == ops and list(store.verify()) == []


def test_compaction_error_does_not_fail_writes(monkeypatch):
    fs = Failing()
    store = make(fs)
    store.storage.erase = 1024
    i = 0
    while not store.stats()["compaction_error"]:
        fs.fail("/s", 1, errno.ENOSPC)  # the flush works, the compaction after it does not
        store.apply([(b"k%03d" % i, bytes(300))])
        i += 1
        assert i < 100
    assert isinstance(store.compaction.error, StorageFullError)
    fs.n = None
    for _ in range(20):
        store.apply([(b"k%03d" % i, bytes(300))])
        i += 1
    assert len(everything(store)) == i and store.stats()["compaction_error"] is None


def test_damage_shows_and_hides_nothing_else():
    fs = MemFs()
    store = make(fs)
    for i in range(3):
        store.apply([(b"%d" % i, bytes(i + 1))])
        store.flush()
    data = bytearray(fs.files[path("s", 2)])
    data[0] ^= 1
    fs.files[path("s", 2)] = bytes(data)
    store.trim()
    errors = list(store.verify())
    assert len(errors) == 1 and errors[0].where == "t.udb/s0000002" and errors[0].offset == 0
    assert store.get(b"0") == bytes(1) and store.get(b"2") == bytes(3)
    with pytest.raises(CorruptionError):
        store.get(b"1")


def test_memory_errors_give_up_the_cache(monkeypatch):
    """When memory runs out, what can be had back is given back, and the call is made again; once."""
    store = make(MemFs())
    store.apply([(b"a", b"1")])
    store.flush()
    assert store.get(b"a") == b"1" and store.segments.reader._cache
    for reads in (lambda: store.get(b"a") == b"1", lambda: everything(store) == {b"a": b"1"}):
        store.get(b"a")
        memtables, left = reading.memtables, [1]

        def starved(*args):
            if left[0]:
                left[0] -= 1
                raise MemoryError
            return memtables(*args)

        with monkeypatch.context() as patch:
            patch.setattr(reading, "memtables", starved)
            assert reads() and not left[0]
            left[0] = 99
            with pytest.raises(MemoryError):
                reads()
    assert not free_caches(store)
    left[0] = 1
    monkeypatch.setattr(reading, "memtables", starved)
    with pytest.raises(MemoryError):  # nothing to be had back
        store.get(b"a")
    assert store.get(b"a") == b"1"


def test_memory_error_in_a_flush(monkeypatch):
    """The unfinished segment goes; the flush is made again."""
    store = make(MemFs())
    store.apply([(b"a", b"1")])
    store.flush()
    store.get(b"a")
    store.apply([(b"b", b"2")])
    run, left = Writer.run, [1]

    def starved(*args):
        if left[0]:
            left[0] -= 1
            raise MemoryError
        return run(*args)

    monkeypatch.setattr(Writer, "run", starved)
    store.flush()
    assert everything(store) == {b"a": b"1", b"b": b"2"} and not left[0]
    assert sorted(store.storage.numbers()) == [1, 3]


def test_error_of_compaction_before_a_commit(monkeypatch):
    """What changed the medium and failed has RAM loaded anew; that would undo what a commit has told the layer above."""
    store = make(MemFs())
    store.apply([(b"a", bytes(700))])
    store.begin()
    store.apply([(b"b", bytes(400))])

    def failing(self, *_):
        store.compaction.error = OSError(errno.EIO, "injected")
        store.suspect()

    with monkeypatch.context() as patch:
        patch.setattr(compaction.Compaction, "step", failing)
        with pytest.raises(OSError, match="injected"):
            store.commit()
    store.rollback()
    assert everything(store) == {b"a": bytes(700)}
    store.apply([(b"b", b"2")])
    assert everything(make(store.storage._fs)) == {b"a": bytes(700), b"b": b"2"}


def test_batched_writes_move_compaction_on():
    store, model = make(MemFs(), memtable=4096), {}
    store.policy.buffered = True
    for i in range(500):
        model[b"k%03d" % i] = random.Random(i).randbytes(100)
        store.apply([(b"k%03d" % i, model[b"k%03d" % i])])
    assert store.stats()["levels"][0] < store.policy.limit and store.stats()["levels"][1]
    assert everything(store) == model


def test_rekey_of_more_than_a_segment():
    store, model = make(MemFs()), {}
    store.storage.erase = 1024
    for i in range(120):
        model[b"k%03d" % i] = random.Random(i).randbytes(150)
        store.apply([(b"k%03d" % i, model[b"k%03d" % i])])
    finish(store.rekeying(KEY, 2))
    assert sum(store.stats()["levels"]) > 1 and everything(store) == model


def test_loading_that_fails_half_way_is_made_good(monkeypatch):
    store = make(MemFs())
    store.apply([(b"a", b"1")])
    store.suspect()

    def failing(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(segments, "Reader", failing)
        with pytest.raises(MemoryError):
            store.get(b"a")
    assert store.get(b"a") == b"1"


# -- memory errors

def once(monkeypatch, kind, name, skip=0):
    """One call of a method, the first after `skip` others, raises MemoryError."""
    call, left = getattr(kind, name), [skip + 1]

    def starved(*args):
        left[0] -= 1
        if not left[0]:
            raise MemoryError
        return call(*args)

    monkeypatch.setattr(kind, name, starved)


def test_memory_error_at_a_beginning(monkeypatch):
    """There is no transaction then that would swallow the next writes."""
    fs = MemFs()
    store = counting(fs)
    once(monkeypatch, Counting, "before_flush")
    with pytest.raises(MemoryError):
        store.begin()
    store.apply([(b"b", b"1")])
    assert everything(counting(fs)) == {b"b": b"1"}


@pytest.mark.parametrize("memtable", [1024, 4096])
@pytest.mark.parametrize("kind, name, most", [(Buffers, "take", 30), (Segment, "_load", 6), (Writer, "finish", 6)])
def test_memory_errors_leave_no_files(monkeypatch, kind, name, most, memtable):
    """Whatever stops a flush or a compaction, which go on later: its file is gone, not taken until the next opening."""
    for skip in range(most):
        store, r, model = make(MemFs(), memtable=memtable), random.Random(1), {}
        for i in range(40):
            ops = [(r.randbytes(2), r.randbytes(300))]
            if i == 20:
                once(monkeypatch, kind, name, skip)
            try:
                store.apply(ops)
                model.update(ops)
            except MemoryError:
                pass
        monkeypatch.undo()
        free_caches(store)
        assert sorted(store.storage.numbers()) == sorted(s.number for s in store.version.segments())
        assert everything(store) == model


def test_a_transaction_begins_with_less_where_there_is_no_gap(monkeypatch):
    store, real = make(MemFs(), memtable=4096), batch.Memtable

    def short(capacity):
        if capacity > 512:
            raise MemoryError
        return real(capacity)

    monkeypatch.setattr(batch, "Memtable", short)
    store.begin()
    assert store.batch.memtable.capacity == 512
    store.apply([(b"a", bytes(400))])
    store.apply([(b"b", bytes(400))])  # it goes on as a bulk batch
    store.commit()
    assert everything(store) == {b"a": bytes(400), b"b": bytes(400)}


def test_memory_error_where_a_bulk_batch_flushes(monkeypatch):
    store = make(MemFs())
    once(monkeypatch, batch, "with_memtable", 1)
    ops = [(b"%d" % i, bytes(200)) for i in range(20)]
    store.apply(ops)
    assert everything(store) == dict(ops)


def test_a_bulk_batch_is_flushed_where_the_layer_above_is_crowded():
    store = counting(MemFs())
    store.observer.crowded = lambda: True
    store.begin()
    for i in range(12):
        store.apply([(b"a%d" % i, bytes(200))])
    assert not len(store.memtable) and store.batch.draft
    store.commit()
    assert store.observer.n == 12 and counting(store.storage._fs).observer.n == 12


def test_a_bulk_flush_before_anything_was_put_keeps_what_the_layer_above_had():
    store = counting(MemFs())
    told, store.observer.flushed = [], lambda: told.append(1)
    store.begin()
    store.batch.spill()
    store.batch._flush()
    assert not told
    store.rollback()
    assert everything(store) == everything(counting(store.storage._fs))


def test_what_reads_within_a_flush_has_its_buffers_from_then_on():
    store = make(MemFs(), memtable=2048)
    kept = len(store.segments.buffers._idle)
    for _ in range(2):
        store.expect_peeks()
        assert len(store.segments.buffers._idle) == kept + 2


# -- compaction in the memtable's memory

def lent(store):
    return [buf for buf in store.segments.buffers._idle if not isinstance(buf, bytearray)]


def test_large_batches_are_merged_in_the_memtable():
    """They pass the WAL by, and flush at their end."""
    store, r, model = make(MemFs(), memtable=2048), random.Random(1), {}
    for _ in range(30):
        ops = [(r.randbytes(4), r.randbytes(300)) for _ in range(5)]
        store.apply(ops)
        model.update(ops)
        assert store.stats()["levels"][0] < store.policy.trigger and not store.compaction._job
    assert everything(store) == model


@pytest.mark.parametrize("memtable", [2048, 8192])
@pytest.mark.parametrize("size", [300, 700, 1500])
def test_reading_records_longer_than_a_block_takes_no_more_buffers(memtable, size):
    """Blocks of level 0 have half the size; one with a record beyond that is read into a buffer of its own."""
    store, r, seen = make(MemFs(), memtable=memtable), random.Random(1), set()
    for i in range(12):
        store.apply([(b"k%02d" % i, r.randbytes(size))])
        if i % 4 == 3:
            store.flush()
    for n in range(60):
        assert len(store.get(b"k%02d" % (n % 12))) == len(next(store.scan(b"k%02d" % (n % 12), None))[1]) == size
        assert sum(1 for _ in store.scan(b"", None)) == sum(1 for _ in store.scan(b"", None, True)) == 12
        if n > 20:
            seen.add(sum(map(len, store.segments.buffers._idle)))
    assert len(seen) == 1 and max(seen) < 16384


def test_a_bulk_batch_is_merged_in_the_memtable(monkeypatch):
    store, calls = make(MemFs(), memtable=2048), []
    real = batch.in_memtable_memory
    monkeypatch.setattr(batch, "in_memtable_memory", lambda *args: (calls.append(args), real(*args))[1])
    ops = [(b"k%03d" % i, bytes(300)) for i in range(60)]
    store.apply(ops)
    assert len(calls) > 1 and not store.compaction._job and everything(store) == dict(ops)


def test_a_failing_end_leaves_no_buffer_in_the_memtable(monkeypatch):
    """When it can't be told who uses the memtable's memory all is loaded anew."""
    store, model = make(MemFs()), {}
    for kind, name in ((Buffers, "lend"), (Reader, "forget"), (Buffers, "reclaim")):
        once(monkeypatch, kind, name)
        for i in range(12):
            model[b"%d" % len(model)] = bytes(300)
            store.apply([(b"%d" % (len(model) - 1), bytes(300))])
            assert everything(store) == model and not lent(store)
        monkeypatch.undo()


def test_an_error_that_is_kept_lends_nothing_later(monkeypatch):
    """In CPython it keeps the generators of the merge alive, and they give their buffers back when it goes."""
    fs = Failing()
    store, r = make(fs), random.Random(1)
    kept = None
    while not kept:
        fs.fail("/s", 1, errno.ENOSPC)
        store.apply([(r.randbytes(4), r.randbytes(300))])
        kept = store.stats()["compaction_error"]
    fs.n = None
    while store.compaction.error:
        store.apply([(r.randbytes(4), r.randbytes(300))])
    del kept
    assert not lent(store)


# -- memory that runs out where the store is loaded anew, or a merge begins

def test_a_rollback_that_can_not_load_the_store(monkeypatch):
    """What was staged is gone, and later writes are durable: nobody is left to commit them."""
    def failing(*_):
        raise MemoryError

    store = make(MemFs())
    store.apply([(b"a", b"1")])
    store.begin()
    for i in range(20):
        store.apply([(b"k%02d" % i, bytes(200))])  # more than RAM holds: a bulk batch
    with monkeypatch.context() as patch:
        patch.setattr(stores, "load", failing)
        with pytest.raises(MemoryError):
            store.rollback()
    store.rollback()
    store.apply([(b"b", b"2")])
    store.flush()
    assert everything(store) == everything(make(store.storage._fs)) == {b"a": b"1", b"b": b"2"}


def random_writes(store, n, model):
    r = random.Random(n)
    for _ in range(n):
        ops = [(r.randbytes(2), r.randbytes(200))]
        store.apply(ops)
        model.update(ops)


@pytest.mark.parametrize("memtable", [1024, 4096])
def test_merges_of_four_that_memory_does_not_suffice_for(monkeypatch, memtable):
    store, model = make(MemFs(), memtable=memtable), {}
    merging = compaction.Merging

    def short(sources, *how):
        if len(sources) > 3:  # two, and what lies below
            raise MemoryError
        return merging(sources, *how)

    monkeypatch.setattr(compaction, "Merging", short)
    random_writes(store, 300, model)
    assert everything(store) == model and store.stats()["levels"][0] <= store.policy.limit and store.stats()["levels"][1]


@pytest.mark.parametrize("memtable", [1024, 4096])
def test_no_memory_for_any_merge_is_an_error_not_a_hang(monkeypatch, memtable):
    store, model = make(MemFs(), memtable=memtable), {}

    def failing(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "Merging", failing)
        with pytest.raises(MemoryError):
            random_writes(store, 300, model)
        assert store.stats()["levels"][0] == store.policy.limit
    assert everything(store) == model
    random_writes(store, 100, model)
    assert everything(store) == everything(make(store.storage._fs)) == model
    assert store.stats()["levels"][0] < store.policy.limit


@pytest.mark.parametrize("memtable", [1024, 4096])
def test_a_write_that_is_durable_does_not_fail_for_compaction(monkeypatch, memtable):
    store, model = make(MemFs(), memtable=memtable), {}

    def failing(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(store.compaction, "run", failing)
        patch.setattr(store.compaction, "burst", failing)
        random_writes(store, 12, model)
        assert isinstance(store.stats()["compaction_error"], MemoryError)
    assert everything(store) == everything(make(store.storage._fs)) == model


def test_the_memtable_is_never_lent_twice():
    buffers, arena = Buffers(512), memoryview(bytearray(2048))
    buffers.lend(arena)
    taken = buffers.take(256)
    buffers.lend(arena)  # reclaim() has failed in between
    buffers.give(taken)
    assert len(buffers._idle) == 6 and len(buffers._lent) == 5


# -- flash that is short

class Dying(Observer):
    """All keys below `dead`, once it is given, are dead, and everything that puts something is refused by a full medium."""

    dead = b""

    def mortal(self):
        return {1: (1 << 62,)} if self.dead else None

    def is_dead_range(self, lo, hi):
        return hi < self.dead


def dying(fs):
    store = make(fs, hooks=Dying())
    for i in range(60):
        store.apply([(b"R\1%c" % i, bytes(range(200)) + bytes([i]))])
    store.compact()
    return store


def test_a_segment_found_dead_when_its_turn_to_be_sampled_comes_is_forgotten():
    store = dying(MemFs())
    store.observer.dead = b"S"
    store.segments.space.unsampled = 0
    reclaim.sample_next(store)  # that is not due
    assert list(store.version.segments())
    store.segments.space.unsampled = 1
    reclaim.sample_next(store)
    assert not list(store.version.segments()) and everything(store) == {} == everything(make(store.storage._fs))


def test_reclaiming_ends_where_even_that_finds_no_room(monkeypatch):
    fs = Failing()
    store = dying(fs)
    store.policy.trigger = 100
    for i in range(3):
        store.apply([(b"R\1%c" % i, bytes(100))])
        store.flush()
    kept = everything(store)
    fs.free = store.segments.space.left = 0
    store.segments.space.wrote(0)
    fs.fail("/s", error=errno.ENOSPC)
    with pytest.raises(StorageFullError):
        store.apply([(b"more", bytes(200))])
    fs.n = None
    assert everything(store) == kept == everything(make(fs)) and store.segments.space.is_futile


def test_compacting_what_is_all_dead_leaves_nothing():
    store = dying(MemFs())
    store.observer.dead = b"S"
    store.compact()
    assert not list(store.version.segments()) and everything(make(store.storage._fs)) == {}


class Growing(Observer):
    """Puts are refused by a full medium; `live` counts keys."""

    def replay(self, key, value):
        self.live += 1 if value is not None else -1


@pytest.mark.parametrize("memtable", [1024, 4096])
def test_a_full_store_takes_as_much_as_was_removed(memtable):
    medium, r, model = FlashMedium(32), random.Random(1), {}
    store = Store(medium.storage(), Growing(), memtable)
    store.open()
    for turn in range(6):
        try:
            while True:
                op = r.randbytes(4), r.randbytes(100)
                store.apply([op])
                model.update([op])
        except StorageFullError:
            pass
        assert everything(store) == model and len(model) > 60
        for key in r.sample(sorted(model), len(model) // 2) if turn % 2 else sorted(model)[: len(model) // 2]:
            store.apply([(key, None)])
            del model[key]
    assert list(store.verify()) == [] and everything(store) == model


def filled(hooks, memtable=1024):
    """A store on a flash that is full."""
    store, r = Store(FlashMedium(32).storage(), hooks, memtable), random.Random(1)
    store.open()
    with pytest.raises(StorageFullError):
        while True:
            store.apply([(r.randbytes(4), r.randbytes(100))])
    return store


def test_segments_that_are_dead_as_a_whole_make_room_enough():
    store = filled(Dying())
    store.flush()
    assert not reclaim.relieve(store, store.segments.space.goal)
    store.observer.dead = b"\xff" * 5
    store.segments.space.futile = None  # as after a removal
    reads = store.segments.reader.reads
    assert reclaim.relieve(store, store.segments.space.goal) and not list(store.version.segments()) and store.segments.reader.reads == reads


def test_a_large_batch_merges_late_where_flash_is_short():
    """What is merged within it comes free at its end only."""
    store, r, _model = Store(FlashMedium(32).storage(), Observer(), 1024), random.Random(1), {}
    store.open()
    ops = [(r.randbytes(4), r.randbytes(100)) for _ in range(150)]
    for i in range(0, 150, 50):
        store.apply(ops[i : i + 50])
    assert store.segments.space.free() < 4 * store.segments.space.goal and everything(store) == dict(ops)


def test_levels_are_as_deep_as_what_they_hold(monkeypatch):
    monkeypatch.setattr(compaction, "_LEVEL1", 1000)
    store, r, _model = make(MemFs()), random.Random(1), {}
    ops = [(r.randbytes(4), r.randbytes(100)) for _ in range(150)]
    store.apply(ops)
    store.compact()
    assert len(store.version.levels) == 4 and everything(store) == dict(ops) == everything(make(store.storage._fs))


@pytest.mark.parametrize("password", [None, KEY])
def test_a_batch_of_more_records_than_can_be_told_is_not_logged(password):
    """A byte of 5 bits tells how many follow; raw flash has room for 64."""
    for size in range(2000, 15000, 500):
        fs = MemFs()
        store = make(fs, password, 64, memtable=16384)
        model = {b"a": b"1", b"b": random.Random(size).randbytes(size), b"c": b"3"}
        for key, value in model.items():
            store.apply([(key, value)])
        assert everything(make(fs, password, 64, memtable=16384)) == model


def test_small_entries_of_one_kind_have_a_segment_to_themselves():
    """Were the records behind them in it as well, each merge that brings more of them would rewrite these."""
    store = Store(FlashMedium(512).storage(), Observer(), 4096)
    store.open()
    small = 0
    for n in range(1500):
        id = n.to_bytes(4, "big")
        store.apply([(b"I" + id, id), (b"R" + id, random.Random(n).randbytes(60))])
        for s in store.version.levels[1] if store.version.levels[1:] else ():
            assert not s.low < b"R" < s.max
            small += s.max < b"R"
    assert small


def test_compacting_a_full_medium_goes_two_segments_at_a_time(monkeypatch):
    store = dying(MemFs())
    store.policy.trigger = 100
    for i in range(5):
        store.apply([(b"k%02d" % i, b"new")])
        store.flush()
    widths, merge = [], compaction.Compaction._merge

    def noted(compaction, level, inputs, *how):
        widths.append((level, len(inputs)))
        return merge(compaction, level, inputs, *how)

    monkeypatch.setattr(compaction.Compaction, "_merge", noted)
    store.segments.space.full_at = 1
    monkeypatch.setattr(writing, "make_room", lambda *_: None)
    store.compact()
    assert widths[:3] == [(0, 2), (0, 2), (0, 1)] and [store.get(b"k%02d" % i) for i in range(5)] == [b"new"] * 5


def test_memory_error_in_the_middle_of_a_scan(monkeypatch):
    """The scan goes on behind the last key; within a transaction the code that ends it stays."""
    store = make(MemFs())
    model = {b"k%02d" % i: bytes(200) for i in range(60)}
    for op in model.items():
        store.apply([op])
    store.begin()
    store.apply([(b"staged", b"")])
    for skip in range(1, 12):
        once(monkeypatch, Segment, "_block", skip)
        assert set(everything(store)) == {*model, b"staged"}
        monkeypatch.undo()
    store.commit()
    assert store.get(b"staged") == b""


# -- what goes wrong while something is given up

def test_a_file_that_can_not_be_removed_at_once_goes_with_the_next_version(monkeypatch):
    store = make(MemFs())
    store.apply([(b"a", b"1")])
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(Writer, "finish", broken)
        patch.setattr(Writer, "abort", broken)
        store.flush()
    assert store.segments.obsolete == [1]
    store.flush()
    assert not store.segments.obsolete and sorted(store.storage.numbers()) == [2] and everything(store) == {b"a": b"1"}


def broken(*args):
    raise OSError(errno.EIO, "injected")


def test_what_follows_on_a_durable_write_fails_quietly():
    store = make(MemFs())
    store.compaction.quietly(broken)
    assert store.stats()["compaction_error"].errno == errno.EIO and not store.is_suspect


def test_a_batch_takes_writes_until_it_ends_or_fails():
    store = make(MemFs())
    store.begin()
    batch = store.batch
    assert batch.is_open
    store.apply([(b"a", bytes(400))])
    store.apply([(b"b", bytes(400))])
    assert batch.is_open and batch.draft
    batch.fail()
    assert not batch.is_open
    store.rollback()
    assert everything(store) == {}
