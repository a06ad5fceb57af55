"""Recovery argued case by case: what the log, the manifest and the files may look like after a cut or damage."""
import errno
import random

import pytest

from memfs import Failing, MemFs, begin_spilled, everything, make, path
from unosql.kv.version import Version, decode
from unosql.kv import recovery
from unosql.kv.envelope import Plain
from unosql.errors import ClosedError, CorruptionError, StorageFullError, WrongKeyError
from unosql.storage.files import Files
from unosql.kv.observer import Observer
from unosql.kv.store import Store
from unosql.kv.wal import Wal

KEY = b"sixteen byte key"


# -- the WAL

class Log:
    """A log in a list; records may be edited."""

    limit = 40

    in_order = False

    def __init__(self):
        self.records, self.room, self.resumed, self.reads = [], 12, None, 0

    def append(self, record):
        self.records.append(record)
        self.room -= 1

    def places(self):
        order = range(len(self.records))
        return iter(reversed(order) if self.in_order else order)

    def read(self, place):
        self.reads += 1
        return self.records[place]

    def describe(self, place):
        return "log/%d" % place

    def resume(self, place, live):
        self.resumed = place, live

    def reset(self):
        self.room = 12




def noise(size, seed=0):
    """Bytes of which no delta is shorter."""
    return random.Random(seed).randbytes(size)


NOISE = noise(12 * 26 + 1)
BATCHES = [b"one", NOISE[: 4 * 26], b"three"]


def logged(batches=BATCHES):
    log = Log()
    wal = Wal(log, Plain())
    for batch in batches:
        wal.append(wal.packed(batch))
    return log


def recovered(log, after=0):
    wal = Wal(log, Plain())
    return list(wal.recover(after)), wal


def test_wal_round_trip():
    log = logged()
    assert len(log.records) == 6  # of 26 bytes of a batch each
    found, wal = recovered(log)
    assert found == BATCHES and wal.counter == 6 and log.resumed == (5, 6) and wal.fits(wal.packed(b"1"))
    log.records.reverse()  # where a record is means nothing
    assert recovered(log)[0] == BATCHES
    assert recovered(log, 1)[0] == BATCHES[1:] and recovered(log, 5)[0] == BATCHES[2:]
    found, wal = recovered(log, 6)
    assert found == [] and wal.counter == 6 and log.resumed == (None, 0) and wal.fits(wal.packed(b"1"))


def test_wal_that_knows_its_order():
    """What comes before a record that is flushed is not read."""
    log = logged()
    log.in_order = True
    assert recovered(log)[0] == BATCHES
    log.reads, log.records[0] = 0, b"damaged long ago"
    found, wal = recovered(log, 5)
    assert found == BATCHES[2:] and log.reads == 2 + 1 and wal.fits(wal.packed(b"1"))
    found, wal = recovered(log, 1)
    assert found == BATCHES[1:] and not wal.fits(wal.packed(b"1"))  # it may read as whole another time, with any counter


def test_wal_limits():
    wal = Wal(Log(), Plain())
    assert wal.fits(wal.packed(NOISE[1:])) and not wal.fits(wal.packed(NOISE))
    assert wal.takes(wal.packed(NOISE[1:])) and not wal.takes(wal.packed(NOISE))
    wal.append(wal.packed(NOISE[: 3 * 26]))
    assert wal.fits(wal.packed(NOISE[3 * 26 : 12 * 26])) and not wal.fits(wal.packed(NOISE[3 * 26 :]))
    wal.reset(wal.counter)
    assert wal.fits(wal.packed(NOISE[1:]))


def test_a_batch_like_the_first_is_a_delta():
    batches = [b"%d: " % i + NOISE[:200] for i in range(3)]
    log = logged(batches[:1])
    wal = recovered(log)[1]
    wal.append(wal.packed(b"other"))
    assert wal.fits(wal.packed(noise(78, 1))) and not wal.fits(wal.packed(noise(79, 1)))
    assert wal.fits(wal.packed(batches[1]))  # which is longer, and takes one record
    for batch in batches[1:]:
        wal.append(wal.packed(batch))
    assert len(log.records) == 8 + 1 + 2 and recovered(log)[0] == [batches[0], b"other", *batches[1:]]


@pytest.mark.parametrize("end", ["reset", "skip"])
def test_the_first_batch_that_recovery_reads_needs_none_before_it(end):
    log = Log()
    wal = Wal(log, Plain())
    wal.append(wal.packed(NOISE[:60]))
    wal.reset(wal.counter) if end == "reset" else wal.skip()
    counter = wal.counter
    for _ in range(2):
        wal.append(wal.packed(NOISE[:60]))
    assert len(log.records) == 3 + 3 + 1 and recovered(log, counter)[0] == [NOISE[:60]] * 2
    if end == "reset":  # by an older manifest
        assert recovered(log)[0] == [NOISE[:60]] * 3


def test_the_first_batch_behind_a_reset_starts_anew():
    """By an older manifest recovery reads on from one base to the next."""
    log = logged([NOISE[:60], NOISE[:61]])
    wal = recovered(log)[1]
    wal.reset(wal.counter)
    for end in (100, 101):
        wal.append(wal.packed(NOISE[40:end]))
    assert recovered(log)[0] == [NOISE[:60], NOISE[:61], NOISE[40:100], NOISE[40:101]]


def test_records_of_format_1_have_no_base():
    log = Log()
    log.records = [Plain().seal(b"\x01\x80" + NOISE[:20], b"w"), Plain().seal(b"\x02\x80" + NOISE[:20], b"w")]
    assert recovered(log)[0] == [NOISE[:20]] * 2


def test_a_delta_that_is_damaged_is_named():
    log = Log()
    log.records = [Plain().seal(record, b"w") for record in (b"\x01\xa0one", b"\x02\xc0\x00\x04")]
    with pytest.raises(CorruptionError, match="log/1: damaged difference"):
        recovered(log)


@pytest.mark.parametrize("keep", range(6))
def test_wal_cut_at_its_end(keep):
    """Fewer records are fewer whole batches; an incomplete one freezes the log until it is reset."""
    log = logged()
    del log.records[keep:]
    found, wal = recovered(log)
    assert found == BATCHES[: {0: 0, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2}[keep]]
    assert wal.fits(wal.packed(b"1")) == (keep in (0, 1, 5)) and wal.counter == keep
    wal.reset(wal.counter)
    assert wal.fits(wal.packed(b"1"))


@pytest.mark.parametrize("missing", range(5))
def test_wal_gap(missing):
    log = logged()
    del log.records[missing]
    with pytest.raises(CorruptionError, match="WAL record %d is missing" % (missing + 1)):
        recovered(log)


def test_wal_torn_record():
    """It may read as whole another time: its counter is never used again."""
    log = logged()
    log.records[5] = log.records[5][:-1]
    found, wal = recovered(log)
    assert found == BATCHES[:2] and wal.counter == 6 and not wal.fits(wal.packed(b"1"))


def test_wal_records_that_do_not_follow():
    for second in (b"\x02\x80x", b"\x02\x05x"):  # a first one, and one too far down the count, after "two follow"
        log = Log()
        log.records = [Plain().seal(record, b"w") for record in (b"\x01\x82x", second)]
        with pytest.raises(CorruptionError, match="log/1: WAL record 2 does not follow"):
            recovered(log)
    log.records = [Plain().seal(b"\x01\x00x", b"w")]
    with pytest.raises(CorruptionError, match="log/0: WAL record 1 does not follow"):
        recovered(log)


# -- the manifest

class Segment:
    def __init__(self, number, floor, tag=None):
        self.number, self.floor, self.tag = number, floor, tag or b"tag%d" % number


def test_manifest_round_trip():
    made = Version(300, [[Segment(9, None), Segment(7, b"floor")], [], [Segment(1, b"x" * 300)]])
    found, next_file, is_sound = decode(made.encode(70000), Segment)
    assert is_sound and (found.wal, next_file) == (300, 70000)
    assert [[(s.number, s.floor) for s in level] for level in found.levels] == [
        [(9, None), (7, b"floor")], [], [(1, b"x" * 300)]]
    assert [s.number for s in found.segments()] == [9, 7, 1]
    assert not decode(made.encode(70000), lambda n, floor: Segment(n, floor, b"other"))[2]


@pytest.mark.parametrize("password", [None, KEY])
def test_either_slot_will_do(password):
    """A damaged manifest is as one that was torn: the WAL still has what the one before lacks."""
    fs = MemFs()
    store = make(fs, password)
    store.apply([(b"a", b"1")])
    store.flush()
    store.apply([(b"b", b"2")])
    store.flush()
    for slot, size in ((slot, size) for slot in range(2) for size in range(len(fs.files[path("m", slot)]))):
        files = dict(fs.files)
        files[path("m", slot)] = files[path("m", slot)][:size]
        assert everything(make(MemFs(files), password)) == {b"a": b"1", b"b": b"2"}


def test_large_batches_are_in_both_slots():
    """The WAL can't make up for them."""
    fs = MemFs()
    store = make(fs)
    ops = [(b"k%d" % i, bytes(90)) for i in range(50)]  # more than the memtable: a bulk batch
    store.apply(ops)
    middling = [(b"l%d" % i, noise(150, i)) for i in range(6)]  # fits the memtable, not the WAL
    for expected in (dict(ops), dict(ops + middling)):
        for slot in range(2):
            files = dict(fs.files, **{path("m", slot): b""})
            assert everything(make(MemFs(files))) == expected
        store.apply(middling)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("ops", [[(b"k%d" % i, noise(90, i)) for i in range(14)], [(b"l%d" % i, noise(150, i)) for i in range(6)]], ids=len)
def test_older_manifest_and_newer_log(ops, batched):
    """Without the batch between them, which is in segments only, they are no state that ever was."""
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.flush()
    older = {name: data for name, data in fs.files.items() if "/m" in name}
    store.policy.buffered = batched
    store.apply(ops)
    store.flush_buffered()
    store.policy.buffered = False
    assert everything(make(MemFs({**fs.files, **older}))) == {b"a": b"1"}  # as after a cut
    store.apply([(b"b", b"2")])
    assert everything(make(MemFs(fs.files))) == {b"a": b"1", b"b": b"2", **dict(ops)}
    with pytest.raises(CorruptionError, match="is missing"):
        make(MemFs({**fs.files, **older}))


def test_no_manifest():
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    rest = {name: data for name, data in fs.files.items() if "/m" not in name}
    with pytest.raises(CorruptionError, match="WAL without a manifest"):
        make(MemFs(rest))
    store.flush()
    rest = {name: data for name, data in fs.files.items() if "/s" in name}
    with pytest.raises(CorruptionError, match="segments without a manifest"):
        make(MemFs(rest))
    for name in list(fs.files):
        del fs.files[name]
    store.suspect()
    with pytest.raises(CorruptionError, match="manifest is gone"):
        store.get(b"a")  # an open database does not turn into a new one
    assert everything(make(MemFs())) == {}


def test_torn_creation():
    """A cut while the first manifest was written leaves no database."""
    for password in (None, KEY):
        fs = MemFs()
        make(fs, password)
        first = fs.files[path("m", 0)]
        for size in range(len(first)):
            assert everything(make(MemFs({path("m", 0): first[:size]}), None)) == {}


def test_whole_but_not_authentic():
    """An outer checksum without the key is no manifest."""
    fs = MemFs()
    make(fs, KEY)
    record = bytearray(Plain().unseal(fs.files[path("m", 0)], b"m"))
    record[-1] ^= 1
    with pytest.raises(CorruptionError, match="t.udb/m00 at offset 33: authentication failed"):
        make(MemFs({path("m", 0): Plain().seal(bytes(record), b"m")}), KEY)


def test_exchanged_segment():
    """One file under the right name, sound in itself, but not the one that the manifest means."""
    one, other = MemFs(), MemFs()
    for fs in (one, other):
        store = make(fs)
        store.apply([(b"a", b"1")])
        store.flush()
    one.files[path("s", 1)] = other.files[path("s", 1)]
    with pytest.raises(CorruptionError, match="not the one that the manifest names"):
        make(one)


def test_errors_lose_nothing():
    """An old manifest and a WAL with a gap: the newer segment stays for whoever repairs it."""
    fs = MemFs()
    store = make(fs)
    for i in range(6):
        store.apply([(b"a%d" % i, noise(400, i))])  # every third flushes
    store.apply([(b"b", b"2")])
    newest = max(name for name in fs.files if "/m" in name and store.manifest.counter == Plain().unseal(fs.files[name], b"m")[4])
    fs.files[newest] = b""
    for name in [path("w", 0), path("w", 1)]:
        fs.files.pop(name)
    before = dict(fs.files)
    with pytest.raises(CorruptionError):
        make(fs)
    assert fs.files == before


# -- the store around them

def test_incomplete_batch_at_opening():
    """Opening writes nothing, not even then; the next write flushes first, and stale fragments are never met again."""
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.apply([(b"b", noise(250))])
    assert path("w", 3) in fs.files
    del fs.files[path("w", 3)]
    before = dict(fs.files)
    store = make(fs)
    assert everything(store) == {b"a": b"1"} and fs.files == before
    store.apply([(b"c", b"3")])
    assert store.stats()["segments"] == 1
    for _ in range(2):
        store = make(fs)
        assert everything(store) == {b"a": b"1", b"c": b"3"}


def test_full_medium_is_read():
    """With an unclean log and no room at all."""
    fs = Failing()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.apply([(b"b", noise(250))])
    del fs.files[path("w", 3)]
    store = make(fs)
    fs.fail("", error=errno.ENOSPC)
    with pytest.raises(StorageFullError):
        store.apply([(b"c", b"3")])
    assert everything(store) == {b"a": b"1"}
    store.apply([(b"c", b"3")])
    assert everything(make(fs)) == {b"a": b"1", b"c": b"3"}


def test_reload_that_fails_is_not_an_empty_database():
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.flush()
    name = path("s", 1)
    data = fs.files.pop(name)
    store.suspect()
    for _ in range(2):
        with pytest.raises(CorruptionError):
            store.get(b"a")
    fs.files[name] = data
    assert store.get(b"a") == b"1"


def test_failing_open_closes():
    fs = MemFs()
    make(fs, KEY)
    store = Store(Files("t.udb", fs=fs), Observer())
    with pytest.raises(WrongKeyError):
        store.open(b"another key", 2)
    with pytest.raises(ClosedError):
        store.get(b"a")
    store.close()
    store.open(KEY, 2)
    store.close()
    store.close()
    with pytest.raises(ClosedError):
        store.ready()


@pytest.mark.parametrize("where", ["/w", "/s", "/m"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("size", [10, 300, 900, 3000])
def test_failing_write(where, error, size):
    """Of a batch for the WAL, of several records, for the memtable only, and for a bulk batch: all or nothing."""
    for n in range(4):
        fs = Failing()
        store = make(fs)
        model = {b"a%d" % i: bytes(30) for i in range(6)}
        for op in model.items():
            store.apply([op])
        ops = [(b"b%d" % i, bytes(size // 5)) for i in range(5)]
        fs.fail(where, n, error)
        try:
            store.apply(ops)
        except (OSError, StorageFullError):
            assert everything(store) in (model, {**model, **dict(ops)})
        else:
            assert everything(store) == {**model, **dict(ops)}
        fs.n = None
        model = everything(store)
        store.apply([(b"c", b"3")])
        assert everything(store) == everything(make(fs)) == {**model, b"c": b"3"}


def test_files_of_a_batch_given_up_lend_no_numbers():
    fs = MemFs()
    store = make(fs)
    begin_spilled(store)
    store.apply([(b"k%d" % i, bytes(90)) for i in range(50)])
    used = set(store.storage.numbers())
    store.rollback()
    assert used and not set(store.storage.numbers())
    store.apply([(b"a", b"1")])
    store.flush()
    assert min(store.storage.numbers()) > max(used)


def test_what_a_batch_leaves_behind_goes_once_the_medium_lets_it(monkeypatch):
    """Whose removal failed: nobody but the next version's installation asks for it again."""
    fs = MemFs()
    store = make(fs)
    begin_spilled(store)
    for i in range(6):
        store.apply([(b"k%d" % i, noise(400, i))])
    spilled = set(store.storage.numbers())
    assert len(spilled) > 1
    remove = fs.remove
    monkeypatch.setattr(fs, "remove", lambda path: (_ for _ in ()).throw(OSError(errno.EIO, path)))
    store.rollback()
    assert set(store.storage.numbers()) == spilled and everything(store) == {}
    monkeypatch.setattr(fs, "remove", remove)
    store.apply([(b"a", b"1")])
    store.flush()
    assert set(store.storage.numbers()) == {segment.number for segment in store.version.segments()}


def test_orphans_go_and_lend_no_numbers():
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.flush()
    fs.files[path("s", 0x123)] = b"torn"
    store = make(fs)
    assert list(store.storage.numbers()) == [1]
    store.apply([(b"a", b"2")])
    store.flush()
    assert sorted(store.storage.numbers()) == [1, 0x124]


def test_larger_memtable_before():
    fs = MemFs()
    store = make(fs, slots=64, memtable=8192)
    model = {b"k%02d" % i: bytes(100) for i in range(30)}
    for op in model.items():
        store.apply([op])
    store = make(fs, slots=64, memtable=512)
    assert everything(store) == model
    with pytest.raises(ValueError, match="too large for the memtable"):
        make(MemFs(), memtable=512).apply([(b"k", bytes(600))])


@pytest.mark.parametrize("fail", [None, 1, 2, 3, 5, 8])
def test_a_log_that_outgrows_a_memtable_which_can_not_grow(monkeypatch, fail):
    """It is flushed on the way, and published at the end of the log: until then an error loses nothing."""
    fs = Failing()
    store = make(fs, slots=64, memtable=4096)
    model = {}
    for i in range(12):
        model[b"k%02d" % i] = bytes([i]) * 200
        store.apply([(b"k%02d" % i, bytes([i]) * 200)])
    real = recovery.Memtable

    def short(capacity):
        if capacity > 1024:
            raise MemoryError
        return real(capacity)

    monkeypatch.setattr(recovery, "Memtable", short)
    if fail:
        fs.fail("/", fail, errno.EIO)
        try:
            make(fs, slots=64, memtable=1024)
        except (OSError, CorruptionError):
            pass
        fs.n = None
    store = make(fs, slots=64, memtable=1024)
    assert everything(store) == model and store.memtable.capacity == 1024 and store.version.levels[0]
    store.apply([(b"z", b"1")])
    assert everything(make(fs, slots=64, memtable=1024)) == {**model, b"z": b"1"}


def test_a_logged_record_larger_than_a_memtable_which_can_not_grow(monkeypatch):
    fs = MemFs()
    make(fs, slots=64, memtable=4096).apply([(b"k", bytes(200))])
    real = recovery.Memtable
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(recovery, "Memtable", lambda capacity: short())
        make(fs, slots=64, memtable=128)
    assert recovery.Memtable is real and everything(make(fs, slots=64, memtable=128)) == {b"k": bytes(200)}


def short():
    raise MemoryError


# -- a medium that can only be read


class ReadOnly(MemFs):
    def open(self, name, mode="rb"):
        if "w" in mode:
            raise OSError(errno.EROFS, name)
        return super().open(name, mode)

    def remove(self, name):
        raise OSError(errno.EROFS, name)


def test_a_medium_that_can_only_be_read_opens_and_keeps_what_a_cut_left():
    fs = MemFs()
    store = make(fs)
    store.apply([(b"a", b"1")])
    store.close()
    fs.files[path("s", 99)] = b"no manifest names it"
    locked = ReadOnly(fs.files)
    store = make(locked)
    for _ in range(2):
        assert everything(store) == {b"a": b"1"}
        with pytest.raises(OSError, match="t.udb: read-only"):
            store.apply([(b"b", b"2")])
    assert locked.files == fs.files
    assert everything(make(fs)) == {b"a": b"1"} and path("s", 99) not in fs.files


def test_a_database_that_is_not_there_can_t_be_made_on_it():
    with pytest.raises(OSError, match="t.udb is not there and can't be made") as caught:
        make(ReadOnly())
    assert caught.value.errno == errno.EROFS
