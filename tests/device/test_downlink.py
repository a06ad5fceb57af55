"""What a server sends down: settings, records and commands, each applied once, together with its number."""
import json

from runner import Skip, again, column, fresh, plain, raises, same
from wire import Broker

try:
    from unosql.mqtt import Sync
    from unosql.sync import Session
except ImportError:  # an image of a small board
    Session = None

SETTINGS = "_config"
INBOX = "_inbox"
RESULTS = "_results"


class Server:
    """Speaks with a Session. d: the cursor that the device has told last."""

    def __init__(self, db, start=("life", 0), **options):
        self.session = Session(db, "pump-7", **dict({"down": ["prices"]}, **options))
        self.d, self.lines, self.start = None, [], start
        self.connect()

    def connect(self):
        self.session.connect()
        header = self.answer(**({"d": list(self.start)} if self.start else {}))
        same([header[name] for name in ("hello", "m")], [1, 512])

    def answer(self, **more):
        """Answer a message; return its header, or None when there is none."""
        message = self.session.message()
        if message is None:
            return None
        head, *lines = bytes(message).split(b"\n")
        header = self.header = json.loads(head)
        self.lines += [json.loads(line) for line in lines]
        self.d = header.get("d", self.d)
        same(self.session.receive(json.dumps(dict({"e": header["e"], "s": header["s"], "h": header["t"]}, **more)).encode()), True)
        return header

    def down(self, *items, **changes):
        told = dict({"e": self.header["e"], "S": self.header["S"], "g": "life", "i": list(items)}, **changes)
        same(self.session.receive(json.dumps(told).encode()), False)

    def told(self):
        """Answer all; return the cursor."""
        while self.answer():
            pass
        return self.d


def made(name="testdb", **options):
    if not Session:
        raise Skip("needs unosql.sync")
    return fresh(name, **options)


def test_settings_records_and_commands():
    db = made()
    server = Server(db)
    server.down([1, "set", "sampling", {"every": 60}], [2, "put", "prices", 7, {"euro": 2}], [3, "put", "prices", "x", {"euro": 3}],
                [4, "do", "valve", True, None])
    same(plain(db.all(SETTINGS)), [{"key": "sampling", "value": {"every": 60}}])
    same(plain(db.all("prices")), [{"key": 7, "euro": 2}, {"key": "x", "euro": 3}])
    same(server.told(), ["life", 4])
    same(server.lines, [])  # what is the server's does not go up
    server.down([5, "put", "prices", 7, {"cent": 199}], [6, "del", "prices", "x"], [7, "set", "sampling", None], [8, "del", "prices", "none"])
    same(plain(db.all("prices")), [{"key": 7, "cent": 199}])
    same(server.session.setting("sampling"), None)
    same(server.told(), ["life", 8])
    ran = []
    same(server.session.work({"valve": lambda argument: ran.append(argument) or "opened"}), True)
    same(server.session.work({}), False)
    same(ran, [True])
    server.told()
    same([line[5] for line in server.lines], [{"g": "life", "n": 4, "result": "opened"}])
    same(db.count(INBOX), 0)
    same(db.count(RESULTS), 0)  # the sink has it
    same(db.verify(), [])


def test_each_number_counts_once():
    db = made()
    server = Server(db)
    items = [[1, "set", "a", 1], [2, "set", "b", 2]]
    for _ in range(3):
        server.down(*items)
    server.down([2, "set", "b", "again"], [4, "set", "a", "too far"])
    server.down([1, "set", "a", "old"])
    server.down([3, "set", "c", 3], [4, "set", "d", 4], [4, "set", "d", "twice"])
    same({name: server.session.setting(name) for name in "abcd"}, {"a": 1, "b": 2, "c": 3, "d": 4})
    same(server.told(), ["life", 4])
    server = Server(again(db), start=None)
    same(server.d, ["life", 4])
    server.down([4, "set", "d", "after a restart"], [5, "set", "a", 5])
    same([server.session.setting("a"), server.session.setting("d")], [5, 4])


def test_what_is_of_another_time_is_left_out():
    db = made()
    server = Server(db)
    item = [1, "set", "a", 1]
    for name, value in (("e", "another"), ("S", "another"), ("g", "another"), ("g", None), ("i", {}), ("i", [1, None, [], ["1"], [True]]), ("i", 5)):
        server.down(item, **{name: value})
    server.session.connect()
    server.down(item)  # the sink has not let in this session
    same(db.all(SETTINGS), [])
    same(Session(db, "pump-8").receive(b'{"i":[]}'), False)
    server = Server(made("b"), start=None)
    server.down(item)  # it was never told where to begin
    same(server.session.setting("a"), None)


def test_a_session_that_takes_nothing_tells_nothing():
    db = made()
    session = Session(db, "pump-7")
    header = json.loads(bytes(session.message()))
    same([name in header for name in ("d", "m")], [False, False])
    session.receive(json.dumps({"e": header["e"], "s": header["s"], "h": 0, "d": ["life", 0]}).encode())
    session.receive(json.dumps({"e": header["e"], "S": header["S"], "g": "life", "i": [[1, "set", "a", 1]]}).encode())
    same(db.collections(), [])
    same(session.work({}), False)


def test_what_cannot_be_applied_is_told_and_holds_up_nothing():
    db = made()
    db.insert("readings", {"a": 1})
    db.create_collection("prices", schema={"euro": {"type": "int"}})
    server = Server(db)
    wrong = [["put", "readings", 1, {"a": 2}], ["put", "_config", "a", {}], ["del", "readings", 1], ["put", "prices", 1, {"euro": "x"}],
             ["put", "prices", {"gt": 0}, {"euro": 1}], ["del", "prices", True], ["put", "prices", 1, [1]], ["put", "prices", 1, {"id": 5}],
             ["set", 5, 1], ["do", "valve", 1, "soon"], ["do", None, 1, None], ["do"], ["new", "x"], [], ["put", ["a"], 1, {}],
             ["put", "prices", 1, {"key": 2, "euro": 1}]]
    for i, item in enumerate(wrong):
        server.down([i + 1] + item)
    n = len(wrong)
    server.down([n + 1, "put", "prices", 2, {"euro": 5}])
    same(server.told(), ["life", n + 1])
    results = [line[5] for line in server.lines if "n" in line[5]]
    same([result["n"] for result in results], list(range(1, n + 1)))
    assert all(result["error"] and result["g"] == "life" for result in results)
    assert "not the server's" in results[0]["error"], results[0]
    same(plain(db.all("prices")), [{"key": 2, "euro": 5}])
    same(plain(db.all("readings")), [{"a": 1}])
    same(db.verify(), [])


def test_commands_that_fail_or_come_too_late():
    db = made()
    server = Server(db)

    def fail(argument):
        raise OSError("stuck")

    server.down([1, "do", "fail", 1, None], [2, "do", "unknown", 1, None], [3, "do", "late", 1, 5], [4, "do", "odd", 1, 1 << 40])
    ran = []
    while server.session.work({"fail": fail, "late": ran.append, "odd": lambda _: {1, 2}}):
        pass
    server.told()
    found = {line[5]["n"]: line[5]["error"] for line in server.lines}
    same([found[2], found[3]], ["unknown", "expired"])
    assert "stuck" in found[1] and "result" in found[4], found
    same(ran, [])


def test_a_command_waits_for_its_result():
    """The power fails between both: it runs again."""
    db = made()
    server = Server(db)
    server.down([1, "do", "a", 5, None])

    def cut(argument):
        raise KeyboardInterrupt

    raises(KeyboardInterrupt, "", server.session.work, {"a": cut})
    same(db.count(INBOX), 1)
    server = Server(again(db), start=None)
    ran = []
    same(server.session.work({"a": ran.append}), True)
    same(ran, [5])
    same(server.session.work({"a": ran.append}), False)


def test_a_device_that_was_put_back_goes_on_where_the_sink_says():
    db = made()
    server = Server(db)
    server.down([1, "do", "a", 1, None])
    server.start = "life", 7
    server.connect()
    server.down([2, "do", "a", 2, None])
    server.down([8, "set", "a", 8])
    same(server.told(), ["life", 8])
    server.start = "another", 0
    server.connect()
    server.down([1, "set", "a", 1])
    server.down([1, "set", "a", 2], g="another")
    same(server.session.setting("a"), 2)
    same(server.told(), ["another", 1])


def test_a_backup_that_is_restored_takes_the_cursor_with_it():
    """Else what came down since would be missing for ever. The session begins anew by itself, and another one tells the same."""
    db = made()
    server = Server(db)
    server.down([1, "set", "a", 1], [2, "put", "prices", 7, {"euro": 1}])
    same(server.told(), ["life", 2])
    db.backup("before.bak")
    server.down([3, "put", "prices", 7, {"euro": 2}])
    same(server.told(), ["life", 3])
    server.start = None
    server.connect()
    same(server.header["d"], ["life", 3])  # nothing was replaced
    db.restore("before.bak")
    header = server.answer(d=["life", 3])
    same((header["hello"], header["d"]), (1, None))
    server.down([4, "set", "a", 1], [5, "put", "prices", 7, {"euro": 2}])
    same(server.told(), ["life", 5])
    same(plain(db.all("prices")), [{"key": 7, "euro": 2}])
    db.restore("before.bak")
    same(json.loads(bytes(Session(db, "pump-7", down=["prices"]).message()))["d"], None)


def test_in_a_transaction_nothing_comes_down():
    db = made()
    server = Server(db)
    with db.transaction():
        db.insert("notes", {})
        server.down([1, "set", "a", 1])
        same(server.session.work({}), False)
    same(server.session.setting("a"), None)
    server.down([1, "set", "a", 1])
    same(server.session.setting("a"), 1)


def test_a_durable_number_in_batch_mode():
    db = made(durability="batch")
    server = Server(db)
    server.down([1, "set", "a", 1])
    same(server.told(), ["life", 1])


def test_over_mqtt():
    db, broker = made(), Broker()
    broker.sink.says = {"d": ["life", 0]}
    sync = Sync(db, "pump-7", "x", dial=broker.dial, down=["prices"], patience=0.05)
    ran = []

    @sync.on("valve")
    def valve(argument):
        ran.append(argument)
        return "done"

    for _ in range(5):
        sync.step()
    same(sync.status()["online"], True)
    header = broker.sink.messages[0]
    items = [[1, "do", "valve", 1, None], [2, "set", "every", 60], [3, "put", "prices", 1, {"euro": 1}]]
    broker.push(json.dumps({"e": header["e"], "S": header["S"], "g": "life", "i": items}).encode())
    for _ in range(10):
        sync.step()
    same(ran, [1])
    same(sync.setting("every"), 60)
    same(sync.setting("none", 5), 5)
    same(column(db.all("prices"), "euro"), [1])
    same([header["d"] for header in broker.sink.messages if "d" in header][-1], ["life", 3])
    same([line[5] for line in broker.sink.lines], [{"g": "life", "n": 1, "result": "done"}])


def test_names():
    db = made()
    raises(ValueError, "collection", Session, db, "a", down=[""])
    raises(ValueError, "room", Session, db, "a", down=[], room=10)
    raises(ValueError, "logs['prices']", Session, db, "a", {"prices": 0}, down=["prices"])
