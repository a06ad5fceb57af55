"""Removing a whole database: sound, damaged, encrypted, open; and only that one."""
import os

from runner import Skip, again, board, column, fresh, medium, mode, plain, raises, same
from unosql.core import ClosedError, CorruptionError, LockTimeoutError, Unosql


def place(name="testdb"):
    """The arguments by which destroy() finds the test's database."""
    return {"path" if mode() == "files" else "storage": medium(name)}


def filled(name="testdb", **kw):
    db = fresh(name, **kw)
    db.create_index("c", "n")
    db.insert_many("c", ({"n": n, "text": "text %d" % (n * n)} for n in range(60)))
    db.optimize_memory()
    db.insert("c", {"n": 60})
    return db


def test_destroy():
    filled().close()
    same(Unosql.destroy("testdb", **place()), True)
    same(Unosql.destroy("testdb", **place()), False)
    db = fresh()
    same((db.collections(), db.last_change(), db.get_stats()["bytes"]), ([], 0, 0))
    same(db.insert("c", {"n": 5}), 1)
    same(plain(again(db).all("c")), [{"n": 5}])


def test_nothing_is_left_in_the_directory():
    db = filled(log_level="DEBUG", log_size=128)
    db.close()
    names = os.listdir()
    assert "testdb.log" in names and "testdb.log.1" in names, names
    assert Unosql.destroy("testdb", **place())
    same([name for name in os.listdir() if not name.endswith(".img")], [])


def test_no_key_is_needed():
    filled(encryption_key=b"1234567890abcdef", iterations=1000).close()
    assert Unosql.destroy("testdb", **place())
    db = fresh(encryption_key="another one", iterations=1000)
    same((db.insert("c", {}), db.count("c")), (1, 1))


def test_not_while_it_is_open():
    db = filled()
    two = fresh()
    db.close()
    raises(LockTimeoutError, "testdb", Unosql.destroy, "testdb", **place())
    same((two.count("c"), two.verify(), two.insert("c", {})), (61, [], 62))
    two.close()
    same(Unosql.destroy("testdb", **place()), True)
    raises(ClosedError, "", two.count, "c")


def test_only_that_one():
    db = filled()
    same(Unosql.destroy("test", **place()), False)
    if mode() == "flash" and not board:
        other = Unosql("other", **place())
    else:
        other = filled("other")
    other.insert("mine", {})
    db.close()
    same(Unosql.destroy("testdb", **place()), True)
    same((other.count("mine"), other.verify()), (1, []))
    other.close()


def spoil():
    """Overwrite what is on the medium behind the headers of blocks, or the ends of all files."""
    if mode() == "flash":
        device = medium("testdb")
        for block in range(device.ioctl(4, 0)):
            head = bytearray(4)
            device.readblocks(block, head, 0)
            if head[:2] == b"U1":
                device.writeblocks(block, bytes(64), 64)
        return
    for name in os.listdir("testdb.udb"):
        with open("testdb.udb/" + name, "r+b") as file:
            file.seek(-10, 2)
            file.write(bytes(10))


def test_a_damaged_one():
    if board and mode() == "flash":
        raise Skip("needs a flash that is its own")
    filled().close()
    spoil()
    raises(CorruptionError, "testdb", fresh)
    same(Unosql.destroy("testdb", **place()), True)
    db = fresh()
    same((db.insert("c", {"n": 1}), column(db.all("c"), "n")), (1, [1]))


def test_one_that_was_cut_while_it_was_removed():
    if mode() == "flash":
        raise Skip("needs files")
    filled().close()
    for name in os.listdir("testdb.udb"):
        if name[0] == "m":
            os.remove("testdb.udb/" + name)
    raises(CorruptionError, "testdb", fresh)
    same(Unosql.destroy("testdb", **place()), True)
    same(fresh().collections(), [])


def test_bad_arguments():
    for name in (None, 5, "", "a/b", ".."):
        raises((TypeError, ValueError), "", Unosql.destroy, name)
    raises((TypeError, ValueError), "storage", Unosql.destroy, "db", storage=5)
