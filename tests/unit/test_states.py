"""The states of a store, as store.py draws them: each way from one to another, and that a refused write is no reason to load."""
import errno

import pytest

from memfs import Failing, MemFs, begin_spilled, everything, make
from unosql.kv import store as stores
from unosql.errors import ClosedError, CorruptionError, StorageFullError, UnosqlError
from unosql.storage.files import Files
from unosql.kv.observer import Observer
from unosql.kv.store import CLOSED, READY, SUSPECT, Store

FULL = errno.ENOSPC


class Refusing(Failing):
    """Has no room for files whose path has `full` in it, after so many: a write to one leaves nothing."""

    full, after = None, 0

    def open(self, path, mode="rb"):
        if "w" in mode and self.full and self.full in path:
            if not self.after:
                raise OSError(FULL, path)
            self.after -= 1
        return super().open(path, mode)


@pytest.fixture
def fs():
    return Refusing()


@pytest.fixture
def loads(monkeypatch):
    """How often a store was loaded: a list with an item for each."""
    seen = []
    load = stores.load
    monkeypatch.setattr(stores, "load", lambda *args: (seen.append(1), load(*args)))
    return seen


def failing(*_):
    raise MemoryError


# -- CLOSED

def test_opening_and_closing(fs):
    store = Store(Files("t.udb", slots=8, fs=fs), Observer())
    assert store.state == CLOSED
    store.open()
    assert store.state == READY
    for _ in range(2):
        store.close()
        assert store.state == CLOSED
        with pytest.raises(ClosedError):
            store.ready()


def test_an_opening_that_fails_leaves_it_closed(fs):
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.flush()
    store.close()
    name = next(name for name in fs.files if "/s" in name)
    data = fs.files.pop(name)
    store = Store(Files("t.udb", slots=8, fs=fs), Observer())
    with pytest.raises(CorruptionError):
        store.open()
    assert store.state == CLOSED
    fs.files[name] = data
    assert everything(make(fs)) == {b"a": b"1"}


def test_one_that_is_suspect_closes(fs):
    store = make(fs)
    store.suspect()
    store.close()
    assert store.state == CLOSED and everything(make(fs)) == {}


# -- READY and SUSPECT

@pytest.mark.parametrize("where", ["/w", "/m"])
def test_an_error_of_the_medium_makes_it_suspect_and_the_next_call_ready(fs, loads, where):
    store = make(fs)
    store.apply([(b"a", b"1")])
    fs.fail(where)
    with pytest.raises(OSError):
        store.apply([(b"b", bytes(100))])
        store.flush()
    assert store.state == SUSPECT and len(loads) == 1
    store.ready()
    assert store.state == READY and len(loads) == 2
    assert store.get(b"a") == b"1"


def test_a_load_that_fails_leaves_it_suspect(fs, monkeypatch):
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.suspect()
    with monkeypatch.context() as patch:
        patch.setattr(stores, "load", failing)
        for _ in range(2):
            with pytest.raises(MemoryError):
                store.get(b"a")
            assert store.state == SUSPECT
    assert store.get(b"a") == b"1" and store.state == READY


def test_what_fails_after_it_was_written_makes_it_suspect(fs, monkeypatch):
    """It is there when the next call has loaded all anew."""
    store = make(fs)
    with monkeypatch.context() as patch:
        patch.setattr(store.memtable, "put", failing)
        with pytest.raises(MemoryError):
            store.apply([(b"a", b"1")])
    assert store.state == SUSPECT
    assert store.get(b"a") == b"1" and store.state == READY


# -- what the storage refuses

def test_a_manifest_without_room_is_no_reason_to_load(fs, loads):
    """The version that was refused leaves no file behind, and what was acknowledged stays."""
    store, model = make(fs), {}
    for i in range(4):
        model[b"%d" % i] = bytes(200)
        store.apply([(b"%d" % i, bytes(200))])
    fs.full = "/m"
    refused = 0
    for i in range(60):
        try:
            store.apply([(b"x%02d" % i, bytes(300))])
            model[b"x%02d" % i] = bytes(300)
        except StorageFullError:
            refused += 1
        assert store.state == READY
    assert refused > 50 and len(loads) == 1
    assert everything(store) == model and list(store.storage.numbers()) == [s.number for s in store.version.segments()]
    assert everything(make(MemFs(fs.files))) == model
    fs.full = None
    store.apply([(b"y", bytes(300))])
    assert everything(make(fs)) == {**model, b"y": bytes(300)}


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_log_without_room_for_a_batch_takes_the_next(fs, loads, after):
    """Nothing of a refused batch counts, wherever in its records the room ended, and no counter is missing after it."""
    store = make(fs)
    store.apply([(b"a", b"1")])
    fs.full, fs.after = "/w", after
    with pytest.raises(StorageFullError):
        store.apply([(b"b", bytes(range(256)))])  # three records
    assert store.state == READY and len(loads) == 1 and store.get(b"b") is None
    assert everything(make(MemFs(fs.files))) == {b"a": b"1"}
    fs.full = None
    store.apply([(b"c", b"3")])
    assert everything(store) == everything(make(MemFs(fs.files))) == {b"a": b"1", b"c": b"3"}
    store.apply([(b"d", bytes(100))])
    assert everything(make(fs)) == {b"a": b"1", b"c": b"3", b"d": bytes(100)}


# -- batches

def test_a_transaction_begins_spills_and_ends(fs):
    store = make(fs)
    for n in (1, 20):
        store.begin()
        assert store.batch.is_open and store.batch.draft is None
        for i in range(n):
            store.apply([(b"%d.%d" % (n, i), bytes(200))])
        assert (store.batch.draft is not None) == (n == 20)
        durable = everything(make(MemFs(fs.files)))
        assert len(durable) == n // 20 and len(everything(store)) == len(durable) + n
        store.commit()
        assert store.batch is None and store.state == READY
    assert len(everything(make(fs))) == 21


@pytest.mark.parametrize("n", [1, 20])
def test_rolling_back_drops_the_batch(fs, n):
    store = make(fs)
    store.apply([(b"a", b"1")])
    version = store.manifest.version
    store.begin()
    for i in range(n):
        store.apply([(b"%d" % i, bytes(200))])
    assert n == 1 or store.version is not store.manifest.version
    store.rollback()
    assert store.batch is None and store.state == READY and everything(store) == {b"a": b"1"}
    assert n > 1 or store.version is version
    assert list(store.storage.numbers()) == [s.number for s in store.version.segments()]


@pytest.mark.parametrize("spilled", [False, True])
def test_a_batch_that_fails_half_way_can_only_be_rolled_back(fs, monkeypatch, spilled):
    store = make(fs)
    store.apply([(b"a", b"1")])
    begin_spilled(store) if spilled else store.begin()
    with monkeypatch.context() as patch:
        patch.setattr(store.memtable if spilled else store.batch.memtable, "put", failing)
        with pytest.raises(MemoryError):
            store.apply([(b"b", b"2")])
    assert store.batch.failed and store.state == (SUSPECT if spilled else READY)
    for call in (lambda: store.get(b"a"), store.commit, lambda: store.apply([(b"c", b"3")])):
        with pytest.raises(UnosqlError, match="roll it back"):
            call()
    store.rollback()
    assert store.batch is None and store.state == READY and everything(store) == {b"a": b"1"}


def test_loading_anew_makes_a_batch_fail(fs):
    store = make(fs)
    store.begin()
    store.apply([(b"a", b"1")])
    store.suspect()
    with pytest.raises(UnosqlError, match="roll it back"):
        store.ready()
    assert store.batch.failed and store.state == READY
    store.rollback()
    store.apply([(b"b", b"2")])
    assert everything(make(fs)) == {b"b": b"2"}


@pytest.mark.parametrize("where", ["/w", "/s", "/m"])
@pytest.mark.parametrize("n", [1, 20])
def test_a_commit_that_is_refused_has_rolled_back(fs, where, n):
    store = make(fs)
    store.apply([(b"a", bytes(600))])
    store.begin()
    for i in range(n):
        store.apply([(b"%02d" % i, bytes(300))])
    fs.full = where
    try:
        store.commit()
        done = True
    except StorageFullError:
        done = False
        store.rollback()
    assert store.batch is None
    fs.full = None
    expected = {b"a": bytes(600), **({b"%02d" % i: bytes(300) for i in range(n)} if done else {})}
    assert everything(store) == expected == everything(make(MemFs(fs.files))) and store.state == READY
