"""Text that earlier versions stored as it was: it reads. Code of ours is changed here to store it."""
from runner import again, column, fresh, same
from unosql.documents import collection, index, keys

CHANGES_CODE = True
SMILE = "\U0001F602"
# What earlier versions stored, by what stands for it in these tests.
STORED = {"<half>": b"\xed\xa0\xbd", "<pair>": b"\xed\xa0\xbd\xed\xb8\x82", "<latin>": b"\xe9", "<cut>": b"\xe2\x82",
          "<long>": b"\xc0\x80", "<high>": b"\xf4\x90\x80\x80"}


class Earlier:
    """While it lasts records are stored as earlier versions did: with these bytes."""

    def __enter__(self):
        self.pack, self.encode = collection.pack, index.encode
        collection.pack = lambda *values: stored(self.pack(*values))
        index.encode = lambda value, limit=120: stored(self.encode(marked(value), limit))

    def __exit__(self, *_):
        collection.pack, index.encode = self.pack, self.encode


def stored(data):
    for mark in STORED:
        data = data.replace(mark.encode(), STORED[mark])
    return data


def marked(value):
    """The mark that a text read stands for: an entry of an index gets the bytes that were stored."""
    return value.replace("\ufffd", "<latin>").replace(SMILE, "<pair>") if isinstance(value, str) else value


def old(*texts):
    """A database of an earlier version: records with these texts, marks in them replaced, between two that are fine."""
    db = fresh()
    db.create_index("c", "t")
    with Earlier():
        for text in ("first",) + texts + ("last",):
            db.insert("c", {"t": text, "n": 1})
    return again(db)


def test_what_earlier_versions_stored_reads():
    db = old("caf<latin>", "cut off <half>", "<pair>", "x<cut>y<latin><latin>")
    wanted = ["first", "caf\ufffd", "cut off \ufffd", SMILE, "x\ufffdy\ufffd\ufffd", "last"]
    same(column(db.all("c"), "t"), wanted)
    same(column(db.iterate("c"), "t"), wanted)
    same(column([db.get("c", i + 1) for i in range(6)], "t"), wanted)
    same(column(db.find("c", {"n": 1}), "t"), wanted)
    same(column(db.find("c", {"t": {"contains": "\ufffd"}}), "id"), [2, 3, 5])
    same(sorted(column(db.find("c", order_by="t"), "id")), [1, 2, 3, 4, 5, 6])
    same(len(list(db.changes())), 6)
    same(db.verify(), [])
    db.create_index("c", ["n", "t"])
    same(column(db.find("c", order_by=["n", "t"]), "t"), sorted(wanted))
    same(column(db.find("c", ["n", "t"], [1, SMILE]), "id"), [4])
    db.drop_index("c", "t")
    db.create_index("c", "t")
    same(column(db.find("c", "t", "caf\ufffd"), "id"), [2])
    same(db.verify(), [])


def test_overlong_and_high_forms_do_not_stop_anything():
    db = old("a<long>b", "<high>")
    same(column(db.all("c"), "n"), [1] * 4)
    assert db.update("c", {}, {"n": 2})  # which stores them anew
    same(column(db.all("c"), "t")[1:3], ["a\ufffdb", "\ufffd"])
    same(db.verify(), [])


def test_updating_what_earlier_versions_stored_mends_it():
    db = old("caf<latin>", "<pair>", "<half>")
    same(column(db.find("c", order_by="t"), "t").count(SMILE), 1)
    assert db.update("c", {}, {"n": 2})
    same(column(db.find("c", order_by="t"), "t"), ["caf\ufffd", "first", "last", "\ufffd", SMILE])
    same(column(db.find("c", "t", SMILE), "id"), [3])
    same(column(db.history("c", 2), "t"), ["caf\ufffd", "caf\ufffd"])
    same(db.delete("c", "t", "\ufffd"), 1)
    same(db.verify(), [])
    same(column(again(db).find("c", {"t": {"gt": "d"}}), "t"), ["first", SMILE, "last"])


def test_deleting_what_earlier_versions_stored():
    db = old("caf<latin>", "<pair>")
    same(db.delete("c", "id", 2), 1)
    same(db.delete("c", "t", SMILE), db.count("c") == 2)
    db.delete("c", {})
    same((db.verify(), column(db.find("c", order_by="t"), "id")), ([], []))


def test_backups_keep_what_earlier_versions_stored():
    db = old("caf<latin>", "<pair>")
    same(db.backup("old.bak"), 4)
    db.clear("c")
    db.restore("old.bak")
    same(column(db.find("c", order_by="t"), "t"), ["caf\ufffd", "first", "last", SMILE])
    same(db.verify(), [])
    db.incremental_backup("old.inc", since_change=0)
    db.restore("old.inc")
    same(column(db.find("c", order_by="t"), "t"), ["caf\ufffd", "first", "last", SMILE])
    same(column(db.find("c", "t", SMILE), "id"), [3])
    same(db.verify(), [])


def earlier_names(*names):
    """A database with collections whose names earlier versions stored."""
    db = fresh()
    ours = keys.collection, keys.named
    keys.collection, keys.named = lambda name: stored(b"Z" + name.encode()), marks
    try:
        for i, name in enumerate(names):
            db.insert(name, {"n": i})
        db.close()
    finally:
        keys.collection, keys.named = ours
    return fresh()


def marks(data):
    for mark in sorted(STORED, key=lambda mark: -len(STORED[mark])):
        data = data.replace(STORED[mark], mark.encode())
    return data.decode()


def test_names_of_collections_that_earlier_versions_stored():
    """They read with U+FFFD and the byte in hex in its place, and no two alike."""
    db = earlier_names("a<latin>", "b<pair>", "c<half>", "a<cut>", "plain", "\xe9")
    names = ["a\ufffde2\ufffd82", "a\ufffde9", "b\ufffded\ufffda0\ufffdbd\ufffded\ufffdb8\ufffd82", "c\ufffded\ufffda0\ufffdbd", "plain", "\xe9"]
    same((db.collections(), [db.all(name)[0]["n"] for name in names]), (names, [3, 0, 1, 2, 4, 5]))
    for name in names:
        db.insert(name, {"n": 9})
        db.create_index(name, "n")
    db.optimize_memory()
    db = again(db)
    same((db.collections(), [db.count(name) for name in names]), (names, [2] * 6))
    db.backup("names.bak")
    db.clear(names[2])
    assert db.drop(names[0])
    db = again(db)
    same((db.collections(), db.count(names[2]), db.verify()), (names[1:], 0, []))
    db.restore("names.bak")
    same([db.count(name) for name in names], [2] * 6)
    same(again(db).collections(), names)
    other = fresh("other")
    for _ in range(2):
        other.restore("names.bak")
        same((other.collections(), [other.count(name) for name in names]), (names, [2] * 6))
    other.insert(names[1], {})
    other.incremental_backup("names.inc", since_change=0)
    other.restore("names.inc")
    other = again(other, "other")
    same([other.count(name) for name in names], [2, 3, 2, 2, 2, 2])
