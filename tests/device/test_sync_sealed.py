"""Messages that are sealed: both ways, and nothing else counts."""
import json

from runner import Skip, fresh, raises, same

try:
    from unosql.kv.header import derive
    from unosql.sync import Session
except ImportError:  # an image of a small board
    Session = None

KEY = bytes(range(32))


class Sink:
    """The other side: opens and seals with a key."""

    def __init__(self, key=KEY, device="pump-7"):
        self.envelope = derive(key, b"unosql sync", 1)
        self.device = device.encode()

    def open(self, message):
        data = bytes(message)
        same(data[0], 1)
        head, *lines = bytes(self.envelope.unseal(data[1:], b"u1u" + self.device)).split(b"\n")
        return json.loads(head), [json.loads(line) for line in lines]

    def seal(self, told):
        return b"\1" + self.envelope.seal(json.dumps(told).encode(), b"u1d" + self.device)

    def answer(self, header):
        return self.seal({"e": header["e"], "s": header["s"], "h": header["t"]})


def made(n=5, **options):
    if not Session:
        raise Skip("needs unosql.sync")
    db = fresh()
    for i in range(n):
        db.insert("readings", {"celsius": i, "where": "x" * i})
    return db, Session(db, "pump-7", {"readings": 0}, key=KEY, **options)


def test_all_arrives_sealed():
    db, session = made(40, chunk=300)
    sink, ids = Sink(), []
    while True:
        message = session.message()
        if message is None:
            break
        assert b"readings" not in bytes(message) and b"celsius" not in bytes(message)
        header, lines = sink.open(message)
        ids += [line[1] for line in lines]
        same(session.receive(sink.answer(header)), True)
    same(ids, list(range(1, 41)))
    same(db.count("readings"), 0)


def test_what_is_not_sealed_or_by_another_is_ignored():
    db, session = made()
    header, _ = Sink().open(session.message())
    told = {"e": header["e"], "s": header["s"], "h": 1 << 40}
    whole = Sink().seal(told)
    wrong = [json.dumps(told).encode(), b"", b"\1", b"\1" + json.dumps(told).encode(), whole[:-1], whole[1:], b"\1" + whole,
             Sink(bytes(32)).seal(told), Sink(device="pump-8").seal(told), b"\1" + Sink().envelope.seal(json.dumps(told).encode(), b"u1upump-7")]
    for i in range(1, len(whole), 7):
        wrong.append(whole[:i] + bytes((whole[i] ^ 1,)) + whole[i + 1 :])
    for message in wrong:
        same(session.receive(message), False)
    same(session.status()["online"], False)
    same(session.receive(Sink().answer(header)), True)


def test_replays_are_refused():
    """An answer counts once; so does what came down."""
    db, session = made(3, down=[])
    sink = Sink()
    header, _ = sink.open(session.message())
    same(header["m"], 512 - 49)
    first = sink.seal({"e": header["e"], "s": header["s"], "h": 0, "d": ["life", 0]})
    same(session.receive(first), True)
    item = sink.seal({"e": header["e"], "S": header["S"], "g": "life", "i": [[1, "set", "a", 1]]})
    session.receive(item)
    other = sink.seal({"e": header["e"], "S": header["S"], "g": "life", "i": [[2, "set", "a", 2]]})
    session.receive(other)
    for message in (first, item, other):
        same(session.receive(message), False)
    same(session.setting("a"), 2)
    session.connect()
    header, _ = sink.open(session.message())
    same(session.receive(first), False)
    session.receive(sink.seal({"e": header["e"], "S": "another", "g": "life", "i": [[3, "set", "a", 3]]}))
    same(session.setting("a"), 2)
    same(db.count("readings"), 3)


def test_the_same_record_is_not_the_same_bytes():
    """Header and nonce make each message another one."""
    db, session = made(1)
    one = bytes(session.message())
    session.resend()
    assert one[17:49] != bytes(session.message())[17:49]


def test_a_message_is_sealed_in_one_piece_of_memory():
    db, session = made(20, chunk=512)
    sink = Sink()
    session.receive(sink.answer(sink.open(session.message())[0]))
    message = session.message()
    same(len(message) % 16, 1)
    assert len(sink.open(message)[1]) > 5


def test_keys():
    db, _ = made()
    for key in ("x" * 32, b"x" * 31, b"", 5):
        raises(ValueError, "32 bytes", Session, db, "a", key=key)
