"""The storages on a real filesystem of the target: where the test runs, and littlefs and FAT in RAM; and on NOR flash."""
import os

import nor
from ram import mounted
from unosql.core import Unosql
from unosql.errors import StorageFullError
from unosql.storage.files import Files

MODES = ("files",)


def write(storage, n, data):
    sink = storage.create(n)
    for i in range(0, len(data), 100):
        sink.append(data[i : i + 100])
    sink.close()


def read(storage, n):
    size = storage.size(n)
    buf = bytearray(size + 3 & ~3)
    assert storage.readinto(n, 0, memoryview(buf)) >= size
    return bytes(buf[:size])


def contract(make):
    """What the store relies on. make: returns a new storage on the same medium."""

    def opened():
        storage = make()
        storage.open()
        return storage

    storage = opened()
    assert not storage.exists
    assert list(storage.numbers()) == list(storage.log(b"w").places()) == []
    segments(storage, opened)
    logs(storage, opened)
    storage = opened()
    storage.destroy()
    assert not opened().exists
    storage.close()


def segments(storage, opened):
    data = bytes(i * 7 & 255 for i in range(1777))
    for n in (1, 2, 77):
        write(storage, n, data[n:])
    assert sorted(storage.numbers()) == [1, 2, 77]
    for storage in (storage, opened()):
        assert read(storage, 2) == data[2:]
        buf = bytearray(52)
        view = memoryview(buf)[4:]
        assert storage.readinto(77, 1000, view) == 48 and buf[4:] == data[1077 : 1077 + 48]
        assert storage.readinto(77, 1696, view[:4]) == 4 and buf[4:8] == data[1773:1777]
        assert storage.describe(77).endswith("/s000004d")
    for n in storage.numbers():
        if n != 2:
            storage.remove(n)
    storage.remove(77)
    assert list(opened().numbers()) == [2]
    try:
        storage.size(77)
    except OSError as error:
        assert error.errno == 2
    else:
        assert False, "a removed segment has a size"
    sink = storage.create(3)
    sink.append(data)
    sink.abort()
    assert list(storage.numbers()) == [2]
    assert storage.free() > 0
    storage.close()


def logs(storage, opened):
    counter = flushed = 0
    for _ in range(4):
        storage = opened()
        manifests, wal = storage.log(b"m"), storage.log(b"w")
        found = {int(wal.read(place)): place for place in wal.places()}
        assert all(i in found for i in range(flushed + 1, counter + 1))
        wal.resume(found.get(counter) if counter > flushed else None, counter - flushed)
        newest = max(manifests.places(), key=manifests.read) if counter else None
        assert newest is None or int(manifests.read(newest)) == 1000 + counter
        manifests.resume(newest, 1 if counter else 0)
        for _ in range(37):
            if not wal.room:
                wal.reset()
                flushed = counter
            counter += 1
            wal.append(b"%d" % counter)
            manifests.append(b"%d" % (1000 + counter))


def fills(storage):
    """A full medium says so, loses nothing, and has room again once something is removed."""
    storage.open()
    n = 0
    try:
        while n < 1000:
            write(storage, n + 1, bytes([n & 127]) * 900)
            n += 1
    except StorageFullError:
        pass
    assert 2 < n < 1000
    assert sorted(storage.numbers()) == list(range(1, n + 1))
    assert all(read(storage, i + 1) == bytes([i & 127]) * 900 for i in range(n))
    for i in range(1, n):
        storage.remove(i)
    write(storage, 1, bytes(900))
    assert sorted(storage.numbers()) == [1, n]
    storage.close()


def test_files_where_the_tests_run():
    contract(lambda: Files("here.udb"))
    assert "here.udb" not in os.listdir(".")


def test_files_on_littlefs():
    umount = mounted("VfsLfs2", 512, 96)
    try:
        contract(lambda: Files("/ram/x.udb", slots=8))
        fills(Files("/ram/y.udb", slots=8))
    finally:
        umount("/ram")


def test_files_on_fat():
    umount = mounted("VfsFat", 512, 120)
    try:
        contract(lambda: Files("/ram/x.udb", slots=8))
        fills(Files("/ram/y.udb", slots=8))
    finally:
        umount("/ram")


def test_flash():
    from unosql.storage.flash import Flash

    device = nor.device(os.getcwd(), "storage")
    contract(lambda: Flash(device, "storage", records=8))
    device.done()


def backups_in(folder):
    """A backup takes the place of an older one."""
    with Unosql("db", path=".") as db:
        for n in range(3):
            db.insert("c", {"n": n})
            assert db.backup(folder + "/c.bak") == n + 1
            assert os.listdir(folder) == ["c.bak"]
        db.clear("c")
        assert db.restore(folder + "/c.bak") == 3


def test_backups_where_the_tests_run():
    os.mkdir("backups")
    backups_in("backups")


def test_backups_on_littlefs():
    umount = mounted("VfsLfs2", 512, 96)
    try:
        backups_in("/ram")
    finally:
        umount("/ram")


def test_backups_on_fat():
    umount = mounted("VfsFat", 512, 120)
    try:
        backups_in("/ram")
    finally:
        umount("/ram")
