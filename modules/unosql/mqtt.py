"""Store and forward over MQTT: brings the records of a database to `unosql sink`, exactly once, through any broker.

    from unosql.mqtt import Sync

    sync = Sync(db, "pump-7", "192.168.1.10", password="...", logs={"readings": 0})
    while True:
        db.insert("readings", {"celsius": read()})
        sync.step()                  # or, in a program with asyncio: create_task(sync.run())

The network may be gone, the broker restart, the sink be away for weeks: the records stay in the database until the sink has told
that it has them durably. docs/FORMAT.md has the messages, sync.py the protocol, broker.py the packets.
"""

from . import broker, courier
from .errors import BusyError, StorageFullError
from .sync import Session

# Bytes that a packet has around a topic and a message, at the most.
_AROUND = 9
# Seconds that run() sleeps when there is nothing to do.
_NAP = 0.1


class Base:
    """What both have: the names, the session and when to send."""

    def __init__(self, db, device, prefix="unosql", heartbeat=120, patience=5, every=0, qos=0, **session):
        self.session = Session(db, device, **session)
        self._courier = courier.Courier(self.session, heartbeat, patience, every)
        if qos not in (0, 1):
            raise ValueError("qos is 0 or 1, not %r" % (qos,))
        self._qos = qos
        if not isinstance(prefix, str) or not prefix or "+" in prefix or "#" in prefix:
            raise ValueError("prefix is the start of a topic, not %r" % (prefix,))
        self._up = "%s/1/%s/up" % (prefix, device)
        self._down = "%s/1/%s/down" % (prefix, device)
        self._error = None
        self._handlers = {}

    def on(self, name):
        """Decorate a function(argument) that runs the commands of a name; step() and run() call it.

            @sync.on("valve")
            def valve(is_open):
                pin.value(is_open)
                return "done"

        What it returns, a JSON value, or raises goes up with the number of the command. A command whose time has passed is not run.
        If the power fails in between, it is run again.
        """

        def add(function):
            self._handlers[name] = function
            return function

        return add

    def clock(self, before):
        """Tell the sink that the clock was set. before: what time.time() was right before that.

            before = time.time()
            ntptime.settime()
            sync.clock(before)

        Records written since this object was made, or since the last call, have a time that is wrong by as much; the sink is told
        which these are.
        """
        self.session.clock(before)

    def setting(self, name, default=None):
        """Return what the server has set, or default."""
        found = self.session.setting(name)
        return default if found is None else found

    def status(self):
        """Return a dict: what Session.status() has; "unanswered": messages in a row; "error": why the connection was lost last, or None."""
        found = self.session.status()
        found.update({"unanswered": self._courier.tries, "error": self._error})
        return found

    def _note(self, error):
        self._error = str(error) or repr(error)

    def _taken(self, message):
        """Take what came; return whether it is the answer that was waited for. What a full medium refuses is sent again."""
        try:
            return self._courier.take(message)
        except StorageFullError as error:
            self._note(error)
            return False


class Sync(Base):
    """The way of a database to a sink through a broker that this object connects to, whenever it can.

    db: an Unosql, of unosql or of unosql.aio. device: its name: letters, digits, "_" and "-", 64 at the most.
    host: of the broker, a name or an address.
    port: 1883, or 8883 with ssl, unless it is said.
    user: at the broker; the device, if there is a password.
    password: of that user.
    ssl: an SSLContext, or what has its wrap_socket().
    prefix: what topics start with, "unosql".
    logs: {collection: n} of those whose records go from here when the sink has them, but for the last n.
    only: a list of the collections that are sent; None: all whose names do not start with "_".
    chunk: bytes of records in a message, 512; so much RAM is taken for them.
    down: a list of collections that are the server's: it may write them, set settings and give commands; None: nothing comes down.
    room: bytes of the largest message that may come down; 512; so much RAM is taken for it.
    key: 32 bytes, which the sink has too: messages are sealed, and what is not is ignored. For brokers that are not to be trusted, and
    networks without ssl.
    pack: a function that deflates messages, as uzlib.compress of our images: a fourth of the bytes at a chunk of 1024, for some 3 KB of RAM.
    heartbeat: seconds, 120. A device without news sends one message in that time.
    patience: seconds to wait for an answer, 5; each time in vain twice as long, up to the heartbeat.
    every: seconds for which records are collected, once all was sent; 0, as it is unless it is said: each step() may send.
    qos: 0, or 1 for those who sleep right after a message.
    will: a topic and a message that the broker publishes when this device is gone.
    dial: called instead of connecting to host; it returns a stream that does not block, or raises OSError.
    """

    def __init__(
        self, db, device, host, port=None, *, user=None, password=None, ssl=None, will=None, dial=None, room=512, heartbeat=120, patience=5, **options
    ):
        super().__init__(db, device, room=room, heartbeat=heartbeat, patience=patience, **options)
        self._dial = dial or (lambda: opened(host, port or (8883 if ssl else 1883), ssl, patience))
        keepalive = min(65535, int(heartbeat * 1.5 + 2 * patience) + 1)
        self._login = device, device if user is None and password is not None else user, password, keepalive, will
        self._room = room + len(self._down) + _AROUND
        self._patience = patience
        self._broker = None
        self._calls = 0  # in vain, in a row
        self._rest = courier.Countdown()  # to the next call, or for the broker to let us in
        self._is_told = False  # the broker has let this connection in, and its session has begun
        self._is_pinged = False

    def step(self):
        """Do what can be done now; return whether something was. Call it often: it waits for nothing but names, and handshakes of TLS.

        What the network does is in status(). It raises what the database raises: CorruptionError, StorageFullError, and BusyError
        within another call.
        """
        if not self._broker:
            return self._rest.is_over() and self._call()
        busy = self._listen() or self.session.work(self._handlers)
        if self._broker and not self._broker.is_open:
            if self._rest.is_over():
                self._lose("no broker answers")
            return busy
        return self._speak() or busy

    async def run(self):
        """step() for ever, in a task, with other tasks in between."""
        import asyncio

        while True:
            try:
                busy = self.step()
            except BusyError:  # another task is in the middle of a call
                busy = False
            await asyncio.sleep(0 if busy else _NAP)

    def close(self):
        """End the connection. step() makes a new one."""
        if self._broker:
            self._broker.close()
        self._broker = None

    def status(self):
        """Return a dict.

        "epoch": names this life of the database. "base": the change up to which the sink has everything. "waiting": changes after it.
        "connected": to the broker. "online": and to the sink.
        "unanswered": messages in a row. "error": why the last connection failed or ended, or None.

        ValueError in a transaction.
        """
        found = super().status()
        found["connected"] = bool(self._broker and self._broker.is_open)
        return found

    def _call(self):
        stream = self._tried(self._dial)
        if stream:
            self._rest.set(int(self._patience * 2000))
            self._is_told = self._is_pinged = False
            self._broker = broker.Broker(stream, self._room, self._down)
            self._tried(self._broker.connect, *self._login)
        return bool(self._broker)

    def _listen(self):
        """Take what came; return whether something did."""
        busy = False
        while self._broker and self._tried(self._broker.flush) is not None:
            message = self._tried(self._broker.receive)
            if message is None:
                break
            busy = True
            if self._taken(message):
                self._error, self._calls = None, 0
        return busy

    def _speak(self):
        """Send what is due; return whether something was."""
        if not self._broker:
            return False
        if not self._is_told:
            self._is_told = True
            self._courier.connect()
        message = self._courier.due()
        if message is None:
            return False
        if not self._courier.tries or self._tried(self._ask):
            self._tried(self._broker.publish, self._up, message, self._qos)
        elif self._broker:
            self._lose("the broker is silent")
        return True

    def _ask(self):
        """After a message that has no answer: ask the broker whether it is there. Return False if it was asked, and said nothing."""
        if self._is_pinged and not self._broker.heard or not self._broker.flush():
            return False
        self._error = "no answer from the sink"
        self._is_pinged, self._broker.heard = True, False
        self._broker.ping()
        return True

    def _tried(self, call, *arguments):
        try:
            return call(*arguments)
        except (OSError, MemoryError, ImportError) as error:  # of a TLS connection; of a board without a network
            self._lose(error)

    def _lose(self, error):
        """The connection, or an attempt at one, is of no use: the next one comes later."""
        self._note(error)
        self.close()
        self._rest.set(courier.later(1, self._calls))
        self._calls += 1


class Over(Base):
    """The same over a client of mqtt_as, or one with its calls, which the program makes and may use for more.

        config["queue_len"] = 1
        client = MQTTClient(config)
        await client.connect()
        sync = Over(db, "pump-7", client, logs={"readings": 0})
        await sync.run()

    Arguments are the last ones of Sync, from prefix on. A program that reads client.queue itself gives reads=False, and what it reads to take().
    """

    def __init__(self, db, device, client, *, reads=True, **options):
        super().__init__(db, device, **options)
        self._client = client
        self._reads = reads

    async def run(self):
        """For ever, in a task, with other tasks in between."""
        import asyncio

        tasks = [asyncio.create_task(self._subscribe())]
        if self._reads:
            tasks.append(asyncio.create_task(self._read()))
        try:
            while True:
                await asyncio.sleep(0 if await self._step() else _NAP)
        finally:
            for task in tasks:
                task.cancel()

    def take(self, topic, message):
        """Take a message of the client's queue, bytes; return whether its topic is this one's."""
        ours = bytes(topic) == self._down.encode()
        if ours:
            try:
                self._taken(message)
            except BusyError:  # another task is in the middle of a call: the sink will answer again
                pass
        return ours

    async def _subscribe(self):
        """The session begins anew with each connection."""
        while True:
            await self._client.up.wait()
            self._client.up.clear()
            await self._client.subscribe(self._down, 0)
            self._courier.connect()

    async def _read(self):
        async for topic, message, _ in self._client.queue:
            self.take(topic, message)

    async def _step(self):
        try:
            busy = self.session.work(self._handlers)
            message = self._courier.due() if self._client.isconnected() else None
        except BusyError:
            return False
        if message is None:
            return busy
        try:
            await self._client.publish(self._up, bytes(message), False, self._qos)
        except OSError as error:
            self._note(error)
        return True


def opened(host, port, ssl, patience):
    """Return a socket to host that does not block, perhaps before it is connected. patience: seconds for TLS."""
    import errno
    import socket

    family, kind, protocol, _, address = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    plain = socket.socket(family, kind, protocol)
    try:
        if ssl:
            plain.settimeout(patience)
            plain.connect(address)
            stream = ssl.wrap_socket(plain, server_hostname=host)
        else:
            stream = plain
        stream.setblocking(False)
        if not ssl:
            plain.connect(address)
    except (OSError, MemoryError) as error:
        if not (error.args and error.args[0] == errno.EINPROGRESS):
            plain.close()
            raise
    return stream
