"""A connection to a broker, in MQTT 3.1.1: one topic to hear, any to publish to, over a stream that does not block.

Nothing here waits. What the stream does not take yet stays in a list. What comes is read into one buffer, packet by packet; one that
is larger is passed over.
"""

import errno

_REFUSALS = ("its version of MQTT", "the name", "a client now", "the user or the password", "this user")
# Bytes of a packet before its body, at the most.
_HEAD = 5


class Lost(OSError):
    """The connection is of no use any more; says why."""


class Broker:
    """stream: a socket, or what has its readinto() and write(), or recv_into() and send(). room: bytes of the largest packet to take.

    is_open: the broker has let this client in, and its topic is subscribed to. heard: something came since the last ping().
    Every method may raise Lost.
    """

    def __init__(self, stream, room, topic):
        self._read = getattr(stream, "readinto", None) or stream.recv_into
        self._write = getattr(stream, "write", None) or stream.send
        self._stream = stream
        self._topic = topic
        self._in = memoryview(bytearray(room))
        self._n = 0  # bytes that came of a packet
        self._out = []
        self._number = 0  # of the last message with QoS 1
        self.is_open, self.heard = False, True

    def connect(self, name, user, password, keepalive, will):
        """name: of the client. keepalive: seconds. will: a topic and a message that the broker publishes when this client is gone, or None."""
        flags, rest = 2, _text(name)
        if will:
            flags |= 4
            rest += _text(will[0]) + _text(will[1])
        for bit, text in ((0x80, user), (0x40, password)):
            if text is not None:
                flags |= bit
                rest += _text(text)
        self._send(0x10, b"\0\4MQTT\4" + bytes((flags, keepalive >> 8, keepalive & 255)) + rest)

    def publish(self, topic, message, qos=0):
        head = _text(topic)
        if qos:
            self._number = self._number % 65535 + 1
            head += self._number.to_bytes(2, "big")
        self._send(0x30 | qos << 1, head, message)

    def ping(self):
        self.heard = False
        self._send(0xC0)

    def flush(self):
        """Hand over what waits; return whether all is."""
        while self._out:
            n = self._tried(self._write, self._out[0])
            if not n:
                return False
            if n < len(self._out[0]):
                self._out[0] = memoryview(self._out[0])[n:]
            else:
                self._out.pop(0)
        return True

    def receive(self):
        """Return the next message, a memoryview that holds until the next call, or None."""
        while True:
            start, end = self._measured()
            if self._n < end:
                if not self._fill(end):
                    return None
            else:
                self._n = 0
                message = self._taken(self._in[0], self._in[start:end]) if end <= len(self._in) else None
                if message is not None:
                    return message

    def close(self):
        """Take leave, if the stream takes it."""
        try:
            if not self._out:
                self._send(0xE0)
            self._stream.close()
        except OSError:
            pass

    def _send(self, kind, head=b"", message=b""):
        start, n = bytearray((kind,)), len(head) + len(message)
        while n > 127:
            start.append(n & 127 | 128)
            n >>= 7
        start.append(n)
        self._out.append(start + head)
        if message:
            self._out.append(message)
        self.flush()

    def _tried(self, call, data):
        """Return what call(data) does, or None when the stream is not ready."""
        try:
            return call(data)
        except (OSError, MemoryError) as error:  # the latter of a TLS connection
            # The middle ones while the connection is being made, by port; the last ones are CPython's SSL's.
            if error.args and error.args[0] in (errno.EAGAIN, errno.EINPROGRESS, errno.ENOTCONN, 2, 3):
                return None
            raise Lost(error)

    def _measured(self):
        """Return where the body of the packet begins and where it ends; while that is not known, 0 and what must come first."""
        size = 0
        for i in range(1, _HEAD):
            if i >= self._n:
                return 0, i + 1
            size |= (self._in[i] & 127) << 7 * (i - 1)
            if self._in[i] < 128:
                return i + 1, i + 1 + size
        raise Lost("what answers is no broker")

    def _fill(self, end):
        """Read on up to the end of a packet; return whether something came. What is too large goes nowhere."""
        at = self._n if end <= len(self._in) else min(self._n, _HEAD)
        n = self._tried(self._read, self._in[at : at + end - self._n])
        if n == 0:
            raise Lost("the broker has ended the connection")
        if n:
            self._n += n
            self.heard = True
        return n

    def _taken(self, first, body):
        """Heed a packet; return the message in it, or None."""
        kind = first >> 4
        if kind == 3 and len(body) > 1:
            return body[2 + (body[0] << 8 | body[1]) + (2 if first & 6 else 0) :]
        if kind == 2 and len(body) == 2:
            code = body[1]
            if code:
                raise Lost("the broker refuses " + (_REFUSALS[code - 1] if code <= len(_REFUSALS) else "us, code %d" % code))
            self._send(0x82, b"\0\1" + _text(self._topic) + b"\0")
        elif kind == 9 and len(body) == 3:
            if body[2] > 127:
                raise Lost("the broker does not let us hear " + self._topic)
            self.is_open = True


def _text(text):
    data = text.encode() if isinstance(text, str) else bytes(text)
    return len(data).to_bytes(2, "big") + data
