"""What the sink takes for a message, and what it decides: single cases. test_sync_model.py has the random ones."""
import json
import random
import zlib

import pytest

import here  # noqa: F401
from media import FlashMedium
from memory_sink import MemorySink
from unosql.core import Unosql, database_of
from unosql.documents import outgoing
from unosql.errors import StorageFullError
from unosql.sync import Session
from unosql_pc.sink import protocol
from unosql_pc.sink.protocol import Torn, parse

HEADER = {"e": "epoch", "f": 0, "t": 3, "b": 0, "n": 2, "S": "session", "s": "nonce", "c": {"1": ["readings", 1, 1]}}
LINES = [b'[1,1,1,2,800,{"a":[1,{"b":2}]}]', b"[1,2,0,3,801]"]


def message(lines=LINES, **changes):
    header = dict(HEADER, **changes)
    return b"\n".join([json.dumps({name: value for name, value in header.items() if value is not ...}).encode(), *lines])


def hello(**changes):
    return message([], **dict({"hello": 1, "t": 0, "n": 0, "C": None, "c": ...}, **changes))


@pytest.fixture
def sink():
    return MemorySink()


def told(sink, payload):
    answer = json.loads(sink.receive(payload))
    return answer.get("say"), answer["h"]


def test_a_message():
    for payload in (message(), zlib.compress(message())):
        read = parse(payload if payload[:1] == b"{" else b"x" + payload[1:])
        assert read.lines[0] == (1, 1, 1, 2, 800, b'{"a":[1,{"b":2}]}') and read.lines[1].fields is None
        assert read.known == {1: ("readings", 1, True)} and not read.is_hello


TORN = {
    "nothing": (b"", "starts with"),
    "foreign": (b"\xff\x00", "starts with"),
    "no JSON": (b"{", "no JSON"),
    "not deflated": (b"xyz", "not deflated"),
    "cut off": (zlib.compress(message())[:-3], "cut off"),
    "a bomb": (zlib.compress(b"{" + bytes(protocol.LARGEST)), "larger than"),
    "a line less": (message(LINES[:1]), "1 lines"),
    "a line cut off": (message([LINES[0], LINES[1][:-2]]), "cut off"),
    "no numbers": (message([LINES[0], b"[1,2,x,3,801]"]), "without numbers"),
    "too few numbers": (message([LINES[0], b"[1,2,3]"]), "five numbers"),
    "a number below 0": (message([LINES[0], b"[1,-2,0,3,801]"]), "five numbers"),
    "a large number": (message([LINES[0], b"[1,2,0,3,%d]" % (1 << 70)]), "five numbers"),
    "out of order": (message(LINES[::-1]), "out of order"),
    "beyond its range": (message(t=2), "out of order"),
    "before its range": (message(f=2), "out of order"),
    "backwards": (message(b=2, f=1), "on base 2"),
    "no base": (message(b=...), "no 'b'"),
    "an odd base": (message(b="0"), "'b' is no number"),
    "no epoch": (message(e=...), "no 'e'"),
    "an odd epoch": (message(e=5), "'e' is no string"),
    "no session": (message(S=...), "'S'"),
    "an odd session before": (message(C=1), "'C'"),
    "a hello without a session before": (hello(C=...), "'C'"),
    "an odd fork": (message(x=["e"]), "'x'"),
    "odd collections": (message(c=[]), "'c' is no object"),
    "many collections": (message(c={str(n): ["readings", 1, 1] for n in range(protocol.MOST + 1)}), "more than 1000"),
    "a name that is no text": (message(c={"1": ["a\0", 1, 1]}), "collection '1'"),
    "half a character": (message(c={"1": ["\ud800", 1, 1]}), "collection '1'"),
    "an epoch that is no word": (message(e="a\0"), "'e' is no string"),
    "an odd clock": (message(w=-1), "'w' is no number"),
    "deep": (b'{"a":' * 100_000, "no JSON"),
    "large": (b"{" + bytes(protocol.LARGEST), "are the most"),
    "an odd collection": (message(c={"1": ["readings"]}), "collection '1'"),
    "an odd number": (message(c={"x": ["readings", 1, 1]}), "collection 'x'"),
}


@pytest.mark.parametrize("case", TORN)
def test_what_is_no_message_says_why(case):
    payload, why = TORN[case]
    with pytest.raises(Torn, match=why):
        parse(payload)


def test_every_part_of_a_message_is_torn_or_whole():
    for payload in (message(), zlib.compress(message()), hello()):
        for end in range(len(payload)):
            with pytest.raises(Torn):
                parse(payload[:end])


def test_a_session_begins_with_a_hello(sink):
    assert told(sink, message()) == ("who", 0)
    assert told(sink, hello()) == (None, 0)
    assert told(sink, message(S="another")) == ("who", 0)
    assert told(sink, message()) == (None, 3)
    assert [line.id for _, line in sink.rows] == [1, 2]


def test_what_came_twice_is_stored_once(sink):
    told(sink, hello())
    for _ in range(3):
        assert told(sink, message()) == (None, 3)
    assert told(sink, message([LINES[1], b"[1,3,1,4,802,{}]"], f=2, t=4)) == (None, 4)
    assert [line.id for _, line in sink.rows] == [1, 2, 3]


def test_a_hole_is_not_skipped(sink):
    told(sink, hello())
    assert told(sink, message([], f=5, t=6, n=0)) == ("ahead", 0)
    assert told(sink, message([], f=5, t=6, b=5, n=0)) == ("back", 0)
    assert sink.rows == []


def test_ids_that_never_came_are_announced(sink):
    told(sink, hello())
    told(sink, message([b"[1,5,1,2,0,{}]", b"[1,4,2,3,0,{}]"], c={"1": ["readings", 3, 1]}))
    assert sink.missing("epoch", 1) == {1, 2, 3}
    told(sink, message([], f=3, b=3, t=4, n=0, c={"1": ["readings", 9, 1]}))
    assert sink.missing("epoch", 1) == {1, 2, 3, 6, 7, 8}


def test_state_below_the_first_id_is_gone(sink):
    told(sink, hello())
    told(sink, message([b"[1,1,1,2,0,{}]", b"[1,2,1,3,0,{}]"], c={"1": ["settings", 1, 0]}))
    told(sink, message([b"[1,3,1,4,0,{}]"], f=3, b=3, t=4, n=1, c={"1": ["settings", 2, 0]}))
    assert [key[2] for key in sink.state] == [2, 3] and sink.gaps == {}


def test_a_line_of_an_unknown_collection_changes_nothing(sink):
    told(sink, hello())
    with pytest.raises(Torn, match="collection 7"):
        sink.receive(message([LINES[0], b"[7,2,0,3,801]"]))
    assert sink.rows == [] and sink.sources["epoch"].h == 0


def test_a_past_that_is_not_known_here_is_a_fork(sink):
    told(sink, hello())
    told(sink, message())
    assert told(sink, hello(S="later", C="session", b=3, f=3, t=3)) == (None, 3)
    assert told(sink, hello(S="again", C="session", b=3, f=3, t=3)) == (None, 3)  # the answer to the last one was lost
    told(sink, message([b"[1,3,1,4,0,{}]"], S="again", f=3, b=3, t=4, n=1))
    assert told(sink, hello(S="copy", C="session", b=3, f=3, t=3)) == ("fork", 4)
    assert told(sink, hello(e="new", S="copy", x=["epoch", 3])) == (None, 0)
    assert told(sink, message(e="new", S="copy")) == (None, 3)
    assert [line.id for line in sink.lineage("new", 1)] == [1, 2]


# -- a device and the sink in RAM


@pytest.mark.parametrize("has_sent_before", [False, True])
@pytest.mark.parametrize("blocks", [16, 19])
def test_a_full_medium_is_emptied_by_what_is_acknowledged(blocks, has_sent_before, sink):
    """Answers make room on it; what comes down waits until there is some."""
    db = Unosql("full", b"sixteen byte key", 1000, "NONE", storage=FlashMedium(blocks).storage(), memtable=2048)
    session, rng = Session(db, "pump", {"readings": 0}, down=["prices"]), random.Random(blocks)
    if has_sent_before:
        db.insert("readings", {"n": 0})
        drain(session, sink)
    for insert in (db.insert, lambda name, record: db.insert_many(name, [record])):  # a batch makes room before it begins
        with pytest.raises(StorageFullError):
            while True:
                insert("readings", {"noise": noise(rng, 200)})
    if has_sent_before:
        sink.stream.add("put", "prices", 1, {"noise": noise(rng, 340)})
        with pytest.raises(StorageFullError):
            session.receive(sink.push())
    drain(session, sink)
    assert db.count("readings") == 0 and db.verify() == []
    assert [line.id for _, line in sink.rows] == list(range(1, len(sink.rows) + 1)) and len(sink.rows) > 50
    if has_sent_before:
        session.receive(sink.push())
        assert db.count("prices") == 1
    assert db.insert("readings", {}) == len(sink.rows) + 1
    db.close()


def noise(rng, n):
    return "".join(chr(36 + rng.randrange(56)) for _ in range(n))


def drain(session, sink):
    while payload := session.message():
        session.receive(sink.receive(payload))


def test_the_sink_reads_what_a_device_deflates(sink):
    db = Unosql("deflated", log_level="NONE", storage=FlashMedium(48).storage(), memtable=2048)
    db.insert_many("readings", [{"celsius": n, "where": "room"} for n in range(80)])
    packed = []

    def pack(data):
        deflating = zlib.compressobj(wbits=10)
        packed.append(deflating.compress(bytes(data)) + deflating.flush())
        return packed[-1]

    drain(Session(db, "pump", {"readings": 0}, chunk=1024, pack=pack), sink)
    assert len(sink.rows) == 80 and len(packed) > 3
    db.close()


def test_what_waits_is_read_by_less_than_a_block_a_record_from_anywhere():
    db = Unosql("waits", b"sixteen byte key", 1000, "NONE", storage=FlashMedium(128).storage(), memtable=2048)
    for n in range(3000):
        db.insert("readings", {"celsius": 20 + n % 70 / 10, "humidity": n % 100, "where": "room-%d" % (n % 7)})
        if n % 10 == 0:
            db.upsert("settings", "name", n % 50, {"value": n})
    with database_of(db) as catalog:
        reader, last = catalog.store.segments.reader, catalog.change
        before = reader.reads
        assert sum(1 for _, _, line in outgoing.lines(catalog, 0, last) if line) == 3005
        assert reader.reads - before <= 3005
        costs = []
        for since in range(0, last - 100, last // 20):
            before = reader.reads
            assert next(line for _, _, line in outgoing.lines(catalog, since, last) if line)
            costs.append(reader.reads - before)
        assert max(costs) <= min(20, 2 * min(costs)), costs
    db.close()


JUNK = [None, True, False, 0, 1, -1, 1 << 70, 1.5, float("inf"), "", "x", "\ud800", "a" * 70, [], [1], ["life", 1], ["life", True], ["life", -1],
        [None, None], {}, {"a": 1}, [[1, 2], [3]], {"key": 5}, "_config", "prices", "set", "put", "del", "do", "back", "fork", "who", "ahead"]


def odd(rng, header, number):
    """An answer, or what comes down, to the message with that header, of which something is odd."""
    if rng.random() < 0.5:
        answer = {"e": header["e"], "s": header["s"], "h": rng.choice([header["t"], header["f"], rng.choice(JUNK)])}
        return dict(answer, **{name: rng.choice(JUNK) for name in ("say", "wait", "d", "h") if rng.random() < 0.2})
    kinds = ["set", "put", "del", "do", rng.choice(JUNK)]
    items = [[number + 1 + i, rng.choice(kinds), *rng.choices(JUNK, k=rng.randrange(5))] for i in range(rng.randrange(3))]
    return {"e": header["e"], "S": header["S"], "g": rng.choice(["life", rng.choice(JUNK)]), "i": rng.choice([items, rng.choice(JUNK)])}


def test_no_answer_is_too_odd(sink):
    """Who has the nonce may say anything: a device raises nothing, and stays whole."""
    told = "life", 0
    rng, db = random.Random(1), Unosql("odd", log_level="NONE", storage=FlashMedium(96).storage(), memtable=2048)
    session = Session(db, "pump", {"readings": 0}, down=["prices"])
    for n in range(1200):
        if rng.random() < 0.3:
            db.insert("readings", {"n": n})
        payload = session.message()
        if payload is None:
            session.connect()
            payload = session.message()
        header = json.loads(bytes(payload).split(b"\n")[0])
        told = header.get("d") or told
        for _ in range(rng.randrange(4)):
            session.receive(json.dumps(odd(rng, header, told[1])).encode())
        if rng.random() < 0.7:
            session.receive(sink.receive(payload))
        while session.work({"x": lambda argument: argument}):
            pass
        session.resend()
    assert db.verify() == [] and db.count("_config") and [line for _, line in sink.rows if b'"error":' in line.fields] and told[1] > 10
    db.close()
