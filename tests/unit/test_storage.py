"""Files and Flash: the contract of docs/DESIGN.md on every medium, cuts, I/O errors and full media in every step."""
import os
import random
import re

import pytest
import unosql.storage
from mini_store import MiniStore, Lost
from media import EIO, MEDIA, FatFiles, FlashMedium, LittleFsFiles, LossyFs, MemFiles, PowerCut
from unosql.storage import files
from unosql.errors import StorageFullError
from unosql.storage.files import Files


class Directory:
    """Files in a real directory."""

    def __init__(self, path, **kw):
        self._path = str(path)
        self._kw = kw

    def storage(self, name="testdb"):
        return Files("%s/%s.udb" % (self._path, name), **self._kw)


@pytest.fixture(params=["flash", "memory", "littlefs", "fat", "directory"])
def medium(request, tmp_path):
    return Directory(tmp_path) if request.param == "directory" else MEDIA[request.param]()


def opened(medium, *name):
    storage = medium.storage(*name)
    storage.open()
    return storage


def write(storage, n, data, step=1000):
    sink = storage.create(n)
    for i in range(0, len(data), step):
        sink.append(data[i : i + step])
    sink.close()


def read(storage, n):
    size = storage.size(n)
    buf = bytearray(size + 3 & ~3)
    assert storage.readinto(n, 0, memoryview(buf)) >= size
    return bytes(buf[:size])


def records(log):
    return sorted(log.read(place) for place in log.places())


# segments


def test_a_blank_medium_has_nothing_and_opening_changes_nothing(medium):
    device = getattr(medium, "device", LossyFs())
    before = device.steps
    storage = opened(medium)
    assert not storage.exists
    assert list(storage.numbers()) == [] == records(storage.log(b"w")) == records(storage.log(b"m"))
    storage.close()
    assert device.steps == before


@pytest.mark.parametrize("size", [1, 3, 223, 224, 225, 4063, 4064, 4065, 4096, 12192, 20001])
def test_a_segment_reads_back_from_any_word(medium, size):
    data = random.Random(size).randbytes(size)
    storage = opened(medium)
    write(storage, 7, data, step=333)
    for storage in (storage, opened(medium)):
        assert storage.size(7) == size
        assert read(storage, 7) == data
        rng = random.Random(size)
        for offset in [0, 4 * ((size - 1) // 4)] + [4 * rng.randrange((size + 3) // 4) for _ in range(20)]:
            room = min(4 * rng.randrange(1, 375), (size - offset + 3) & ~3)
            buf = bytearray(4 + room)
            got = storage.readinto(7, offset, memoryview(buf)[4:])
            there = min(room, size - offset)
            assert there <= got <= room and bytes(buf[: 4 + there]) == bytes(4) + data[offset : offset + there]
        storage.close()


def test_segments_are_told_apart_listed_and_removed(medium):
    storage = opened(medium)
    for n in (1, 2, 3, 300, 70000, 1 << 24):
        write(storage, n, b"%d" % n * 3000)
    storage = opened(medium)
    assert storage.exists
    assert sorted(storage.numbers()) == [1, 2, 3, 300, 70000, 1 << 24]
    assert read(storage, 300) == b"300" * 3000
    storage.remove(300)
    storage.remove(300)
    for read_it in (storage.size, lambda n: storage.readinto(n, 0, memoryview(bytearray(4)))):
        with pytest.raises(FileNotFoundError):
            read_it(300)
    for n in storage.numbers():
        if n != 2:
            storage.remove(n)
    assert list(opened(medium).numbers()) == [2]
    assert read(opened(medium), 2) == b"2" * 3000


def test_an_aborted_segment_is_gone_and_its_number_free(medium):
    storage = opened(medium)
    sink = storage.create(5)
    sink.append(bytes(9000))
    sink.abort()
    assert list(storage.numbers()) == []
    write(storage, 5, b"again")
    assert read(opened(medium), 5) == b"again"


def test_an_empty_segment(medium):
    opened(medium).create(5).close()
    storage = opened(medium)
    assert list(storage.numbers()) == [5] and storage.size(5) == 0
    assert read(storage, 5) == b""


def test_a_number_used_again_holds_the_new_bytes(medium):
    storage = opened(medium)
    write(storage, 5, b"old" * 5000)
    assert storage.size(5) == 15000
    write(storage, 5, b"new")
    assert read(storage, 5) == b"new" == read(opened(medium), 5)


def test_two_segments_can_be_written_and_one_read_at_once(medium):
    storage = opened(medium)
    write(storage, 1, b"1" * 10000)
    first, second = storage.create(2), storage.create(3)
    for i in range(100):
        first.append(b"2" * 97)
        second.append(b"3" * 101)
        buf = bytearray(48)
        assert storage.readinto(1, i * 96, memoryview(buf)) == 48 and buf == b"1" * 48
    first.close()
    second.close()
    assert [read(opened(medium), n) for n in (1, 2, 3)] == [b"1" * 10000, b"2" * 9700, b"3" * 10100]


def test_databases_on_one_medium_do_not_see_each_other(medium):
    stores = [opened(medium, name) for name in ("a", "b", "a_b")]
    for round in range(3):
        for i, storage in enumerate(stores):
            write(storage, round + 1, b"%d" % i * 5000)
            storage.log(b"m").append(b"m%d%d" % (i, round))
            storage.log(b"w").append(b"w%d%d" % (i, round))
    stores[1].destroy()
    assert not opened(medium, "b").exists
    for i, name in ((0, "a"), (2, "a_b")):
        storage = opened(medium, name)
        assert {n: read(storage, n) for n in storage.numbers()} == {n: b"%d" % i * 5000 for n in (1, 2, 3)}
        assert records(storage.log(b"w")) == [b"w%d%d" % (i, round) for round in range(3)]
        assert b"m%d2" % i in records(storage.log(b"m"))


def test_destroy_leaves_nothing_and_the_storage_usable(medium):
    storage = opened(medium)
    free = storage.free()
    write(storage, 1, bytes(5000))
    storage.log(b"w").append(b"w")
    storage.log(b"m").append(b"m")
    storage.destroy()
    for storage in (storage, opened(medium)):
        assert not storage.exists
        assert list(storage.numbers()) == [] == records(storage.log(b"w")) == records(storage.log(b"m"))
    if not isinstance(medium, Directory):  # a PC's disk is others' too
        assert storage.free() >= free - storage.erase * 3
    write(storage, 1, b"new")
    assert read(opened(medium), 1) == b"new"


def test_names_in_messages(medium):
    storage = opened(medium)
    assert "testdb" in storage.describe(None) and "testdb" in storage.describe(12)
    assert storage.describe(12).endswith("/s000000c")
    storage.log(b"w").append(b"x")
    place = next(iter(storage.log(b"w").places()))
    assert "testdb" in storage.log(b"w").describe(place)


# logs


def test_records_survive_reopening_whatever_their_size(medium):
    log = opened(medium).log(b"w")
    sizes = [1, 2, 3, 4, 5, 127, log.limit, 1000] if log.limit < 1000 else [1, 2, 3, 4, 5, 127, 255, 256, 257, log.limit]
    for size in sizes:
        log.append(bytes([size & 0xFF]) * size)
    assert records(opened(medium).log(b"w")) == records(log) == sorted(bytes([s & 0xFF]) * s for s in sizes)


@pytest.mark.parametrize("seed", range(3))
def test_a_wal_never_loses_a_live_record(medium, seed):
    """Counted records, resets and reopenings at random, through many turns of the ring."""
    rng = random.Random(seed)
    storage, counter, flushed = opened(medium), 0, 0
    log = storage.log(b"w")
    for _ in range(600):
        if not log.room or rng.random() < 0.02:
            flushed = counter
            log.reset()
        if rng.random() < 0.05:
            log = opened(medium).log(b"w")
            found = {int(log.read(place)[:5]): place for place in log.places()}
            assert set(found) >= set(range(flushed + 1, counter + 1))
            log.resume(found.get(counter) if counter > flushed else None, counter - flushed)
        if log.room:
            counter += 1
            log.append(b"%05d" % counter + bytes(rng.randrange(100)))
    found = {int(log.read(place)[:5]) for place in opened(medium).log(b"w").places()}
    assert found >= set(range(flushed + 1, counter + 1))


def test_a_full_wal_takes_nothing_more(medium):
    log = opened(medium).log(b"w")
    for i in range(log.room):
        log.append(b"%d" % i)
    with pytest.raises(StorageFullError, match="no room in the log"):
        log.append(b"more")
    log.reset()
    log.append(b"more")
    assert b"more" in records(opened(medium).log(b"w"))


def test_the_newest_manifest_is_always_there(medium):
    log = opened(medium).log(b"m")
    for i in range(200):
        log.append(b"%05d" % i + bytes(i))
        if i % 7 == 0:
            log = opened(medium).log(b"m")
            place = max(log.places(), key=log.read)
            assert log.read(place) == b"%05d" % i + bytes(i)
            log.resume(place, 1)
    assert max(records(opened(medium).log(b"m"))) == b"00199" + bytes(199)


def test_scrubbing_a_log_leaves_no_record(medium):
    storage = opened(medium)
    log = storage.log(b"w")
    for i in range(20):
        log.append(bytes(500))
    log.scrub()
    assert records(log) == [] == records(opened(medium).log(b"w"))
    log.append(b"after")
    assert records(opened(medium).log(b"w")) == [b"after"]


# cuts, errors, a full medium


def run(medium, items, acknowledged):
    """Recover, check, and put items until there are that many; acknowledged collects those whose put returned."""
    ledger = MiniStore(medium.storage())
    check(ledger, items, acknowledged)
    acknowledged[:] = ledger.items
    for item in items[len(ledger.items) :]:
        ledger.put(item)
        acknowledged.append(item)


def check(ledger, items, acknowledged):
    """All that was acknowledged is there, in order, and at most the one item more that was being put."""
    if ledger.items != items[: len(ledger.items)]:
        raise Lost("other items than were put")
    if not len(acknowledged) <= len(ledger.items) <= len(acknowledged) + 1:
        raise Lost("%d items acknowledged, %d found" % (len(acknowledged), len(ledger.items)))


def make_items(count):
    rng = random.Random(count)
    return [rng.randbytes(rng.randrange(20, 110)) for _ in range(count)]


SMALL = {
    "flash": lambda: FlashMedium(20, 1024, records=8),
    "memory": lambda: MemFiles(slots=8),
    "littlefs": lambda: LittleFsFiles(32, slots=8),
    "fat": lambda: FatFiles(256, slots=8),
}
ITEMS = make_items(50)
# Each step of the workload, but only each seventh on littlefs, which is slower.
STRIDE = {"flash": 1, "memory": 1, "littlefs": 7, "fat": 1}


def steps(kind):
    medium = SMALL[kind]()
    before = medium.device.steps
    run(medium, ITEMS, [])
    return medium.device.steps - before


@pytest.mark.parametrize("kind, model", [(k, m) for k in SMALL for m in SMALL[k]().device.MODELS])
def test_power_cut_in_every_step(kind, model):
    """A cut in each step of the work, a second one in the recovery, a third one later; nothing acknowledged is lost."""
    total = steps(kind)
    assert total > 100
    for after in range(0, total, STRIDE[kind]):
        medium, acknowledged = SMALL[kind](), []
        for cut in (after, after % 7, after % 23):
            medium.device.cut(cut, model, seed=after)
            try:
                run(medium, ITEMS, acknowledged)
            except PowerCut:
                pass
            except Lost as lost:
                pytest.fail("%s, model %s, cut after %d: %s" % (kind, model, after, lost))
            medium.device.restart()
        run(medium, ITEMS, acknowledged)
        check(MiniStore(medium.storage()), ITEMS, acknowledged)
        assert acknowledged == ITEMS


@pytest.mark.parametrize("kind", SMALL)
def test_io_error_in_every_step(kind):
    """An error reaches the caller; reopened, all that was acknowledged is there and writing goes on."""
    seen = 0
    for after in range(0, steps(kind), STRIDE[kind]):
        medium, acknowledged = SMALL[kind](), []
        medium.device.fail(after)
        try:
            run(medium, ITEMS, acknowledged)
        except OSError as error:
            assert error.errno == EIO
            seen += 1
        run(medium, ITEMS, acknowledged)
        assert acknowledged == ITEMS
    assert seen > 20


FULL = {
    "flash": lambda: FlashMedium(24, 1024, records=8),
    "memory": lambda: MemFiles(12000, slots=8),
    "littlefs": lambda: LittleFsFiles(14, slots=8),
    "fat": lambda: FatFiles(128, slots=8),  # the least that FatFs formats
}


@pytest.mark.parametrize("kind", FULL)
def test_a_full_medium_says_so_and_keeps_what_it_has(kind):
    medium, items, acknowledged = FULL[kind](), make_items(1000), []
    with pytest.raises(StorageFullError, match="testdb"):
        run(medium, items, acknowledged)
    assert 20 < len(acknowledged) < 1000
    with pytest.raises(StorageFullError):
        run(medium, items, acknowledged)
    storage = opened(medium)
    survivors = sorted(storage.numbers())
    assert survivors
    with pytest.raises(StorageFullError):
        write(storage, 999, bytes(range(256)) * 400)
    assert sorted(storage.numbers()) == survivors == sorted(opened(medium).numbers())


@pytest.mark.parametrize("kind", FULL)
def test_removing_makes_room_again(kind):
    storage = opened(FULL[kind]())
    held = []
    for n in range(1, 400):
        try:
            write(storage, n, bytes(range(250)) * 4)
            held.append(n)
        except StorageFullError:
            storage.remove(held.pop(0))
            storage.remove(held.pop(0))
    assert len(held) >= 5
    assert all(read(storage, n) == bytes(range(250)) * 4 for n in held)


# files


def test_a_ring_may_be_made_longer_or_shorter():
    rng = random.Random(4)
    for before, after in ((8, 16), (16, 8)):
        for _ in range(60):
            device, counter, flushed = LossyFs(), 0, 0
            for slots in (before, after, before, after):
                storage = Files("t.udb", slots, fs=device)
                storage.open()
                log = storage.log(b"w")
                found = {int(log.read(place)): place for place in log.places()}
                assert set(range(flushed + 1, counter + 1)) <= set(found)
                log.resume(found.get(counter), counter - flushed)
                for _ in range(rng.randrange(24)):
                    if not log.room or counter % 13 == 0:
                        log.reset()
                        flushed = counter
                    counter += 1
                    log.append(b"%d" % counter)


def test_other_files_in_the_directory_are_left_alone(tmp_path):
    storage = Files(str(tmp_path / "t.udb"))
    storage.open()
    write(storage, 1, b"x")
    for name in ("s1", "s0000001.bak", "lock", "w0", "wxyz", "S0000002", "notes.txt", "s00000001"):
        (tmp_path / "t.udb" / name).write_text("mine")
    storage.open()
    assert list(storage.numbers()) == [1]
    assert records(storage.log(b"w")) == []
    storage.destroy()
    assert len(list((tmp_path / "t.udb").iterdir())) == 8


def test_a_directory_that_cannot_be_made_is_the_systems_error(tmp_path):
    storage = Files(str(tmp_path / "no" / "t.udb"))
    storage.open()
    with pytest.raises(FileNotFoundError):
        storage.log(b"w").append(b"x")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        Files(str(tmp_path / "file")).open()


def test_file_operations_are_synced_in_order(tmp_path, monkeypatch):
    """The bytes, then the name, before an append returns."""
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink("/proc/self/fd/%d" % fd)), fsync(fd)))
    storage = Files(str(tmp_path / "t.udb"))
    storage.open()
    storage.log(b"w").append(b"x")
    assert synced == [str(tmp_path), str(tmp_path / "t.udb" / "w00"), str(tmp_path / "t.udb")]


def test_without_fsync_closing_makes_durable(tmp_path, monkeypatch):
    """As on MicroPython, whose os has neither fsync nor a name."""
    monkeypatch.delattr(os, "fsync")
    monkeypatch.setattr(files, "os", _Os())
    storage = Files(str(tmp_path / "t.udb"))
    storage.open()
    storage.log(b"w").append(b"x")
    assert (tmp_path / "t.udb" / "w00").read_bytes() == b"x"


class _Os:
    def __getattr__(self, name):
        if name == "name":
            raise AttributeError(name)
        return getattr(os, name)


def test_a_medium_that_fails_twice_tells_of_the_first_error():
    class Failing(LossyFs):
        def open(self, path, mode="r"):
            file = super().open(path, mode)
            file.close = self.unclosable
            return file

        def unclosable(self):
            raise OSError(EIO, "close")

    device = Failing()
    storage = Files("t.udb", fs=device)
    storage.open()
    sink = storage.create(1)
    device.fail(0, 28)
    with pytest.raises(StorageFullError):
        sink.append(b"x")
    assert list(storage.numbers()) == []


def test_a_file_that_failed_once_is_opened_anew():
    """FatFs refuses every call on an open file after an error on it."""

    class Fat(LossyFs):
        fail = False

        def open(self, path, mode="r"):
            file = super().open(path, mode)
            readinto, failed = file.readinto, []

            def reading(buf):
                if self.fail or failed:
                    failed.append(True)
                    raise OSError(EIO, path)
                return readinto(buf)

            file.readinto = reading
            return file

    device = Fat()
    storage = Files("t.udb", fs=device)
    storage.open()
    write(storage, 1, b"data")
    assert read(storage, 1) == b"data"
    device.fail = True
    with pytest.raises(OSError):
        storage.readinto(1, 0, memoryview(bytearray(4)))
    device.fail = False
    assert read(storage, 1) == b"data"


def test_a_full_fat_directory_counts_as_full():
    """FatFs says EACCES when a directory can't grow."""

    class Fat(LossyFs):
        def open(self, path, mode="r"):
            if "w" in mode and path not in self.files and len(self.files) == 3:
                raise OSError(13, path)
            return super().open(path, mode)

        def statvfs(self, path):
            return (512, 512, 100, self.left, self.left, 0, 0, 0, 0, 255)

    device = Fat()
    storage = Files("t.udb", fs=device)
    storage.open()
    for device.left, error in ((0, StorageFullError), (5, PermissionError)):
        for n in (1, 2, 3):
            write(storage, n, b"x")
        with pytest.raises(error):
            storage.create(4)


def test_a_torn_directory_of_fat(tmp_path, monkeypatch):
    """As MicroPython lists it. Behind a name that is none only logs are believed: nothing is removed for its name alone."""
    listed = [b"m00", b"s0000001", b"notes.txt", b"\xe9\xff\x90", b"s0000002", b"w03", b"other"]
    asked = []

    def ilistdir(path):
        asked.append(path)
        return iter([(name, 0x8000, 0, 0) for name in listed])

    monkeypatch.setattr(os, "ilistdir", ilistdir, raising=False)
    storage = Files(str(tmp_path / "t.udb"))
    storage.open()
    assert asked == [str(tmp_path / "t.udb").encode()] and storage.exists
    assert list(storage.numbers()) == [1]
    assert [list(storage.log(kind).places()) for kind in (b"m", b"w")] == [[0], [3]]


@pytest.mark.parametrize("number", [1, 13, 30])
def test_a_medium_that_can_only_be_read(number, tmp_path, monkeypatch):
    storage = opened(Directory(tmp_path))
    write(storage, 1, b"kept")
    storage.log(b"m").append(b"manifest")

    def refuse(*args):
        raise OSError(number, "refused")

    monkeypatch.setattr(storage, "_open", lambda path, mode: refuse() if "w" in mode else open(path, mode))
    monkeypatch.setattr(files.os, "remove", refuse)
    for call in (storage.log(b"m").append, lambda _: write(storage, 2, b"x"), lambda _: storage.remove(1)):
        with pytest.raises(OSError, match="testdb.udb: read-only") as caught:
            call(b"x")
        assert caught.value.errno == number
    assert read(storage, 1) == b"kept"


def test_a_file_whose_closing_was_interrupted_can_be_read_again(tmp_path, monkeypatch):
    storage = opened(Directory(tmp_path))
    write(storage, 1, b"kept")
    assert read(storage, 1)[:4] == b"kept"
    file = storage._file

    class Closing:
        def close(self):
            file.close()
            raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_file", Closing())
    with pytest.raises(KeyboardInterrupt):
        storage.close()
    assert read(storage, 1)[:4] == b"kept"


def test_the_contract_names_what_storages_have():
    """storage/ says it; a method that is none of it has no part in what the store relies on."""
    storage, log = unosql.storage.__doc__.split("A storage:\n")[1].split("A Log is")
    names = [set(re.findall(r"^    (\w+)", text, re.M)) for text in (storage, log)]
    assert len(names[0]) == 14 and len(names[1]) == 11
    for make in MEDIA.values():
        opened = make().storage()
        opened.open()
        for kind in (b"w", b"m"):
            assert all(hasattr(opened.log(kind), name) for name in names[1])
        assert all(hasattr(opened, name) for name in names[0])
