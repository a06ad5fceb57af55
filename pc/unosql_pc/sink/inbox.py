"""Messages that have come and are not taken yet: filled by the carrier's thread, emptied by groups."""
import collections
import re
import threading
import time
import zlib

MOST = 20_000  # messages that wait; more than one a device are none, but after a pause of the database
BYTES = 64 << 20
DEVICE = re.compile("[A-Za-z0-9_-]{1,64}")


class Inbox:
    """What comes when it is full is left out: its device sends it again. shard: (i, n), this sink's share of the devices: 1 of 1, or 2 of 3."""

    def __init__(self, most=MOST, bytes=BYTES, shard=(1, 1)):
        self._most, self._bytes, self._shard = most, bytes, shard
        self.foreign = 0
        self._waiting = collections.deque()
        self._size = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped = 0

    def __len__(self):
        return len(self._waiting)

    def put(self, device, payload):
        """Take a message. device: its name as the topic has it."""
        if not DEVICE.fullmatch(device):
            self.foreign += 1
        elif zlib.crc32(device.encode()) % self._shard[1] == self._shard[0] - 1:
            self._put(device, payload)

    def _put(self, device, payload):
        with self._changed:
            if len(self._waiting) >= self._most or self._size + len(payload) > self._bytes:
                self.dropped += 1
                return
            self._waiting.append((device, payload))
            self._size += len(payload)
            self._changed.notify()

    def group(self, most, patience, timeout):
        """Return up to `most` messages, [(device, payload)]: what has come within `patience` seconds of the first; [] after timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, timeout)
            if not self._waiting:
                return []
            end = time.monotonic() + patience
            while len(self._waiting) < most and not self._is_closed and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            group = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._size -= sum(len(payload) for _, payload in group)
            return group

    def close(self):
        """Wait no more for others."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
