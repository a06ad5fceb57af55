"""The manifest: a two-slot log of the versions of the tree (version.py).

One sealed record a version. The whole record with the highest counter is the truth; the other slot is the one that the
next version overwrites, so that a torn write loses nothing.
"""

from ..codec import pack_uint
from ..native import native
from ..errors import CorruptionError
from .envelope import Plain
from .header import VERSION, create, decode


class Manifest:
    """Finds the newest record, and writes the next one. version: the Version that is durable, and current but for a batch's draft.
    is_old: what find() found is of an earlier format version.

    A record is header v(counter) sealed body, with a checksum around all of it: whether a record is whole
    must be known before its key is, or a write torn while rekeying would look like a wrong key.
    """

    is_old = False  # in the class: RAM

    def __init__(self):
        self._log = None
        self._known = {}  # the envelopes unlocked or adopted so far: two after a rekeying that may have failed
        self.counter = 0
        self.header = None  # as bytes
        self.envelope = None
        self.version = None

    def create(self, password, iterations):
        """Start a new database's manifest."""
        self.adopt(*create(password, iterations))

    def adopt(self, header, envelope):
        """Write under this header (a Header) from now on."""
        self.header, self.envelope = header.encode(), envelope
        self._known[self.header] = envelope

    def forget(self):
        """Wipe the keys: nothing can be read or written any more."""
        for envelope in self._known.values():
            envelope.forget()

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
                if log.in_order:
                    break  # those that came before have lower counters
        if newest is None:
            self._log.resume(None, 0)
            return None
        self.counter, header, start, sealed, place = newest
        self.is_old = start[2] < VERSION
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
        counter, i = native.unpack_uint(record, size)
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

    def write(self, version, next_file):
        """Make a version the newest record, durable on return. next_file: above every number ever used."""
        body = version.encode(next_file) + getattr(self._log, "name", b"")
        self.counter += 1
        start = self.header + pack_uint(self.counter)
        self._log.append(Plain().seal(start + self.envelope.seal(body, b"m" + start), b"m"))
