"""A broker and a sink in RAM, and streams to them that do not block: what a device meets, and what goes wrong there."""
import json


class Sink:
    """Answers as a sink does. lines: all that it has, in order. h: {epoch: up to which change}. messages: headers of all that came."""

    def __init__(self):
        self.lines, self.h, self.messages, self.session = [], {}, [], None
        self.is_away = False
        self.says = {}  # what to add to each answer

    def receive(self, message):
        """Return the answer to a message, or None."""
        head, *lines = bytes(message).split(b"\n")
        header = json.loads(head)
        self.messages.append(header)
        if self.is_away:
            return None
        h = self.h.setdefault(header["e"], 0)
        say = None
        if "hello" in header:
            self.session = header["S"]
        elif header["S"] != self.session:
            say = "who"
        elif header["f"] > h:
            say = "ahead"
        else:
            self.lines += [line for line in map(json.loads, lines) if line[3] > h]
            h = self.h[header["e"]] = max(h, header["t"])
        answer = {"e": header["e"], "s": header["s"], "h": h}
        if say:
            answer["say"] = say
        answer.update(self.says)
        return json.dumps(answer).encode()

    def ids(self, name="readings"):
        return [line[1] for line in self.lines]


class Broker:
    """sink: gets what is published. lose(n): whether the n-th message up, or down, is lost. refuses: what a CONNACK says.

    is_dumb: it takes all and says nothing. limit: bytes up after which a connection breaks. pieces: the most bytes it takes or gives at a time.
    logins: client, user and password of each connection. pings: how many came.
    """

    def __init__(self, sink=None, pieces=1 << 20):
        self.sink = sink or Sink()
        self.pieces = pieces
        self.lose = lambda n: False
        self.refuses, self.is_dumb, self.limit, self.garbage = 0, False, 1 << 30, b""
        self.logins, self.pings, self.n, self.wire = [], 0, 0, None
        self.dials, self.is_down, self.will = 0, False, None

    def dial(self):
        self.dials += 1
        if self.is_down:
            raise OSError(111)
        self.wire = Wire(self)
        return self.wire

    def packet(self, wire, kind, body):
        if self.is_dumb:
            return
        if kind == 0x10:
            self.logins.append(_login(body))
            self.will = _will(body)
            wire.down += b"\x20\2\0" + bytes((self.refuses,))
        elif kind == 0x82:
            assert body[:2] == b"\0\1" and body[-1] == 0
            wire.topic = body[4:-1]
            wire.down += b"\x90\3\0\1\0" + self.garbage
        elif kind & 0xF0 == 0x30:
            self._published(wire, kind, body)
        elif kind == 0xC0:
            self.pings += 1
            wire.down += b"\xd0\0"
        elif kind == 0xE0:
            wire.is_ended = True
        else:
            raise AssertionError("packet %x" % kind)

    def _published(self, wire, kind, body):
        size = body[0] << 8 | body[1]
        topic, message = body[2 : 2 + size], body[2 + size :]
        assert kind & 1 == 0  # never retained
        if kind & 6:
            wire.down += b"\x40\2" + message[:2]
            message = message[2:]
        assert topic == wire.topic[:-4] + b"up"
        if not self._is_lost():
            answer = self.sink.receive(message)
            if answer and not self._is_lost():
                self.push(answer)

    def push(self, message):
        """Send down, to the one that is connected."""
        topic = self.wire.topic
        self.wire.down += b"\x30" + length(len(topic) + 2 + len(message)) + bytes((0, len(topic))) + topic + message

    def _is_lost(self):
        self.n += 1
        return self.lose(self.n)


class Wire:
    """The device's end of a connection."""

    def __init__(self, broker):
        self.broker = broker
        self.up, self.down, self.topic = b"", b"", b""
        self.is_ended = self.is_closed = False
        self.sent = 0
        self.busy = False

    def write(self, data):
        assert not self.is_closed
        self.busy = not self.busy
        if self.broker.pieces < 100 and self.busy:
            return None
        data = bytes(data[: self.broker.pieces])
        self.sent += len(data)
        if self.is_ended or self.sent > self.broker.limit:
            raise OSError(104)
        self.up += data
        packet = whole(self.up)
        while packet:
            kind, start, end = packet
            body, self.up = self.up[start:end], self.up[end:]
            self.broker.packet(self, kind, body)
            packet = whole(self.up)
        return len(data)

    def readinto(self, buf):
        assert not self.is_closed and len(buf)
        n = min(len(buf), self.broker.pieces, len(self.down))
        if not n:
            return 0 if self.is_ended else None
        buf[:n] = self.down[:n]
        self.down = self.down[n:]
        return n

    def close(self):
        self.is_closed = True


def whole(data):
    """Return (kind, start, end) of the packet that data starts with, or None."""
    size = 0
    for i in range(1, min(len(data), 5)):
        size |= (data[i] & 127) << 7 * (i - 1)
        if data[i] < 128:
            return (data[0], i + 1, i + 1 + size) if len(data) >= i + 1 + size else None
    return None


def length(n):
    """n as MQTT has it."""
    found = b""
    while n > 127:
        found += bytes((n & 127 | 128,))
        n >>= 7
    return found + bytes((n,))


def _texts(body):
    texts, i = [], 10
    while i < len(body):
        size = body[i] << 8 | body[i + 1]
        texts.append(body[i + 2 : i + 2 + size])
        i += 2 + size
    return texts


def _login(body):
    assert body[:7] == b"\0\4MQTT\4" and body[7] & 2  # a clean session
    texts = _texts(body)
    if body[7] & 4:
        del texts[1:3]
    return texts


def _will(body):
    return _texts(body)[1:3] if body[7] & 4 else None
