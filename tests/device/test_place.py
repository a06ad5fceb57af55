"""Where a database lives: the default, a directory, a storage object, a block device; several in one place."""
import os

import nor
from runner import Skip, board, column, raises, same
from unosql.core import ClosedError, Unosql, WrongKeyError
from unosql.storage.files import Files
from unosql.storage.flash import Flash

MODES = ("files",)


def keep(n, name="db", **kw):
    """Open, insert one record that holds n, close."""
    with Unosql(name, **kw) as db:
        db.insert("c", {"n": n})


def kept(name="db", **kw):
    with Unosql(name, **kw) as db:
        return column(db.all("c"), "n")


def flash():
    return nor.device(os.getcwd(), "db")


def has_partition():
    try:
        from unosql_board import partition
    except ImportError:
        return False
    return partition() is not None


def test_default():
    """The board's raw partition where the image has one, else the current directory."""
    cleanup = flash() if has_partition() else None
    keep(1)
    same(kept(), [1])
    same("db.udb" in os.listdir(), not has_partition())
    if cleanup:
        cleanup.done()


def test_directory():
    os.mkdir("sub")
    keep(1, path="sub")
    same(os.listdir("sub"), ["db.udb"])
    same(kept(path="sub"), [1])
    same(kept(path=os.getcwd() + "/sub"), [1])
    same(kept(path="./sub/"), [1])
    same(kept(path="."), [])


def test_directory_that_is_not_there():
    raises(OSError, "", lambda: keep(1, path="nowhere"))


def test_several_in_one_directory():
    for n in range(4):
        keep(n, "db%d" % n, path=".")
    for n in range(4):
        same(kept("db%d" % n, path="."), [n])


def test_storage_object():
    keep(1, storage=Files("own.place"))
    same(kept(storage=Files("own.place")), [1])
    device = flash()
    keep(2, storage=Flash(device, "db"))
    same(kept(storage=Flash(device, "db")), [2])
    device.done()


def test_block_device_is_raw_flash():
    device = flash()
    keep(1, storage=device)
    same(kept(storage=device), [1])
    same(kept(storage=Flash(device, "db")), [1])
    device.done()


def test_several_on_one_flash():
    if board:
        raise Skip("needs a flash that is its own")
    device = flash()
    dbs = [Unosql("db%d" % n, storage=device) for n in range(3)]
    for i in range(60):
        for n, db in enumerate(dbs):
            db.insert("c", {"n": n, "text": "record %d" % (i * i)})
    for db in dbs:
        db.close()
    for n in range(3):
        same(kept("db%d" % n, storage=device), [n] * 60)
    device.done()


def test_storage_that_is_none():
    for storage in (5, "text", object()):
        raises((TypeError, ValueError), "storage", Unosql, "db", storage=storage)


def test_opened_twice():
    """Two handles on one database: each sees the other's writes, and closing one leaves the other open."""
    one, two = Unosql("db", path="."), Unosql("db", path=".")
    one.insert("c", {"n": 1})
    same(two.insert("c", {"n": 2}), 2)
    same(column(one.all("c"), "n"), [1, 2])
    one.close()
    raises(ClosedError, "", one.all, "c")
    same(two.insert("c", {"n": 3}), 3)
    two.close()
    same(kept(path="."), [1, 2, 3])


def test_opened_twice_under_another_key():
    db = Unosql("db", path=".")
    raises(WrongKeyError, "db", Unosql, "db", b"1234567890abcdef", 1000, path=".")
    db.insert("c", {"n": 1})
    db.close()
    same(kept(path="."), [1])
