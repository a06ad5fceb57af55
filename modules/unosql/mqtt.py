"""Store and forward over MQTT: brings the records of a database to `unosql sink`, exactly once, through any broker.

    from unosql.mqtt import Sync

    sync = Sync(db, "pump-7", "192.168.1.10", password="...", logs={"readings": 0})
    while True:
        db.insert("readings", {"celsius": read()})
        sync.step()                  # or, in a program with asyncio: create_task(sync.run())

The network may be gone, the broker restart, the sink be away for weeks: the records stay in the database until the sink has told
that it has them durably. docs/FORMAT.md has the messages, sync.py the protocol, broker.py the packets.
"""

from .broker import Broker, Lost
from .courier import Courier, later
from .errors import BusyError

# Bytes that a packet has around a topic and a message, at the most.
_AROUND = 9
# Seconds that run() sleeps when there is nothing to do.
_NAP = 0.1


def topics(prefix, device, qos):
    """Return the topics to publish to and to hear."""
    if qos not in (0, 1):
        raise ValueError("qos is 0 or 1, not %r" % (qos,))
    if not isinstance(prefix, str) or not prefix or "+" in prefix or "#" in prefix:
        raise ValueError("prefix is the start of a topic, not %r" % (prefix,))
    start = "%s/1/%s/" % (prefix, device)
    return start + "up", start + "down"


class Sync(Courier):
    """The way of a database to a sink through a broker that this object connects to, whenever it can.

    db: an Unosql, of unosql or of unosql.aio. device: its name: letters, digits, "_" and "-", 64 at the most.
    host: of the broker, a name or an address.
    port: 1883, or 8883 with ssl, unless it is said.
    user: at the broker; the device, if there is a password.
    password: of that user.
    ssl: an SSLContext, or what has its wrap_socket(). MicroPython's trusts any broker unless its verify_mode is ssl.CERT_REQUIRED.
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
        self, db, device, host, port=None, *, user=None, password=None, ssl=None, will=None, dial=None, prefix="unosql", qos=0, room=512, **more
    ):
        Courier.__init__(self, db, device, room=room, **more)
        self._up, self._down = topics(prefix, device, qos)
        self._qos = qos
        self._dial = dial
        self._address = host, port or (8883 if ssl else 1883), ssl, self.patience
        keepalive = min(65535, int(self.heartbeat + 2 * self.patience) + 1)
        self._login = device, device if user is None and password is not None else user, password, keepalive, will
        self._buffer = room + len(self._down) + _AROUND
        self._broker = None
        self._calls = 0  # in vain, in a row

    def step(self):
        """Do what can be done now; return whether something was. Call it often: it waits for nothing but names, and handshakes of TLS.

        What the network does is in status(). It raises what the database raises: CorruptionError, StorageFullError, and BusyError
        within another call.
        """
        try:
            return self._serve(self._broker) if self._broker else self.is_rested() and self._call()
        except Lost as error:  # the next connection comes later
            self.note(error)
            self.close()
            self.rest = later(1, self._calls)
            self._calls += 1
            return True

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
        self.rest = 0

    def status(self):
        """Return a dict.

        "epoch": names this life of the database. "base": the change up to which the sink has everything. "waiting": changes after it.
        "connected": to the broker. "online": and to the sink.
        "unanswered": messages in a row. "error": why the last connection failed or ended, or None.

        ValueError in a transaction.
        """
        found = Courier.status(self)
        found["connected"] = bool(self._broker and self._broker.is_open)
        return found

    def _call(self):
        try:
            stream = self._dial() if self._dial else opened(*self._address)
        except (OSError, MemoryError, ValueError, ImportError) as error:  # the middle two of TLS: no room, no certificate to trust
            raise Lost(error)
        self.rest = int(self.patience * 2000)  # for the broker to let us in
        self._is_begun = False  # the session of this connection
        self._broker = Broker(stream, self._buffer, self._down)
        self._broker.connect(*self._login)
        return True

    def _serve(self, broker):
        busy = False
        broker.flush()
        message = broker.receive()
        while message is not None:
            busy = True
            if self.receive(message):
                self._calls = 0
            message = broker.receive()
        busy = busy or self.work(self.handlers)
        if not broker.is_open:
            if self.is_rested():
                raise Lost("no broker answers")
            return busy
        if not self._is_begun:
            self._is_begun = True
            self.connect()
        return self._speak(broker) or busy

    def _speak(self, broker):
        """Send what is due; return whether something was."""
        message = self.due()
        if message is None:
            return False
        if self.tries:  # the sink has not answered: does the broker?
            if not (broker.heard and broker.flush()):
                raise Lost("the broker is silent")
            broker.ping()
        broker.publish(self._up, message, self._qos)
        return True


class Over(Courier):
    """The same over a client of mqtt_as, or one with its calls, which the program makes and may use for more.

        config["queue_len"] = 1
        client = MQTTClient(config)
        await client.connect()
        sync = Over(db, "pump-7", client, logs={"readings": 0})
        await sync.run()

    Arguments are the last ones of Sync, from prefix on. A program that reads client.queue itself gives reads=False, and what it reads to take().
    """

    def __init__(self, db, device, client, *, prefix="unosql", qos=0, reads=True, **more):
        Courier.__init__(self, db, device, **more)
        self._up, self._down = topics(prefix, device, qos)
        self._qos = qos
        self._client = client
        self._reads = reads
        self._hears = False  # the topic of this connection

    async def run(self):
        """For ever, in a task, with other tasks in between."""
        import asyncio

        task = asyncio.create_task(self._read()) if self._reads else None
        try:
            while True:
                await asyncio.sleep(0 if await self._step(self._client) else _NAP)
        finally:
            if task:
                task.cancel()

    def take(self, topic, message):
        """Take a message of the client's queue, bytes; return whether its topic is this one's."""
        ours = bytes(topic) == self._down.encode()
        if ours:
            try:
                self.receive(message)
            except BusyError:  # another task is in the middle of a call: the sink will answer again
                pass
        return ours

    async def _read(self):
        async for topic, message, _ in self._client.queue:
            self.take(topic, message)

    async def _step(self, client):
        """Return whether something was done. The session begins anew with each connection, if nobody else clears client.up."""
        try:
            busy = self.work(self.handlers)
            if client.up.is_set():
                client.up.clear()
                self.connect()
                self._hears = False
            message = self.due() if client.isconnected() else None
            if message is None:
                return busy
            message = bytes(message)
            if self.tries or not self._hears:  # the former: another task may have cleared client.up
                await client.subscribe(self._down, 0)
                self._hears = True
            await client.publish(self._up, message, False, self._qos)
            return True
        except OSError as error:
            self.note(error)
        except BusyError:  # another task is in the middle of a call
            pass
        return False


def opened(host, port, ssl, patience):
    """Return a socket to host that does not block, perhaps before it is connected. patience: seconds for TLS."""
    import errno
    import socket

    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    plain = socket.socket(*found[:3])
    try:
        plain.settimeout(patience if ssl else 0)
        plain.connect(found[4])
        stream = ssl.wrap_socket(plain, server_hostname=host) if ssl else plain
        stream.setblocking(False)
        return stream
    except (OSError, MemoryError, ValueError) as error:
        if not ssl and error.args and error.args[0] == errno.EINPROGRESS:
            return plain
        plain.close()
        raise
