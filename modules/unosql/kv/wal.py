"""The write-ahead log: batches made durable in small sealed records.

A record is v(counter) u8 fragment: counters are consecutive, the byte is the number of fragments that
follow in the batch, with bit 7 set on the first. The log hands records back in any order, stale
ones included; recovery sorts them out.
"""

from .. import heap
from ..codec import pack_uint
from ..native import native
from ..errors import CorruptionError

_AAD = b"w"
_FIRST = 0x80
# Counter and flag of a record, at the most in practice (counters below 2**32).
_HEAD = 6
# Above this many records, writing a segment is cheaper than logging.
_MAX_FRAGMENTS = 12
# Reading a record leaves garbage of ten times its size; after so many it is collected, lest it keeps them far apart.
_FEW = 8


class Wal:
    """Appends batches to a storage's log, and recovers them."""

    def __init__(self, log, envelope):
        self.log = log
        self.counter = 0  # of the last record written
        self._frozen = False  # nothing may be appended before reset()
        self.adopt(envelope)

    def adopt(self, envelope):
        """Seal records with envelope from now on."""
        self._envelope = envelope
        self._capacity = envelope.capacity(self.log.limit) - _HEAD

    def fits(self, size):
        """Whether a batch of size bytes goes into the room left."""
        return not self._frozen and self._fragments(size) <= self.log.room

    def takes(self, size):
        """Whether a batch of size bytes is for the log at all, or better made a segment."""
        return self._fragments(size) <= _MAX_FRAGMENTS

    def _fragments(self, size):
        return (size + self._capacity - 1) // self._capacity

    def append(self, batch):
        """Write one batch (bytes), durable on return. StorageFullError: nothing of it counts."""
        left = self._fragments(len(batch))
        flag = _FIRST
        view = memoryview(batch)
        for start in range(0, len(batch), self._capacity):
            left -= 1
            head = pack_uint(self.counter + 1) + bytes((flag | left,))
            self._frozen = start > 0  # should this raise, half a batch is there, behind which recovery reads nothing
            self.log.append(self._envelope.seal(head + view[start : start + self._capacity], _AAD))
            self.counter += 1
            flag = 0
        self._frozen = False

    def skip(self):
        """A batch goes to segments only. Were the manifest lost that names them, later records would show a gap."""
        self.counter += 1

    def reset(self, counter):
        """Everything up to a counter is in segments."""
        self.counter = counter
        self.log.reset()
        self._frozen = False

    def recover(self, after):
        """Yield the batches logged after counter `after`, oldest first.

        CorruptionError when a batch is followed by others but damaged itself. A last batch that is damaged or not
        complete was never acknowledged (invariant 1): it is dropped. Then nothing fits before a reset().
        """
        records, damaged = self._live(after)
        self.counter = records[-1][0] if records else after
        batch = []
        for i, (counter, place) in enumerate(records):
            if counter != after + 1 + i:
                self._broken(place, "WAL record %d is missing" % (after + 1 + i))
            if i % _FEW == 0:
                heap.tidy()
            flag, fragment = self._read(place)
            if bool(flag & _FIRST) == bool(batch) or batch and flag != left - 1:
                self._broken(place, "WAL record %d does not follow its predecessor" % counter)
            batch.append(fragment)
            left = flag & ~_FIRST
            if not left:
                yield b"".join(batch)
                batch = []
        if damaged:
            self.counter += 1  # a torn record may read as whole another time
        self._frozen = damaged or bool(batch)
        self.log.resume(records[-1][1] if records else None, len(records))

    def _broken(self, place, why):
        raise CorruptionError(self.log.describe(place), None, why)

    def _live(self, after):
        """Return ([(counter, place)] above after in order, whether anything was damaged)."""
        records, damaged = [], False
        for i, place in enumerate(self.log.places()):
            if i % _FEW == 0:
                heap.tidy()
            try:
                record = self._envelope.unseal(self.log.read(place), _AAD)
                counter = native.unpack_uint(record, 0)[0]
                if counter > after:
                    records.append((counter, place))
                elif self.log.in_order:
                    break  # those that came before are older still
            except ValueError:
                damaged = True
        records.sort()
        return records, damaged

    def _read(self, place):
        record = bytes(self._envelope.unseal(self.log.read(place), _AAD))
        i = native.unpack_uint(record, 0)[1]
        return record[i], record[i + 1 :]
