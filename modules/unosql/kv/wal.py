"""The write-ahead log: batches made durable in small sealed records.

A record is v(counter) u8 fragment: counters are consecutive, the byte is the number of fragments that
follow in the batch, with bit 7 set on the first. The log hands records back in any order, stale
ones included; recovery sorts them out.

The first batch behind a reset is the base, bit 5: those that follow it are deltas, bit 6, their differences
to it: LZ77 (Ziv and Lempel 1977), laid out as LZ4's blocks are. Did each depend on the one before, then damage
of one would cost all that follow.
"""

from .. import heap
from ..codec import pack_uint
from ..native import native
from ..errors import CorruptionError

_AAD = b"w"
_FIRST, _DELTA, _BASE = 0x80, 0x40, 0x20
_FOLLOW = 0x1F
# Bytes of the base that count, its last ones: a delta can't name what is farther back.
_FARTHEST = 255
# Of a delta: bytes of a match at the least, the larger half of a token at the most, and bytes, about, that make a batch too long.
_SHORTEST, _NIBBLE, _MOST = 3, 15, 0xFFFF
# Bytes of a batch above which finding its delta takes too long.
_LONG = 1024
# Counter and flag of a record, at the most in practice (counters below 2**32).
_HEAD = 6
# Above this many records, writing a segment is cheaper than logging.
_MAX_FRAGMENTS = 12
# Reading a record leaves garbage of ten times its size; after so many it is collected, lest it keeps them far apart.
_FEW = 8


class Wal:
    """Appends batches to a storage's log, and recovers them. frozen: nothing may be appended before a reset()."""

    def __init__(self, log, envelope, frozen=False):
        self.log = log
        self.counter = 0  # of the last record written
        self._base = b""
        self._frozen = frozen
        self.adopt(envelope)

    def adopt(self, envelope):
        """Seal records with envelope from now on."""
        self._envelope = envelope
        self._capacity = envelope.capacity(self.log.limit) - _HEAD

    def packed(self, batch):
        """Return what the log gets of a batch (bytes), until the next append() or reset()."""
        if not self._base:
            return _BASE, batch
        delta = len(batch) <= _LONG and native.encode_delta(self._base + batch, len(self._base))
        return (_DELTA, delta) if delta else (0, batch)

    def fits(self, packed):
        """Whether that goes into the room left."""
        return not self._frozen and self._fragments(packed) <= min(self.log.room, _FOLLOW + 1)

    def takes(self, packed):
        """Whether that is for the log at all, or better made a segment."""
        return self._fragments(packed) <= _MAX_FRAGMENTS

    def _fragments(self, packed):
        return (len(packed[1]) + self._capacity - 1) // self._capacity

    def append(self, packed):
        """Write one batch, packed(), durable on return. StorageFullError: nothing of it counts."""
        left = self._fragments(packed)
        kind, data = packed
        flag, view = _FIRST | kind, memoryview(data)
        for start in range(0, len(data), self._capacity):
            left -= 1
            head = pack_uint(self.counter + 1) + bytes((flag | left,))
            self._frozen = start > 0  # should this raise, half a batch is there, behind which recovery reads nothing
            self.log.append(self._envelope.seal(head + view[start : start + self._capacity], _AAD))
            self.counter += 1
            flag = 0
        self._frozen = False
        if kind == _BASE:
            self._base = bytes(data[-_FARTHEST:])

    def skip(self):
        """A batch goes to segments only. Were the manifest lost that names them, later records would show a gap."""
        self.counter += 1
        self._base = b""

    def reset(self, counter):
        """Everything up to a counter is in segments."""
        self.counter = counter
        self._base = b""
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
            _, flag, fragment = self._read(place)
            if bool(flag & _FIRST) == bool(batch) or batch and flag != left - 1:
                self._broken(place, "WAL record %d does not follow its predecessor" % counter)
            if not batch:
                kind = flag
            batch.append(fragment)
            left = flag & _FOLLOW
            if not left:
                yield self._decoded(b"".join(batch), kind, place)
                batch = []
        if damaged:
            self.counter += 1  # a torn record may read as whole another time
        if damaged or batch:
            self._frozen = True
        self.log.resume(records[-1][1] if records else None, len(records))

    def _decoded(self, batch, kind, place):
        if kind & _BASE:
            self._base = batch[-_FARTHEST:]
        if not kind & _DELTA:
            return batch
        try:
            return apply_delta(self._base, batch)
        except (ValueError, IndexError):
            self._broken(place, "damaged difference")

    def _broken(self, place, why):
        raise CorruptionError(self.log.describe(place), None, why)

    def _live(self, after):
        """Return ([(counter, place)] above after in order, whether anything was damaged)."""
        records, damaged = [], False
        for i, place in enumerate(self.log.places()):
            if i % _FEW == 0:
                heap.tidy()
            try:
                counter = self._read(place)[0]
                if counter > after:
                    records.append((counter, place))
                elif self.log.in_order:
                    break  # those that came before are older still
            except ValueError:
                damaged = True
        records.sort()
        return records, damaged

    def _read(self, place):
        """Return (counter, flag, fragment). ValueError: it does not verify."""
        record = bytes(self._envelope.unseal(self.log.read(place), _AAD))
        counter, i = native.unpack_uint(record, 0)
        return counter, record[i], record[i + 1 :]


def apply_delta(base, delta):
    """Return what native.encode_delta(base + data, len(base)) was of. ValueError, IndexError: damaged."""
    data, i = bytearray(base), 0
    while i < len(delta):
        token = delta[i]
        size, i = _length(delta, token >> 4, i + 1)
        data += delta[i : i + size]
        i += size
        if i == len(delta):
            break
        distance = delta[i]
        size, i = _length(delta, token & _NIBBLE, i + 1)
        if not distance or len(data) + size > _MOST:
            raise ValueError
        for _ in range(size + _SHORTEST):
            data.append(data[-distance])
    return bytes(data[len(base) :])


def _length(delta, nibble, i):
    above = 0
    if nibble == _NIBBLE:
        above, i = native.unpack_uint(delta, i)
    return nibble + above, i
