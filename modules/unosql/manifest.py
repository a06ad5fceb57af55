"""The manifest: which segments live at which level, and up to where the WAL is in them.

One sealed record in a two-slot log. The whole record with the highest counter is the truth; the other
slot is the one that the next commit overwrites, so that a torn write loses nothing.
Body: v(wal) v(next file) digest (16) v(levels), then for each level v(segments), and for
each segment v(number) v(len(floor)) floor.
"""

import hashlib

from .codec import pack_uint, unpack_uint
from .envelope import Plain
from .errors import CorruptionError
from .header import create, decode

_DIGEST = 16
# Level-0 segments that make a write wait for a compaction.
LIMIT = 8


class Manifest:
    """The state of the store that is not in segments or the WAL.

    wal: the WAL counter up to which everything is in segments. next_file: above every
    number ever used. levels: list of lists of segments (level 0 newest first, deeper by key).
    """

    def __init__(self):
        self.wal = 0
        self.next_file = 1
        self.levels = [[]]

    def encode(self):
        """Return the body."""
        body = pack_uint(self.wal) + pack_uint(self.next_file)
        body += self.digest() + pack_uint(len(self.levels))
        for level in self.levels:
            body += pack_uint(len(level))
            for segment in level:
                floor = segment.floor or b""
                body += pack_uint(segment.number) + pack_uint(len(floor)) + floor
        return body

    def digest(self):
        """A digest over the tags of all segments: finds one swapped for another."""
        total = hashlib.sha256()
        for level in self.levels:
            for segment in level:
                total.update(segment.tag)
        return total.digest()[:_DIGEST]

    def decode(self, body, open_segment):
        """Fill in from a body; return whether the segments are the ones it names.

        open_segment: (number, floor) -> Segment.
        """
        self.wal, i = unpack_uint(body, 0)
        self.next_file, i = unpack_uint(body, i)
        digest = body[i : i + _DIGEST]
        levels, i = unpack_uint(body, i + _DIGEST)
        self.levels = []
        for _ in range(levels):
            i = self._decode_level(body, i, open_segment)
        return digest == self.digest()

    def _decode_level(self, body, i, open_segment):
        level = []
        count, i = unpack_uint(body, i)
        for _ in range(count):
            number, i = unpack_uint(body, i)
            size, i = unpack_uint(body, i)
            level.append(open_segment(number, body[i : i + size] or None))
            i += size
        self.levels.append(level)
        return i

    def holders(self, key):
        """Yield the segments that may hold a key, newest first."""
        yield from self.levels[0]
        yield from self.holders_below(0, key)

    def holders_below(self, level, key):
        """Yield those of the levels deeper than one."""
        for level in self.levels[level + 1 :]:
            lo, hi = 0, len(level)
            while lo < hi:
                mid = (lo + hi) // 2
                if level[mid].max < key:
                    lo = mid + 1
                else:
                    hi = mid
            yield from level[lo : lo + 1]

    def segments(self):
        """Yield every live segment."""
        for level in self.levels:
            yield from level


class Slots:
    """The manifest's log: finds the newest record, and writes the next one.

    A record is header v(counter) sealed body, with a checksum around all of it: whether a record is whole
    must be known before its key is, or a write torn while rekeying would look like a wrong key.
    """

    def __init__(self):
        self._log = None
        self._known = {}  # the envelopes unlocked or adopted so far: two after a rekeying that may have failed
        self.counter = 0
        self.header = None  # as bytes
        self.envelope = None

    def create(self, password, iterations):
        """Start a new database's manifest."""
        self.adopt(*create(password, iterations))

    def adopt(self, header, envelope):
        """Write under this header (a Header) from now on."""
        self.header, self.envelope = header.encode(), envelope
        self._known[self.header] = envelope

    def find(self, log, password):
        """Return the newest whole record's body, or None when there is none.

        log: of the storage. password is not needed again once a record with the same header was opened.
        WrongKeyError when it does not fit, CorruptionError when the record is whole but not authentic.
        """
        self._log = log
        newest = None
        for place in self._log.places():
            record = self._whole(place)
            if record and (newest is None or record[0] > newest[0]):
                newest = record
        if newest is None:
            self._log.resume(None, 0)
            return None
        self.counter, header, start, sealed, place = newest
        self._unlock(header, password, place)
        self._log.resume(place, 1)
        try:
            return bytes(self.envelope.unseal(sealed, b"m" + start))
        except ValueError as error:
            raise CorruptionError(self._log.describe(place), len(start), error)

    def _whole(self, place):
        """Return (counter, header, its bytes, sealed body, place), or None when torn."""
        try:
            record = bytes(Plain().unseal(self._log.read(place), b"m"))
        except ValueError:
            return None
        header, size = decode(record, self._log.describe(place))
        counter, i = unpack_uint(record, size)
        if header.salt is None:
            # Both sums of a plain record are over the same bytes: without the last one it is whole for the outer check.
            try:
                Plain().unseal(record[i:], b"m" + record[:i])
            except ValueError:
                return None
        return counter, header, record[:i], record[i:], place

    def _unlock(self, header, password, place):
        envelope = self._known.get(header.encode())
        self.adopt(header, envelope or header.unlock(password, self._log.describe(place)))

    def write(self, body):
        """Make body the newest record, durable on return."""
        self.counter += 1
        start = self.header + pack_uint(self.counter)
        self._log.append(Plain().seal(start + self.envelope.seal(body, b"m" + start), b"m"))
