"""JSON lines out of a database and into one: over files and streams, all or none, with the line that is wrong named."""
import json

from runner import Skip, again, column, fresh, raises, same
from unosql.core import StorageFullError, UniqueError

try:
    from unosql import jsonl
except ImportError:  # an image of a small board
    jsonl = None


def filled(n=30, **options):
    if not jsonl:
        raise Skip("needs unosql.jsonl")
    db = fresh(**options)
    db.insert_many("readings", [{"celsius": i / 2, "where": "caf\xe9 %d" % (i % 3)} for i in range(n)])
    db.update("readings", "id", 2, {"celsius": 99})
    db.delete("readings", "id", 3)
    return db


class Stream:
    """What a socket looks like: gives and takes few bytes at a time."""

    def __init__(self, data=b"", pieces=7):
        self.data, self.pieces, self.written = data, pieces, b""

    def readinto(self, buf):
        n = min(len(buf), self.pieces, len(self.data))
        buf[:n], self.data = self.data[:n], self.data[n:]
        return n

    def write(self, data):
        self.written += bytes(data[: self.pieces])
        return min(len(data), self.pieces)


class Reader:
    """A stream of lines, as text or as bytes."""

    def __init__(self, lines):
        self.lines = lines

    def readline(self):
        return self.lines.pop(0) if self.lines else b""


def dumped(db, name, *args, **options):
    stream = Stream(pieces=1 << 20)
    n = jsonl.dump(db, name, stream, *args, **options)
    same(stream.written.count(b"\n"), n)
    return stream.written


def test_through_a_file():
    db = filled()
    before = db.all("readings")
    with open("lines.jsonl", "wb") as file:
        same(jsonl.dump(db, "readings", file), 29)
    with open("lines.jsonl", "rb") as file:
        same([json.loads(line) for line in file], before)
    with open("lines.jsonl", "rb") as file:
        same(jsonl.load(db, "copies", file), 29)
    copies = db.all("copies")
    same(column(copies, "celsius"), column(before, "celsius"))
    same(column(copies, "id"), list(range(1, 30)))
    same(db.verify(), [])


def test_only_what_is_asked_for():
    db = filled()
    lines = dumped(db, "readings", {"celsius": {"gte": 13}}, order_by="-celsius", limit=3, fields=["celsius"])
    same([json.loads(line) for line in lines.split(b"\n")[:-1]], [{"celsius": 99, "id": 2}, {"celsius": 14.5, "id": 30}, {"celsius": 14.0, "id": 29}])
    same(dumped(db, "none"), b"")


def test_a_stream_that_takes_and_gives_few_bytes_at_a_time():
    db = filled()
    for pieces in (1, 7, 1000):
        stream = Stream(pieces=pieces)
        jsonl.dump(db, "readings", stream)
        name = "copies%d" % pieces
        same(jsonl.load(db, name, Stream(stream.written, pieces)), 29)
        same(column(db.all(name), "where"), column(db.all("readings"), "where"))


def test_ids_timestamps_and_versions_may_be_kept():
    db = filled()
    db.create_index("readings", "celsius")
    lines = dumped(db, "readings")
    before = db.all("readings")
    db.create_index("copies", "celsius")
    same(jsonl.load(db, "copies", Stream(lines), keep_ids=True), 29)
    for _ in range(2):
        same(db.all("copies"), before)
        same([db.count("copies"), db.find_one("copies", "celsius", 99)["version"]], [29, 2])
        same(db.verify(), [])
        db = again(db)
    same(db.insert("copies", {}), 31)
    same(jsonl.load(db, "copies", Stream(b'{"id":40}\n\n{"id":35,"version":4,"timestamp":0,"a":1}\n'), keep_ids=True), 2)
    db = again(db)
    same([db.get("copies", 35)[name] for name in ("version", "timestamp", "a")], [4, 0, 1])
    same([db.insert("copies", {}), db.count("copies")], [41, 33])
    same(db.update("copies", "id", 35, {"a": 2}), True)
    same(column(db.history("copies", 35), "version"), [5, 4])
    same(db.verify(), [])


def test_a_capped_collection_keeps_its_newest():
    db = filled()
    db.create_collection("last", capped=5)
    for keep_ids in (True, False):
        same(jsonl.load(db, "last", Stream(b"".join(b'{"id":%d,"timestamp":1,"version":1}\n' % i for i in range(1, 9))), keep_ids), 8)
        same(db.count("last"), 5)
        same(db.verify(), [])
        db = again(db)
        if keep_ids:
            same(column(db.all("last"), "id"), [4, 5, 6, 7, 8])


def several(n=12):
    """A database of n collections, the records of which are one, two, three, ... some of them gone."""
    db = filled()
    for i in range(n):
        name = "c%02d" % i
        db.insert_many(name, ({"n": k, "of": name} for k in range(i + 1)))
        if i % 3 == 2:
            db.delete(name, "id", 1)
    return db


def test_several_collections_at_once():
    db = several()
    whole = {name: db.all(name) for name in db.collections()}
    lines = dumped(db, None)
    same(sum(map(len, whole.values())), lines.count(b"\n"))
    first = json.loads(lines.split(b"\n")[0])
    same(first, {"collection": "c00", "record": whole["c00"][0]})
    same(dumped(db, ["c03", "c01"]), b"".join(line + b"\n" for name in (b"c03", b"c01") for line in lines.split(b"\n")
                                             if b'"collection":"%s"' % name in line))
    same([dumped(db, []), dumped(db, ["none"])], [b"", b""])
    same(dumped(db, ["c05"], {"n": 5}, fields=["n"]).count(b"\n"), 1)
    for name in db.collections():
        db.drop(name)
    same(jsonl.load(db, None, Stream(lines, 900), True), lines.count(b"\n"))
    for _ in range(2):
        same({name: db.all(name) for name in db.collections()}, whole)
        same([db.count("c11"), db.verify()], [11, []])
        db = again(db)
    same([db.insert("c11", {}), db.insert("c00", {})], [13, 2])
    same(jsonl.load(db, None, Stream(lines, 900)), lines.count(b"\n"))
    same(column(db.all("c01"), "id"), [1, 2, 3, 4])
    same(column(db.all("c01"), "n"), [0, 1, 0, 1])


def test_lines_of_several_collections_in_any_order():
    db = filled()
    db.create_collection("last", capped=3)
    n = 20  # collections: more than are kept in RAM
    lines = ['{"collection": "%s", "record": {"id": %d, "n": %d}}' % (name, id, id)
             for id in range(1, 8) for name in ["last"] + ["k%d" % i for i in range(n)]]
    same(jsonl.load(db, None, Reader([line + "\n" for line in lines]), True), 7 * (n + 1))
    for _ in range(2):
        same(column(db.all("last"), "id"), [5, 6, 7])
        for i in range(n):
            same([db.count("k%d" % i), column(db.all("k%d" % i), "n")], [7, [1, 2, 3, 4, 5, 6, 7]])
        same(db.verify(), [])
        db = again(db)
    same(db.insert("k3", {}), 8)


def test_a_line_without_its_collection_is_named_and_nothing_changes():
    db = filled()
    good = b'{"collection":"a","record":{"id":7,"timestamp":1,"version":1}}\n'
    for line, why in ((b'{"n":1}', "no collection is told"), (b"5", "no collection is told"),
                      (b'{"collection":"a","record":[]}', "no collection is told"),
                      (b'{"collection":5,"record":{}}', "the name of a collection"), (b'{"collection":"","record":{}}', "the name of"),
                      (b'{"collection":"b","record":{"id":1.5}}', ""), (b'{"collection":"b","record":{"x":', ""),
                      (b'{"collection":"a","next":5,"options":{},"indexes":[]}', "unosql import")):
        for keep_ids in (True, False):
            error = raises(ValueError, "line 2: ", jsonl.load, db, None, Stream(good + line + b"\n" + good), keep_ids)
            assert why in str(error), error
    for line in (b"5", b"[]", b'"text"', b"null"):
        for keep_ids in (True, False):
            raises(ValueError, ("line 2: ", "dict"), jsonl.load, db, "a", Stream((b'{"id":7}\n' if keep_ids else b"{}\n") + line + b"\n"), keep_ids)
    same(db.collections(), ["readings"])
    same(db.verify(), [])


def test_numbers_that_no_record_can_have():
    """A record above the last id that is searched would be there and never be found."""
    db = filled()
    most = (1 << 61) - 1
    for line in (b'{"id":%d}' % (most + 1), b'{"id":%d}' % (1 << 70), b'{"id":50,"version":%d}' % (1 << 64), b'{"id":50,"timestamp":%d}' % (1 << 64),
                 b'{"id":50,"timestamp":-1}', b'{"id":0}'):
        raises(ValueError, "whole number from ", jsonl.load, db, "readings", Stream(line), True)
    same(db.count("readings"), 29)
    same(jsonl.load(db, "readings", Stream(b'{"id":%d,"version":%d,"timestamp":%d,"celsius":-9}\n' % (most, most, most)), True), 1)
    db = again(db)
    same(db.get_last_n_records("readings", 1)[0], {"id": most, "version": most, "timestamp": most, "celsius": -9})
    same(db.insert("readings", {"n": 1}), most + 1)
    same(db.get_last_n_records("readings", 1)[0]["n"], 1)
    same(db.verify(), [])


def test_an_id_that_is_taken_is_refused():
    db = filled()
    for line, why in ((b'{"id":2}', "id 2 is taken in readings"), (b'{"a":1}', "no id to keep"), (b'{"id":"x"}', "whole number"),
                      (b'{"id":50,"version":0}', "whole number"), (b'{"id":50,"timestamp":true}', "whole number")):
        error = raises(ValueError, "line 2: ", jsonl.load, db, "readings", Stream(b'{"id":60}\n' + line), True)
        assert why in str(error), error
        same(db.get("readings", 60), None)
    db.clear("readings")
    raises(ValueError, "id 9 is taken", jsonl.load, db, "readings", Stream(b'{"id":9}'), True)
    same(db.count("readings"), 0)


def test_a_line_that_is_wrong_is_named_and_nothing_changes():
    db = filled(memtable=2048)
    db.create_index("readings", "key", unique=True, where={"key": {"exists": True}})
    good = b'{"key":1}\n\r\n'
    for line, why in ((b'{"a":', ""), (b"[1]", "is not a dict"), (b'{"id":5}', "own_id"), (b'{"a":"\xff"}', ""), (b'{"a":1} x', ""),
                      (b'{"a":"' + b"x" * 9000 + b'"}', "longer than 8192 bytes"), (b'{"a":"' + b"x" * 3000 + b'"}', ""),
                      (b"[" * 40 + b"]" * 40, ""), (b'{"collection":"a","record":{}}', "with None for its name"),
                      (b'{"collection":"a","next":5,"options":{},"indexes":[]}', "unosql import")):
        error = raises(ValueError, "line 3: ", jsonl.load, db, "readings", Stream(good + line + b"\n" + good, 500))
        assert why in str(error), error
    for keep_ids in (False, True):
        lines = b'{"id":50,"timestamp":1,"version":1,"key":1}\n' + b'{"id":51,"timestamp":1,"version":1,"key":1}\n'
        error = raises(UniqueError, "line 2: unique index key: record ", jsonl.load, db, "readings", Stream(lines), keep_ids)
        same(error.index, ["key"])
    same(db.count("readings"), 29)
    same(db.verify(), [])
    raises(ValueError, "the name of a collection", jsonl.load, db, "", Stream(b"{}"))


def test_streams_of_lines():
    db = filled()
    same(jsonl.load(db, "c", Reader(['{"a": 1}\n', b'{"a": 2}\n', " \n", '{"a": "\xe9"}'])), 3)
    same(column(db.all("c"), "a"), [1, 2, "\xe9"])
    raises(ValueError, "line 2: ", jsonl.load, db, "c", Reader(["{}", "{"]))
    same(jsonl.load(db, "none", Stream()), 0)
    same(jsonl.load(db, "none", Stream(), True), 0)
    same(db.collections(), ["c", "readings"])


def test_streams_that_do_not_block():
    db = filled()
    stream = Stream()
    stream.write = lambda data: None
    raises(OSError, "must block", jsonl.dump, db, "readings", stream)
    stream.readinto = lambda buf: None
    raises(OSError, "must block", jsonl.load, db, "readings", stream)
    same(db.count("readings"), 29)


def test_a_stream_may_read_the_database():
    db = filled()

    class Live(Stream):
        def readinto(self, buf):
            same(db.count("readings"), 29)
            return super().readinto(buf)

    lines = dumped(db, "readings")
    same(jsonl.load(db, "copies", Live(lines, 500)), 29)
    same(jsonl.load(db, "kept", Live(lines, 500), True), 29)


def test_within_a_transaction():
    db = filled()
    try:
        with db.transaction():
            jsonl.load(db, "copies", Stream(b'{"id":5}\n'), True)
            jsonl.load(db, "copies", Stream(b"{}\n"))
            same(column(db.all("copies"), "id"), [5, 6])
            raise KeyError
    except KeyError:
        pass
    same(db.collections(), ["readings"])
    same(db.verify(), [])


def test_a_medium_without_room_is_as_before():
    db = filled()
    class Endless(Reader):
        def readline(self):
            return next(self.lines)

    try:
        jsonl.load(db, "copies", Endless(endless()))
    except (StorageFullError, ValueError) as error:
        same(isinstance(error, StorageFullError) or "line 4001: " in str(error), True)
    same(db.count("copies"), 0)
    same(db.verify(), [])


def endless():
    """Lines that do not compress, and in the end one that is none: a medium may have room for all of these."""
    n = 12345
    for _ in range(4000):
        text = ""
        for _ in range(12):
            n = n * 1103515245 + 12345 & 0x3FFFFFFF
            text += "%x" % n
        yield '{"text":"%s"}\n' % text
    yield "{\n"
