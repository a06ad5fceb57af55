"""5,000 unsent records, encrypted, on raw flash, go in messages of 512 bytes of lines in a heap as an ESP8266's, 6 KB of which stay free."""
import gc

from runner import Skip, board, fresh, medium, same
from wire import length

try:
    from unosql.core import Unosql  # noqa: F401  what it takes is not part of FREE_HEAP
    from unosql.mqtt import Sync
except ImportError:  # an image of a small board
    Sync = None

MODES = ("flash",)
FREE_HEAP = 35840
QUIET = 600
N = 300 if board or not hasattr(gc, "mem_free") else 5000  # an emulated board takes long; CPython's heap has no bounds
KEPT = 6144


least = 1 << 30  # bytes that were free, of what was looked at


def measure():
    global least
    if hasattr(gc, "mem_free"):
        gc.collect()
        least = min(least, gc.mem_free())


def watched(device):
    """Measure in the midst of every write to the flash: in merges and flushes, when most is in use."""
    write = device.writeblocks

    def writeblocks(block, buf, offset=0):
        measure()
        return write(block, buf, offset)

    device.writeblocks = writeblocks


class Broker:
    """In as little RAM as may be: lets everybody in, and answers each message as a sink that stores it. It is its own stream."""

    def __init__(self):
        self.down, self.topic, self.head, self.h, self.n, self.longest = b"", b"", b"", 0, 0, 0

    def dial(self):
        return self

    def write(self, data):
        first = data[0]
        if first == 0x10:
            self.down += b"\x20\2\0\0"
        elif first == 0x82:
            self.topic = bytes(data[6:-1])
            self.down += b"\x90\3\0\1\0"
        elif first == 0x7B:  # "{"
            self.take(data)
        return len(data)

    def take(self, message):
        measure()
        head = bytes(message[:300])
        end = head.find(b"\n")
        lines, message = len(message) - end if end > 0 else 0, head
        value = self.value
        h = int(value(message, b'"t":', b","))
        n = int(value(message, b'"n":', b","))
        self.n += n if h > self.h else 0
        self.h = max(h, self.h)
        self.longest = max(self.longest, lines)
        answer = b'{"e":%s,"s":%s,"h":%d}' % (value(message, b'"e":', b","), value(message, b'"s":', b","), self.h)
        self.down += b"\x30" + length(2 + len(self.topic) + len(answer)) + bytes((0, len(self.topic))) + self.topic + answer

    def value(self, message, name, behind):
        start = message.find(name) + len(name)
        found = message[start : min(i for i in (message.find(behind, start), message.find(b"}", start)) if i > 0)]
        return found.strip()

    def readinto(self, buf):
        n = min(len(buf), len(self.down))
        buf[:n] = self.down[:n]
        self.down = self.down[n:]
        return n or None

    def close(self):
        pass


def test_all_is_sent_and_6_kb_stay_free():
    if not Sync:
        raise Skip("needs unosql.mqtt")
    watched(medium())
    db = fresh(encryption_key=b"sixteen byte key", history=0)
    for i in range(N):
        db.insert("readings", {"celsius": 20 + i % 70 / 10, "humidity": i % 100, "battery": 3699, "where": "room-%d" % (i % 7)})
    broker = Broker()
    sync = Sync(db, "pump-7", "x", logs={"readings": 0}, dial=broker.dial, patience=60)
    while sync.status()["waiting"]:
        sync.step()
    same(broker.n, N)
    same(db.count("readings"), 0)
    assert 300 < broker.longest <= 513, broker.longest
    print("least free:", least)
    assert least >= KEPT, least
    same(db.insert("readings", {}), N + 1)
