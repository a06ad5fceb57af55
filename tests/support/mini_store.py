"""The least store there is, for tests of the storages: it does with them what unosql's does, in the same order.

Items are bytes. Each is logged, a full WAL is flushed to a segment, every fourth segment is merged with the others.
"""
import hashlib

MERGED_AT = 4


class Lost(AssertionError):
    """The storage does not hold what it acknowledged."""


def seal(data):
    return hashlib.sha256(data).digest()[:8] + data


def unseal(blob):
    """The data, or None when the blob is torn."""
    return blob[8:] if len(blob) >= 8 and hashlib.sha256(blob[8:]).digest()[:8] == blob[:8] else None


def number(data):
    return int.from_bytes(data[:4], "big")


class MiniStore:
    """Opening recovers: items are then those durable, oldest first."""

    def __init__(self, storage):
        self.storage = storage
        storage.open()
        self.manifests, self.wal = storage.log(b"m"), storage.log(b"w")
        self.version = self.flushed = 0
        self.segments = []
        self.next = 1
        found = self._find_manifest()
        if not found and (list(storage.numbers()) or list(self.wal.places())):
            raise Lost("no manifest")
        if not found:
            self._publish()
        self._remove_orphans()
        self.items = [item for n in self.segments for item in self._read(n)]
        self._recover()

    def put(self, item):
        if not self.wal.room:
            self.flush()
        self.counter += 1
        self.wal.append(seal(self.counter.to_bytes(4, "big") + item))
        self.items.append(item)
        self.pending.append(item)

    def flush(self):
        self._write(self.pending)
        self.flushed = self.counter
        self._publish()
        self.wal.reset()
        self.pending = []
        if len(self.segments) >= MERGED_AT:
            self._merge()

    def _merge(self):
        old, self.segments = self.segments, []
        self._write(self.items[: len(self.items) - len(self.pending)])
        self._publish()
        for n in old:
            self.storage.remove(n)

    def _write(self, items):
        sink = self.storage.create(self.next)
        data = seal(b"".join(bytes((len(item),)) + item for item in items))
        for i in range(0, len(data), 701):
            sink.append(data[i : i + 701])
        sink.append(b"end")
        sink.close()
        self.segments.append(self.next)
        self.next += 1

    def _read(self, n):
        size = self.storage.size(n)
        buf = bytearray(size + 3 & ~3)
        got = self.storage.readinto(n, 0, memoryview(buf))
        del buf[size:]
        if got < size or buf[-3:] != b"end":
            raise Lost("segment %d is cut short" % n)
        data = unseal(bytes(buf[:-3]))
        if data is None:
            raise Lost("segment %d is damaged" % n)
        while data:
            yield data[1 : 1 + data[0]]
            data = data[1 + data[0] :]

    def _publish(self):
        self.version += 1
        numbers = [self.version, self.flushed, self.next, *self.segments]
        self.manifests.append(seal(b"".join(n.to_bytes(4, "big") for n in numbers)))

    def _find_manifest(self):
        newest = None
        for place in self.manifests.places():
            data = unseal(self.manifests.read(place))
            if data and (newest is None or number(data) > number(newest[0])):
                newest = data, place
        if newest is None:
            return False
        data, place = newest
        self.version, self.flushed, self.next, *self.segments = (number(data[i:]) for i in range(0, len(data), 4))
        self.manifests.resume(place, 1)
        return True

    def _remove_orphans(self):
        for n in self.storage.numbers():
            if n not in self.segments:
                self.storage.remove(n)

    def _recover(self):
        live, clean = [], True
        for place in self.wal.places():
            data = unseal(self.wal.read(place))
            clean = clean and data is not None
            if data and number(data) > self.flushed:
                live.append((number(data), place, data[4:]))
        live.sort()
        if [counter for counter, _, _ in live] != list(range(self.flushed + 1, self.flushed + 1 + len(live))):
            raise Lost("WAL records missing after %d: %s" % (self.flushed, [c for c, _, _ in live]))
        self.counter = self.flushed + len(live)
        self.pending = [item for _, _, item in live]
        self.items += self.pending
        self.wal.resume(live[-1][1] if live else None, len(live))
        if not clean:
            self.flush()
