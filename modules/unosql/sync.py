"""Store and forward: the device's side of the protocol that brings a database's records to a sink, exactly once.

Without sockets: a Session gives messages and takes answers, as bytes, over MQTT, a serial line or LoRa alike. The carrier
may lose, double, delay and replay them. Nothing is dropped here before the sink has told, in an answer to the very message
that is waited for, that it has it durably. docs/FORMAT.md has the messages, docs/DESIGN.md the rules and why they suffice.

    session = Session(db, "pump-7", {"readings": 0})
    session.connect()                  # there is a connection, or a new one
    message = session.message()        # what to send, a memoryview, or None
    session.receive(answer)            # bytes that came
    session.resend()                   # no answer came for some seconds
"""

import json
import os
import time

from .core import database_of
from .documents import incoming, outgoing, peers
from .documents.arguments import check_name, check_number
from .documents.record import dumps
from .parcel import Parcel
from .place import LETTERS

# The log of clocks that were set.
_CLOCK = "_clock"
# Seconds from 1970 to 2000, where most ports begin.
_FROM_1970 = 946684800
# Seconds for which a sink may ask to be left alone.
_LONGEST = 3600


def nonce(n=4):
    """Return n random bytes in hex."""
    return os.urandom(n).hex()


class Session:
    """db: a Unosql. device: names it at the sink: letters, digits, "_" and "-", 64 at the most; the peer's name here.

    logs: {collection: n} of those whose records go from here when the sink has them, but for the last n ids. What is updated
    or deleted in others is state, of which the sink keeps the latest. only: a list of the collections that are told of;
    None: all whose names do not start with "_". chunk: bytes of lines in a message, a longer line is a message by itself.
    down: a list of the collections that are the server's, which are not told of: it may write them, set settings and give
    commands (work() runs them); None: nothing comes down. room: bytes of the largest message that can be received.
    key: 32 bytes, which the sink has too: all messages are sealed, and others ignored; None: they are plain. pack: a function that
    deflates bytes, as uzlib.compress; it takes RAM, and pays from some 1,000 bytes on.
    """

    def __init__(self, db, device, logs=None, only=None, chunk=512, down=None, room=512, key=None, pack=None):
        check_device(device)
        check_number("chunk", chunk, 64, 1 << 20)
        check_number("room", room, 256, 1 << 20)
        self._db = db
        self._device = device
        self._only = only
        self._owned = down and [check_name(name) for name in down]
        self._parcel = Parcel(chunk, key, device, pack)
        self._room = room - self._parcel.around
        self._has_work = down is not None  # there may be commands that wait
        self._logs = {_CLOCK: 0}
        if down is not None:
            self._logs[incoming.RESULTS] = 0
        for name, keep in (logs or {}).items():
            check_number("logs[%r]" % name, keep)
            name = check_name(name)
            if not self._is_told(name):
                raise ValueError("logs[%r]: what is not told must not go" % name)
            self._logs[name] = keep
        self.said = None  # the word of the last answer, if it had one
        self.pause = 0  # seconds for which it asked to be left alone
        with database_of(db) as catalog:
            self._since = catalog.change  # when the clock is set: what is written since has the time of before
            self._restored = catalog.restored
            self._state = peers.read(catalog, device)  # epoch, base, since, came (the last session that sent data), fork; None: it is new
        self._confirmed = self._telling = None  # what the sink knows to have come down; what it will know when it answers
        self.connect()

    # -- what the carrier calls

    def connect(self):
        """Begin a session: what was sent before and is not answered will be sent again.

        Do so now and then when nothing is new, as well: only a hello shows that a sink was put back to what it had before.
        """
        self._session = nonce()
        self.is_online = False  # the sink has let it in
        self.waiting = None  # the nonce of the message that is under way

    def resend(self):
        """Wait no more for an answer: the next message begins after what the sink is known to have."""
        self.waiting = None

    def message(self):
        """Return the next message, a memoryview that holds until the next call, or None: one is under way, or there is nothing new."""
        if self.waiting:
            return None
        with database_of(self._db) as catalog:
            if catalog.in_transaction:
                return None  # what it has written is not durable
            catalog.store.flush_buffered()
            if not self._state:
                self._begin(catalog, None)
            if self._restored != catalog.restored:
                self._restored = catalog.restored
                self.connect()
            if self.is_online and self._misses(catalog, self._state["base"]):
                self._begin(catalog, self._state["base"])
            self._parcel.begin()
            header = self._batch(catalog, self._state) if self.is_online else self._hello(catalog, self._state)
            return header and self._sent(catalog, header)

    def receive(self, data):
        """Take what came, bytes; return whether it is the answer that was waited for. What is neither that nor to come down is ignored."""
        try:
            told = json.loads(bytes(self._parcel.opened(data)))
        except (ValueError, RuntimeError):  # the latter for what is too deep
            return False
        if not isinstance(told, dict) or not self._state or told.get("e") != self._state["epoch"]:
            return False
        with database_of(self._db) as catalog:
            if catalog.in_transaction:  # it is sent again, and answered again
                pass
            elif "i" in told:
                self._come_down(catalog, told, self._state.get("down"))
            elif self.waiting and told.get("s") == self.waiting and _is_number(told.get("h")):
                self._take(catalog, told)
                return True
        return False

    def work(self, handlers):
        """Run the oldest command that came down; return whether there was one. handlers: {name: function(argument)}.

        What the function returns, or raises, goes up. If the power fails in between it is run again.
        """
        if not self._has_work:
            return False
        with database_of(self._db) as catalog:
            if catalog.in_transaction:
                return False
            command = incoming.next_command(catalog)
            now = catalog.now() + (0 if time.gmtime(0)[0] == 1970 else _FROM_1970)
        self._has_work = bool(command)
        if not command:
            return False
        key, value = _run(command, handlers, now)
        with database_of(self._db) as catalog:
            incoming.done(catalog, command, key, value)
            catalog.store.flush_buffered()
        return True

    def clock(self, before):
        """Tell the sink that the clock was set. before: what time.time() was right before that.

            before = time.time()
            ntptime.settime()
            sync.clock(before)

        Records written since this object was made, or since the last call, have a time that is wrong by as much; the sink is told
        which these are.
        """
        check_number("before", before)
        with database_of(self._db) as catalog:
            catalog.collection(_CLOCK, True).insert({"since": self._since, "seconds": catalog.now() - before})
            self._since = catalog.change

    def setting(self, name, default=None):
        """Return the value that the server has set, or default."""
        with database_of(self._db) as catalog:
            found = incoming.setting(catalog, name)
        return default if found is None else found

    def status(self):
        """Return a dict. "epoch", "base": the change up to which the sink has everything. "waiting": changes after it.

        "online": whether the sink has let this session in. ValueError in a transaction.
        """
        with database_of(self._db) as catalog:
            if catalog.in_transaction:
                raise ValueError("status within a transaction")
            if not self._state:
                self._begin(catalog, None)
            state = self._state
            return {"epoch": state["epoch"], "base": state["base"], "waiting": catalog.change - state["base"], "online": self.is_online}

    # -- the peer's entry

    def _begin(self, catalog, base):
        """Begin an epoch: the first, or one that goes on where the sink's knowledge of this past ends.

        since: deletions up to that change were forgotten before it, of what it never sent.
        """
        fork = None
        if base is not None:
            fork = [self._state["epoch"], base]
            self.connect()
        self._store(catalog, epoch=nonce(8), base=0, came=None, fork=fork, since=catalog.forgotten[0])

    def _misses(self, catalog, base):
        """Whether who has all up to base will never hear of some deletion: then all state must go anew, under a new epoch."""
        return catalog.forgotten[0] > max(base, self._state["since"])

    def _store(self, catalog, logs=(), **changes):
        state = dict(self._state or {}, **changes)
        peers.write(catalog, self._device, state, logs)
        catalog.store.flush_buffered()
        self._state = state

    # -- messages

    def _hello(self, catalog, state):
        """Return what a header has in it beside what all have."""
        header = {"hello": 1, "C": state["came"], "t": state["base"]}
        if self._owned is not None:  # without what came down, as after restore(), the cursor is that of a new device
            header["m"], header["d"] = self._room, state.get("down") if state.get("mark") == incoming.mark(catalog, self._owned) else None
        if state["fork"]:
            header["x"] = state["fork"]
        return header

    def _batch(self, catalog, state):
        """The same of what follows on base, or None. The session is durable before its first data."""
        is_news = self._owned is not None and state.get("down") != self._confirmed  # to be told
        to = state["base"]
        if to == catalog.change and not is_news:
            return None
        names = set(self._logs)
        for change, collection, line in outgoing.lines(catalog, to, catalog.change):
            if line and self._is_told(collection.name):
                if not self._parcel.add(line):
                    break
                names.add(collection.name)
            to = change
        if state["came"] != self._session:
            self._store(catalog, came=self._session)
        collections = {}
        for collection in map(catalog.collection, names):
            if collection.number:
                collections[str(collection.number)] = [collection.name, collection.first, int(collection.name in self._logs)]
        header = {"t": to, "c": collections}
        if is_news:
            header["d"] = state["down"]
        return header

    def _is_told(self, name):
        if name in self._logs or name in (self._owned or ()):
            return name in self._logs
        return name in self._only if self._only is not None else not name.startswith("_")

    def _sent(self, catalog, header):
        base = self._state["base"]
        self.waiting = header["s"] = nonce()
        self._telling = header.get("d", self._confirmed)
        header.update(e=self._state["epoch"], f=base, b=base, S=self._session, n=self._parcel.n)
        header.update(l=catalog.change, w=catalog.now(), z=time.gmtime(0)[0])
        return self._parcel.finish(dumps(header))

    # -- answers

    def _take(self, catalog, answer):
        say, has, wait, base = answer.get("say"), answer["h"], answer.get("wait"), self._state["base"]
        self.waiting = None
        self.said, self.pause = say, wait if isinstance(wait, int) and 0 < wait <= _LONGEST else 0
        self._confirmed = self._telling
        if say == "who":
            self.connect()
        elif say == "fork" or say == "back" and self._misses(catalog, has):
            self._begin(catalog, min(base, has))
        elif say in (None, "back"):
            changes = {} if self.is_online else self._begun(catalog, answer.get("d"))
            if has < base if say else base < has <= catalog.change:
                changes["base"] = has
            if changes:
                self._store(catalog, () if say else self._logs, **changes)
            self.is_online = True

    def _begun(self, catalog, cursor):
        """Return what changes by what the sink says first: from which number on it sends down."""
        if self._owned is None or not isinstance(cursor, list) or len(cursor) != 2 or not _is_number(cursor[1]):
            return {}
        self._confirmed = cursor
        return {"down": cursor, "mark": incoming.mark(catalog, self._owned)}

    def _come_down(self, catalog, told, cursor):
        """Apply what is next, one item after the other: each is durable with its number."""
        if self._owned is None or not cursor or not self.is_online or told.get("S") != self._session or told.get("g") != cursor[0]:
            return
        life, n = cursor
        for item in told["i"] if isinstance(told["i"], list) else ():
            if isinstance(item, list) and item[:1] == [n + 1]:
                n += 1
                state = dict(self._state, down=[life, n])
                incoming.apply(catalog, item, self._owned, self._device, state)
                catalog.store.flush_buffered()
                self._state, self._has_work = state, True


def check_device(name):
    """ValueError unless a name can be part of a topic, of MQTT and of NATS."""
    if not isinstance(name, str) or not 0 < len(name) <= 64 or name.strip(LETTERS):
        raise ValueError("a device's name has 1 to 64 letters, digits, '_' or '-', not %r" % (name,))


def _run(command, handlers, now):
    """Return what becomes of a command: ("result", value) or ("error", why)."""
    if command["until"] is not None and now > command["until"]:
        return "error", "expired"
    if command["name"] not in handlers:
        return "error", "unknown"
    try:
        return "result", handlers[command["name"]](command["argument"])
    except Exception as error:
        return "error", repr(error)


def _is_number(n):
    return isinstance(n, int) and not isinstance(n, bool) and n >= 0
