"""What is left of a damaged database, piece by piece: header, manifest, WAL batches, entries of segments.

Only what its checksum or MAC vouches for is given out. What is missing is listed in `losses`.
"""
from typing import NamedTuple

from . import engine, images  # noqa: F401
from .block_search import carve, leaves
from .terminal import Failure, shown
from unosql.kv import header as headers
from unosql.twin import unpack_uint
from unosql.kv.wal import apply_delta
from unosql.kv.envelope import Plain
from unosql.errors import CorruptionError
from unosql.kv.version import decode
from unosql.kv.memtable import decode_entry
from unosql.kv.segment import file_aad

_TRAILER, _SALT = 11, 8
_FIRST, _DELTA, _BASE, _FOLLOW = 0x80, 0x40, 0x20, 0x1F
_FARTHEST = 255  # bytes of a base that count
_NEWEST = 1 << 48  # rank of the WAL's first record; all segments are older
_TRUSTED = 1 << 24  # rank of the newest segment
DEAD = -(1 << 24)  # rank of what the manifest says is of no use any more


class File(NamedTuple):
    """A segment. prefix: of its blocks' associated data, without the salt. start: where its blocks start."""

    label: str
    number: int
    data: bytes
    prefix: bytes
    start: int = 0
    floor: bytes | None = None
    rank: int | None = None


class Record(NamedTuple):
    """A manifest record that is whole. start, sealed: its two parts."""

    counter: int
    header: object
    start: bytes
    sealed: bytes


class _Named:
    """What a manifest says of a segment."""

    tag = b""

    def __init__(self, number, floor):
        self.number, self.floor = number, floor


def manifests(storage):
    """Return ([Record], newest first, how many places hold none that is whole)."""
    found, damaged = [], 0
    log = storage.log(b"m")
    for place in log.places():
        try:
            record = Plain().unseal(log.read(place), b"m")
            header, size = headers.decode(record, log.describe(place))
            counter, i = unpack_uint(record, size)
            if header.salt is None:
                Plain().unseal(record[i:], b"m" + record[:i])  # see FORMAT.md: the outer checksum alone is not enough
            found.append(Record(counter, header, record[:i], record[i:]))
        except (ValueError, IndexError, OSError, CorruptionError):
            damaged += 1
    return sorted(found, key=lambda record: -record.counter), damaged


class Remains:
    """source: a Source. key: bytes or None. like: path of a backup of the same database, for a header that is gone.

    trusted: the newest manifest is there, so that what is newer and what is dead can be told.
    losses: lines. Raises Failure, WrongKeyError.
    """

    def __init__(self, source, key, like=None):
        self._source = source
        self.losses = []
        self._dead = []
        self._version = None
        if source.kind == "backup":
            self._open_backup(key)
        else:
            self._open_storage(key, like)
        self.trusted = self._is_trusted()

    def _open_backup(self, key):
        with open(self._source.path, "rb") as file:
            data = file.read()
        header, size = headers.decode(data[:64], self._source.label)
        start = data[: size + 8]
        try:
            Plain().unseal(start, b"b")
        except ValueError:
            raise Failure("%s: the header is damaged, and without it nothing can be read" % shown(self._source.label)) from None
        self.envelope = header.unlock(key, self._source.label)
        self._storage = None
        self._files = [File(self._source.label, 0, data, b"b" + start, len(start), rank=0)]

    def _open_storage(self, key, like):
        self._storage = self._source.storage()
        self._storage.open()
        records, damaged = manifests(self._storage)
        if damaged:
            self.losses.append("%d of %d manifest records are damaged" % (damaged, damaged + len(records)))
        if not records:
            self.losses.append("no manifest record is left: old and new, live and dead are told by change numbers only")
        self.envelope = self._unlock(records[0].header if records else None, key, like)
        self._files = list(self._flash_files() if self._source.kind == "flash" else self._storage_files())
        if records and not damaged:
            self._read_version(records[0])

    def _unlock(self, header, key, like):
        if header is None and like:
            from .database import header_of

            header = header_of(like)
        if header is None and key is not None:
            raise Failure("%s: the manifest is gone and with it the key's salt; it can be had from a backup of this "
                          "database: --like BACKUP" % shown(self._source.label))
        return header.unlock(key, self._source.label) if header else Plain()

    def _read_version(self, record):
        try:
            body = self.envelope.unseal(record.sealed, b"m" + record.start)
        except ValueError:
            self.losses.append("the manifest does not verify")
            return None
        self._version, self._next_file, _ = decode(body, _Named)

    # -- segments

    def _storage_files(self):
        for number in sorted(self._storage.numbers()):
            try:
                data = bytearray(self._storage.size(number))
                got = self._storage.readinto(number, 0, data)
                yield File(self._storage.describe(number), number, bytes(data[:got]), file_aad(number))
            except OSError as error:
                self.losses.append("%s cannot be read: %s" % (self._storage.describe(number), error))

    def _flash_files(self):
        """Files of raw flash by the headers of their blocks, those without their first block included."""
        files = {}
        for block in images.blocks(self._source.data):
            if block.live and block.kind == "s" and block.database == self._source.database:
                files.setdefault((block.number, block.birth), {})[block.index] = block
        for (number, _), parts in sorted(files.items()):
            if 0 not in parts or parts[0].size != 0xFFFFFFFF:  # else: never completed
                yield self._joined(number, parts)

    def _joined(self, number, parts):
        payload = images.ERASE - images.HEAD
        size = parts[0].size if 0 in parts else None
        count = max(parts) + 1 if size is None else -(-size // payload)
        data = b""
        label = self._storage.describe(number)
        for index in range(count):
            if index in parts:
                at = parts[index].at
                data += self._source.data[at + images.HEAD : at + images.ERASE]
            else:
                self.losses.append("%s: erase block %d of it is gone" % (label, index))
                data += bytes(payload)
        return File(label, number, data.rstrip(b"\xff") if size is None else data[:size], file_aad(number))

    def _is_trusted(self):
        """Whether the manifest is the newest. Gives the files it names their ranks and floors."""
        if self._storage is None:
            return True
        if not self._version:
            return False
        named = {}
        for depth, level in enumerate(self._version.levels):
            for i, segment in enumerate(level):
                named[segment.number] = (_TRUSTED - i if not depth else -depth, segment.floor)
        missing = set(named) - {file.number for file in self._files}
        self.losses += ["%s is gone" % self._storage.describe(number) for number in sorted(missing)]
        if missing and any(file.number >= self._next_file for file in self._files):
            return False  # a newer one named those
        self._files = [f._replace(rank=named[f.number][0], floor=named[f.number][1]) if f.number in named else f
                       for f in self._files]
        return True

    def sizes(self):
        """[(label, bytes)] of the segments."""
        return [(file.label, len(file.data)) for file in self._files]

    def entries(self, tell=lambda done: None):
        """Yield (key, value or None, rank) of all live segments. tell is called with the bytes done."""
        done = 0
        for file in self._files:
            if not self.trusted or file.rank is not None:
                yield from self._live_entries(file)
            done += len(file.data)
            tell(done)

    def _live_entries(self, file):
        for key, value in self._entries_of(file):
            if not self.trusted:
                yield key, value, 0
            elif file.floor is None or key > file.floor:
                yield key, value, file.rank
            else:
                self._dead.append((key, value, DEAD))

    def dead(self):
        """Yield (key, value or None, DEAD) of what entries() has left out: merged elsewhere, or never published."""
        yield from self._dead
        losses = list(self.losses)
        for file in self._files:
            if self.trusted and file.rank is None:
                for key, value in self._entries_of(file):
                    yield key, value, DEAD
        self.losses = losses

    def _entries_of(self, file):
        end = len(file.data) - _TRAILER
        if end <= file.start or file.data[-1:] != b"Q":
            self.losses.append("%s: its end is gone, and with it the salt that %d bytes would verify by" % (
                file.label, len(file.data)))
            return
        trailer = file.data[end:]
        meta = int.from_bytes(trailer[_SALT : _SALT + 2], "big")
        stop = max(end - meta, file.start)
        blocks, gaps = carve(file.data, file.start, stop, file.prefix + trailer[:_SALT], self.envelope)
        for lo, hi in gaps:
            self.losses.append("%s: %d bytes at offset %d do not verify" % (file.label, hi - lo, lo))
        for block in leaves(blocks, gaps):
            yield from block.entries()

    # -- WAL

    def logged(self):
        """Yield (key, value or None, rank) of the complete batches of the WAL, oldest first."""
        if self._storage is None:
            return
        after = self._version.wal if self.trusted else 0
        records = self._wal_records(after)
        if self.trusted and records:
            missing = set(range(after + 1, max(records) + 1)) - set(records)
            if missing:
                self.losses.append("WAL records are missing: %s" % ", ".join(map(str, sorted(missing)[:20])))
        for counter, batch in self._decoded(_batches(records)):
            i = 0
            while i < len(batch):
                key, value, i = decode_entry(batch, i)
                yield key, value, _NEWEST + counter if self.trusted else 0

    def _decoded(self, batches):
        """Yield (counter, batch), where deltas were. Those whose base is missing are lost."""
        last, base = 0, b""
        for first, counter, flag, batch in batches:
            if first != last + 1 and not self.trusted:
                base = b""  # what is missing may have been another one
            last = counter
            if flag & _BASE:
                base = batch[-_FARTHEST:]
            if flag & _DELTA:
                try:
                    batch = apply_delta(base, batch)
                except (ValueError, IndexError):
                    self.losses.append("WAL record %d: what it is the difference to is missing" % first)
                    continue
            yield counter, batch

    def _wal_records(self, after):
        """{counter: (flag, fragment)} of the records that verify."""
        log, found, damaged = self._storage.log(b"w"), {}, 0
        for place in log.places():
            try:
                record = self.envelope.unseal(log.read(place), b"w")
                counter, i = unpack_uint(record, 0)
                if counter > after:
                    found[counter] = record[i], record[i + 1 :]
            except (ValueError, OSError, IndexError):
                damaged += 1
        if damaged:
            self.losses.append("%d WAL records do not verify; one may be a write that was never completed" % damaged)
        return found


def _batches(records):
    """Yield (first counter, last one, flag, batch) of those whose records are all there."""
    parts, left = [], -1
    for counter in sorted(records):
        flag, fragment = records[counter]
        follow = flag & _FOLLOW
        if flag & _FIRST:
            first, parts, left = counter, [], follow + 1
        if counter - 1 not in records and not flag & _FIRST or follow != left - 1:
            parts, left = [], -1
            continue
        parts.append(fragment)
        left -= 1
        if not left:
            yield first, counter, records[first][0], b"".join(parts)
            left = -1
