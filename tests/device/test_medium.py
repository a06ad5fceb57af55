"""What a medium may be like: names that differ in case are one on FAT, it may be read-only, its directory may be torn."""
import os
import sys

import nor
from ram import Medium
from runner import column, raises, same
from unosql.core import LockTimeoutError, Unosql
from unosql.storage.flash import Flash

MODES = ("files",)
FAT = "VfsFat", 512, 120
LITTLEFS = "VfsLfs2", 512, 96
EROFS = 30


def names(db):
    return column(db.all("c"), "name")


def keep(name, path="/ram"):
    """Open, insert a record that tells the name, close."""
    with Unosql(name, path=path, memtable=1024) as db:
        db.insert("c", {"name": name})


def kept(name, path="/ram"):
    with Unosql(name, path=path, memtable=1024) as db:
        return names(db)


def test_fat_takes_upper_and_lower_case_for_one():
    with Medium(*FAT):
        os.mkdir("/ram/Logs")
        for path, other in (("/ram", "/ram"), ("/ram/Logs", "/ram/logs"), ("/ram/LOGS", "/ram/./lOgS/")):
            one = Unosql("Data", path=path, memtable=1024)
            one.insert("c", {"name": path})
            two = Unosql("dATA", path=other)
            same(names(two), names(one))
            two.insert("c", {"name": other})
            raises(LockTimeoutError, "dATA is open here", Unosql.destroy, "dATA", path=other)
            one.close()
            same(names(two)[-2:], [path, other])
            two.close()
            same(kept("DATA", other)[-2:], [path, other])
        same(sorted(os.listdir("/ram")), ["Data.udb", "Logs"])
        same(Unosql.destroy("data", path="/ram/logs"), True)


def test_fat_knows_which_other_letters_belong_together():
    with Medium(*FAT):
        os.mkdir("/ram/\xc9t\xe9")
        one = Unosql("db", path="/ram/\xc9t\xe9", memtable=1024)
        one.insert("c", {"name": 1})
        try:
            two = Unosql("db", path="/ram/\xe9t\xe9")
        except OSError:
            two = None  # this FAT does not: nothing is there
        if two:
            same(names(two), [1])
            two.close()
        one.close()


def test_elsewhere_they_are_two():
    with Medium(*LITTLEFS):
        for path in ("/ram", "."):
            one, two = Unosql("Data", path=path, memtable=1024), Unosql("data", path=path)
            one.insert("c", {"name": "Data"})
            apart = "data.udb" in os.listdir(path) and "Data.udb" in os.listdir(path)
            same(names(two), [] if apart else ["Data"])  # the tests may run on anything
            assert apart or path == "."
            two.close()
            one.close()


def test_one_directory_in_many_spellings():
    os.mkdir("sub")
    here = os.getcwd().rstrip("/")
    one = Unosql("db", path="sub")
    one.insert("c", {"name": 1})
    for path in ("./sub/", "sub//", here + "/./sub", here + "//sub/."):
        with Unosql("db", path=path) as db:
            same(names(db), [1])
    one.close()


def read_only(medium):
    keep("db")
    medium.remount(True)
    with Unosql("db", path="/ram", memtable=1024, log_level="DEBUG") as db:
        for _ in range(2):
            same(names(db), ["db"])
            e = raises(OSError, "/ram/db.udb: read-only", db.insert, "c", {"name": 2})
            same(e.errno, EROFS)
            raises(OSError, "read-only", db.delete, "c", "name", "db")
            raises(OSError, "", db.backup, "/ram/c.bak")
        same(db.count("c"), 1)
        same(db.verify(), [])
        same(column(db.history("c", 1), "version"), [1])
    e = raises(OSError, "/ram/new.udb is not there and can't be made", Unosql, "new", path="/ram")
    same(e.errno, EROFS)
    raises(OSError, "read-only", Unosql.destroy, "db", path="/ram")
    medium.remount()
    keep("db")
    same(kept("db"), ["db", "db"])


def test_fat_that_can_only_be_read():
    with Medium(*FAT) as medium:
        read_only(medium)


def test_littlefs_that_can_only_be_read():
    with Medium(*LITTLEFS) as medium:
        read_only(medium)


def test_what_a_cut_left_stays_on_a_medium_that_can_only_be_read():
    with Medium(*FAT) as medium:
        keep("db")
        with open("/ram/db.udb/s00000ff", "w") as file:
            file.write("a segment that no manifest names")
        medium.remount(True)
        same(kept("db"), ["db"])
        assert "s00000ff" in os.listdir("/ram/db.udb")
        medium.remount()
        same(kept("db"), ["db"])
        assert "s00000ff" not in os.listdir("/ram/db.udb")


class ReadOnly:
    """A block device that can only be read."""

    def __init__(self, device):
        self.readblocks, self._ioctl = device.readblocks, device.ioctl

    def writeblocks(self, *args):
        raise OSError(EROFS, "read-only")

    def ioctl(self, op, arg):
        if op == 6:
            raise OSError(EROFS, "read-only")
        return self._ioctl(op, arg)


def test_flash_that_can_only_be_read():
    device = nor.device(os.getcwd(), "db")
    with Unosql("db", storage=device) as db:
        db.insert("c", {"name": 1})
        db.optimize_memory()
        db.insert("c", {"name": 2})
    storage = Flash(device, "db")
    storage.open()
    storage.create(200).append(b"a segment that a cut has left" * 200)
    with Unosql("db", storage=ReadOnly(device)) as db:
        for _ in range(2):
            same(names(db), [1, 2])
            e = raises(OSError, "can't be written", db.insert, "c", {"name": 3})
            same(e.errno, EROFS)
        same(db.count("c"), 2)
    raises(OSError, "is not there and can't be made", Unosql, "other", storage=ReadOnly(device))
    with Unosql("db", storage=device) as db:
        db.insert("c", {"name": 3})
        same(names(db), [1, 2, 3])
    device.done()


def tear(medium, name):
    """Make a file's name in FAT's directory what a cut may leave there: no text."""
    stored = name[:8].upper().encode()
    at = medium.device.data.find(stored)
    assert at >= 0
    medium.umount()
    medium.device.data[at : at + 8] = b"\xe9\xff\xfe\x90\x80\xc3\x28\xf1"
    medium.mount()


def torn(folder):
    try:
        return bool([name for name in os.listdir(folder) if max(name.encode()) > 127])
    except UnicodeError:
        return True


def test_a_torn_directory_does_not_keep_a_database_from_opening():
    with Medium("VfsFat", 512, 240) as medium:
        keep("db")
        with open("/ram/db.udb/ZZZZZZZZ", "w") as file:
            file.write("x")
        tear(medium, "ZZZZZZZZ")
        assert torn("/ram/db.udb")
        same(kept("db"), ["db"])
        for turn in range(4):  # what is written now lies behind that name, segments too
            with Unosql("db", path="/ram", memtable=1024) as db:
                same(db.count("c"), 1 + 20 * turn)
                for n in range(20):
                    db.insert("c", {"name": n})
                db.optimize_memory()
        same(kept("db"), ["db"] + list(range(20)) * 4)
        assert torn("/ram/db.udb")


def test_a_torn_directory_around_it():
    with Medium(*FAT) as medium:
        with open("/ram/ZZZZZZZZ", "w") as file:
            file.write("x")
        tear(medium, "ZZZZZZZZ")
        assert torn("/ram")
        one = Unosql("Data", path="/ram", memtable=1024)
        one.insert("c", {"name": 1})
        with Unosql("data", path="/ram", log_level="DEBUG") as two:
            same(names(two), [1])
        one.close()
        same(Unosql.destroy("data", path="/ram"), True)


def lock_left_by_the_dead(kind):
    """Where processes lock: as a kill leaves it, with an owner, and as a second kill may, empty."""
    with Medium(*kind) as medium:
        keep("db")
        for owner in ("999999999-1-12345678-1", None):
            os.mkdir("/ram/db.udb/lock")
            if owner:
                open("/ram/db.udb/lock/" + owner, "w").close()
            medium.remount()
            same(kept("db"), ["db"])
            if sys.platform == "linux":
                assert "lock" not in os.listdir("/ram/db.udb")
            else:
                os.remove("/ram/db.udb/lock/" + owner) if owner else None
                os.rmdir("/ram/db.udb/lock")


def test_a_lock_left_on_fat_blocks_nobody():
    lock_left_by_the_dead(FAT)


def test_a_lock_left_on_littlefs_blocks_nobody():
    lock_left_by_the_dead(LITTLEFS)
