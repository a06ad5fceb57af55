"""A log of slots overwritten in turn, each a small file of its own (storage `Files`).

littlefs keeps a file of up to 128 bytes inline in the directory's metadata: overwriting it is atomic and erases
nothing, where appending to a file costs an erase block. FAT may tear a slot when power is cut, but never a live one:
those end right before the next.
"""

from ..errors import StorageFullError


class Ring:
    """files: the storage. kind: "w" (WAL) or "m" (manifest), first letter of the slots' names. slots: at least 2."""

    limit = 128
    name = b""
    in_order = False

    def __init__(self, files, kind, slots):
        self._files = files
        self._kind = kind
        self._slots = slots
        self._used = bytearray(slots)
        self._next = 0
        self.room = slots

    def found(self, slot):
        """That slot exists: make the ring as long as it once was."""
        self._slots = max(self._slots, slot + 1)
        self._used.extend(bytes(self._slots - len(self._used)))
        self._used[slot] = 1
        self.reset()

    def places(self):
        for slot in range(len(self._used)):
            if self._used[slot]:
                yield slot

    def read(self, place):
        with self._files.opened(self._kind, place, "rb") as file:
            return file.read()

    def describe(self, place):
        return self._files.label(self._kind, place)

    def resume(self, place, live):
        if place is not None:
            if live > place + 1:  # they wrap round the end of a ring that may have been shorter
                self._slots = max(self.places()) + 1
            self._next = (place + 1) % self._slots
        self.room = self._slots - live

    def append(self, record):
        if not self.room:
            raise StorageFullError("%s: no room in the log" % self.describe(self._next))
        writer = self._files.writer(self._kind, self._next)
        writer.append(record)
        writer.close()
        self._used[self._next] = 1
        self._next = (self._next + 1) % self._slots
        if self._kind == "w":  # of manifests only the newest is live
            self.room -= 1

    def reset(self):
        self.room = self._slots

    def scrub(self):
        for slot in self.places():
            self._files.unlink(self._kind, slot)
            self._used[slot] = 0
        self.reset()
