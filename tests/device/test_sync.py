"""Store and forward, the device's side: messages of what is new, and nothing dropped before the sink has it."""
import json

from runner import Skip, again, column, fresh, raises, same, set_clock

try:
    from unosql.sync import Session
except ImportError:  # an image without it
    Session = None


def parts(message):
    """(header, lines) of a message."""
    lines = message.split(b"\n")
    return json.loads(lines[0]), [json.loads(line) for line in lines[1:]]


def said(session):
    """The next message of a session, as bytes that stay, or None."""
    message = session.message()
    return message and bytes(message)


def answer(session, message, h=None, say=None):
    """Answer a message as a sink does that has all up to h; return (header, lines) of the message."""
    header, lines = parts(message)
    told = {"e": header["e"], "s": header["s"], "h": header["t"] if h is None else h}
    if say:
        told["say"] = say
    same(session.receive(json.dumps(told).encode()), True)
    return header, lines


def online(db, **options):
    session = Session(db, "pump-7", **options)
    answer(session, said(session))
    return session


def drained(session):
    """All lines until nothing is new."""
    lines = []
    while True:
        message = said(session)
        if message is None:
            return lines
        lines += answer(session, message)[1]


def filled(n=50, **options):
    if not Session:
        raise Skip("needs unosql.sync")
    db = fresh(**options)
    for i in range(n):
        db.insert("readings", {"celsius": i / 2})
    return db


def test_a_hello_then_what_is_new_in_order():
    db = filled(3)
    session = Session(db, "pump-7")
    header, lines = answer(session, said(session))
    same([header[name] for name in ("hello", "f", "t", "b", "n", "l")], [1, 0, 0, 0, 0, 3])
    same(lines, [])
    header, lines = answer(session, said(session))
    same([header[name] for name in ("f", "t", "b", "n")], [0, 3, 0, 3])
    same([line[1:4] + line[5:] for line in lines], [[i, 1, i, {"celsius": (i - 1) / 2}] for i in (1, 2, 3)])
    same(list(header["c"].values()), [["readings", 1, 0]])
    same(said(session), None)
    db.update("readings", "id", 2, {"celsius": 9})
    db.delete("readings", "id", 3)
    lines = drained(session)
    same([line[1:4] for line in lines], [[2, 2, 4], [3, 0, 5]])
    same(lines[0][5:], [{"celsius": 9}])
    same(len(lines[1]), 5)
    same(session.status()["waiting"], 0)


def test_messages_are_as_long_as_they_may_be():
    db = filled(60)
    db.insert("notes", {"text": "x" * 500})
    session = online(db, chunk=200)
    longest = 0
    ids = []
    while True:
        message = said(session)
        if message is None:
            break
        header, lines = answer(session, message)
        if len(lines) > 1:
            longest = max(longest, len(message) - len(message.split(b"\n")[0]))
        ids += [line[1] for line in lines]
    same(ids, list(range(1, 61)) + [1])
    assert 150 < longest <= 200


def test_messages_may_be_deflated():
    try:
        import uzlib

        uzlib.compress(b"")
    except (ImportError, AttributeError):
        raise Skip("needs uzlib.compress")
    db = filled(0)
    for i in range(60):
        db.insert("readings", {"celsius": 21.5 + i % 3, "humidity": 40 + i % 7, "battery": 3699, "where": "room-3"})
    session, ids, plain, sent = Session(db, "pump-7", chunk=1024, pack=lambda data: uzlib.compress(data, 10)), [], 0, 0
    while True:
        message = said(session)
        if message is None:
            break
        whole = message
        if message[:1] != b"{":
            same(message[:2], b"x\1")
            whole = bytes(uzlib.decompress(uzlib.compress(b"x", 10)[:2] + message[2:], 10))  # as of the small window: that takes less RAM
        header, lines = parts(whole)
        ids += [line[1] for line in lines]
        plain, sent = plain + len(whole), sent + len(message)
        same(session.receive(json.dumps({"e": header["e"], "s": header["s"], "h": header["t"]}).encode()), True)
    same(ids, list(range(1, 61)))
    assert sent * 2 < plain, (sent, plain)


def test_nothing_goes_before_the_sink_has_it():
    db = filled()
    session = online(db, logs={"readings": 5})
    message = said(session)
    same(said(session), None)  # one is under way
    for wrong in (b"", b"{}", b"[]", b"\xff", b'{"e": "x", "s": "y", "h": 9}', b'{"e": 1, "s": 2, "h": true}'):
        same(session.receive(wrong), False)
    same(db.count("readings"), 50)
    session.resend()
    header, lines = answer(session, said(session))
    same(parts(message)[1], lines)
    same(column(db.find("readings", limit=1), "id"), [len(lines) + 1])
    drained(session)
    same(column(db.all("readings"), "id"), [46, 47, 48, 49, 50])
    same(db.verify(), [])


def test_the_cursor_is_durable():
    db = filled(20)
    session = online(db, logs={"readings": 0}, chunk=300)
    answer(session, said(session))
    before = session.status()
    db = again(db)
    session = Session(db, "pump-7", {"readings": 0}, chunk=300)
    after = session.status()
    same([after[name] for name in ("epoch", "base", "waiting")], [before[name] for name in ("epoch", "base", "waiting")])
    header, _ = answer(session, said(session))
    same(header["f"], before["base"])
    assert header["C"]
    drained(session)
    same(db.count("readings"), 0)
    same(db.insert("readings", {}), 21)


def test_collections_that_are_told():
    db = filled(2)
    db.insert("_own", {"a": 1})
    db.insert("notes", {"a": 1})
    same([line[2] for line in drained(online(db))], [1, 1, 1])
    same(len(drained(session_of(db, "b", only=["_own", "notes"]))), 2)
    db.clear("readings")
    same(len(drained(session_of(db, "c"))), 1)


def session_of(db, name, **options):
    session = Session(db, name, **options)
    answer(session, said(session))
    return session


def test_a_sink_that_was_put_back_gets_again_what_is_there():
    db = filled(30)
    session = online(db, logs={"readings": 10})
    drained(session)
    session.connect()
    answer(session, said(session), 5, "back")
    same([line[1] for line in drained(session)], list(range(21, 31)))


def test_a_database_that_was_put_back_goes_on_under_a_new_epoch():
    db = filled(10)
    session = online(db)
    drained(session)
    epoch = session.status()["epoch"]
    session.connect()
    answer(session, said(session), 10, "fork")
    header, _ = answer(session, said(session), 0)
    same(header["x"], [epoch, 10])
    assert header["e"] != epoch
    same(len(drained(session)), 10)


def test_in_a_transaction_nothing_is_told():
    db = filled(1)
    session = online(db)
    drained(session)
    with db.transaction():
        db.insert("readings", {})
        same(said(session), None)
        raises(ValueError, "transaction", session.status)
    same(len(drained(session)), 1)


def test_batch_mode_tells_of_what_is_durable():
    db = filled(5, durability="batch")
    same(len(drained(online(db))), 5)


def test_when_deletions_are_forgotten_all_state_goes_anew():
    db = filled(20, history=0)
    session = online(db)
    drained(session)
    epoch = session.status()["epoch"]
    db.delete("readings", "id", 1)
    for _ in range(300):
        db.delete("readings", "id", db.insert("readings", {}))
    assert db.get_stats()["forgotten"] > 20
    header, _ = answer(session, said(session))
    same(header["x"], [epoch, 20])
    same([line[1] for line in drained(session) if line[2]], list(range(2, 21)))
    same(session.status()["waiting"], 0)


def test_a_clock_that_is_set_is_told():
    """Records have the time of before; the sink learns which, and by how much."""
    clock = set_clock(60)
    db = filled(2)
    session = Session(db, "pump-7", {"readings": 0})
    db.insert("readings", {})
    before, clock.time = clock.time, 800000000
    session.clock(before)
    db.insert("readings", {})
    clock.time += 5
    session.clock(800000003)
    answer(session, said(session))
    header, lines = answer(session, said(session))
    same([line[4] for line in lines], [60, 60, 60, 800000000, 800000000, 800000005])
    same([line[5] for line in lines if "since" in line[5]], [{"since": 2, "seconds": 799999940}, {"since": 4, "seconds": 2}])
    same(sorted(told[::2] for told in header["c"].values()), [["_clock", 1], ["readings", 1]])
    same(db.count("_clock"), 0)
    db = again(db)
    session = online(db)
    session.clock(5)
    same([line[5]["since"] for line in drained(session)], [6])
    same(db.count("_clock"), 0)
    raises(ValueError, "before", session.clock, None)


def test_names_and_numbers():
    db = filled(0)
    for name in ("", "a.b", "a/b", "a b", "x" * 65, None, 7, "\xe9"):
        raises(ValueError, "device", Session, db, name)
    raises(ValueError, "logs['a']", Session, db, "a", {"a": -1})
    raises(ValueError, "logs['_a']", Session, db, "a", {"_a": 0})
    raises(ValueError, "logs['a']", Session, db, "a", {"a": 0}, only=["b"])
    raises(ValueError, "chunk", Session, db, "a", chunk=0)
