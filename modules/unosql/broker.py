"""A connection to a broker, in MQTT 3.1.1: one topic to hear, any to publish to, over a stream that does not block.

Nothing here waits. What the stream does not take yet stays in a list. What comes is read into one buffer; a packet that is
larger is passed over, and counted.
"""

import errno

_REFUSALS = ("its version of MQTT", "the name", "a client now", "the user or the password", "this user")


class Broker:
    """stream: a socket, or what has its readinto() and write(), or recv_into() and send(). room: bytes of the largest packet to take.

    is_open: the broker has let this client in, and its topic is subscribed to. heard: something came; whoever looks sets it False.
    Every method raises OSError, saying what is wrong, when the connection is of no use any more.
    """

    def __init__(self, stream, room, topic):
        self._read = getattr(stream, "readinto", None) or stream.recv_into
        self._write = getattr(stream, "write", None) or stream.send
        self._stream = stream
        self._topic = topic
        self._in = memoryview(bytearray(room))
        self._n = 0  # bytes in it
        self._used = 0  # of these, done with
        self._over = 0  # bytes of a packet that is too large which are still to come
        self._out = []
        self._number = 0  # of the last message with QoS 1
        self.oversized = 0
        self.is_open = self.heard = False

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
        self._send(0x10, b"\0\4MQTT\4" + bytes((flags,)) + _uint16(keepalive) + rest)

    def publish(self, topic, message, qos=0):
        head = _text(topic)
        if qos:
            self._number = self._number % 65535 + 1
            head += _uint16(self._number)
        self._send(0x30 | qos << 1, head, message)

    def ping(self):
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
            packet = self._packet()
            if packet:
                message = self._taken(*packet)
                if message is not None:
                    return message
            elif not self._fill():
                return None

    def close(self):
        """Take leave, if the stream takes it."""
        try:
            if not self._out:
                self._send(0xE0)
            self._stream.close()
        except OSError:
            pass

    def _send(self, kind, head=b"", message=b""):
        self._out.append(bytes((kind,)) + _length(len(head) + len(message)) + head)
        if message:
            self._out.append(message)
        self.flush()

    def _tried(self, call, data):
        """Return what call(data) does, or None when the stream is not ready."""
        try:
            return call(data)
        except OSError as error:
            # The middle ones while the connection is being made, by port; the last ones are CPython's SSL's.
            if error.args and error.args[0] in (errno.EAGAIN, errno.EINPROGRESS, errno.ENOTCONN, 2, 3):
                return None
            raise

    def _fill(self):
        n = self._tried(self._read, self._in[self._n :])
        if n == 0:
            raise OSError("the broker has ended the connection")
        self._n += n or 0
        self.heard = self.heard or bool(n)
        return n

    def _packet(self):
        """Return (first byte, body) of the next packet that is whole, or None."""
        while True:
            self._drop()
            start, size = self._measured()
            if size <= len(self._in):
                break
            self._over = size
            self.oversized += 1
        if not size or size > self._n:
            return None
        self._used = size
        return self._in[0], self._in[start:size]

    def _drop(self):
        """Move what is left to the start of the buffer."""
        if self._over:
            self._used = min(self._over, self._n)
            self._over -= self._used
        if self._used:
            self._n -= self._used
            self._in[: self._n] = self._in[self._used : self._used + self._n]
            self._used = 0

    def _measured(self):
        """Return where the body of the packet begins and where it ends, or zeros while that is not known."""
        size = 0
        for i in range(1, min(self._n, 5)):
            size |= (self._in[i] & 127) << 7 * (i - 1)
            if self._in[i] < 128:
                return i + 1, i + 1 + size
        if self._n > 4:
            raise OSError("what answers is no broker")
        return 0, 0

    def _taken(self, first, body):
        """Heed a packet; return the message in it, or None."""
        kind = first >> 4
        if kind == 3 and len(body) > 1:
            start = 2 + (body[0] << 8 | body[1]) + (2 if first & 6 else 0)
            return body[start:]
        if kind == 2 and len(body) == 2:
            self._let_in(body[1])
        elif kind == 9 and len(body) == 3:
            if body[2] > 127:
                raise OSError("the broker does not let us hear " + self._topic)
            self.is_open = True

    def _let_in(self, code):
        if code:
            raise OSError("the broker refuses " + (_REFUSALS[code - 1] if code <= len(_REFUSALS) else "us, code %d" % code))
        self._send(0x82, b"\0\1" + _text(self._topic) + b"\0")


def _uint16(n):
    return bytes((n >> 8, n & 255))


def _text(text):
    data = text.encode() if isinstance(text, str) else bytes(text)
    return _uint16(len(data)) + data


def _length(n):
    found = bytearray()
    while True:
        found.append(n & 127 | (128 if n > 127 else 0))
        n >>= 7
        if not n:
            return bytes(found)
