"""A version of the tree: which segments live at which level, and up to where the WAL is in them.

Versions are values, as in LevelDB (db/version_set.h): whatever changes the tree makes a new one beside the old, and
Store.install() writes it before it is the current one. Body on flash: v(wal) v(next file) digest (16) v(levels), then for
each level v(segments), and for each segment v(number) v(len(floor)) floor. On raw flash, where blocks don't tell it, the
database's name is behind that.
"""

import hashlib

from ..codec import pack_uint
from ..native import native

_DIGEST = 16


class Version:
    """wal: the WAL's counter up to which all is in segments. levels: list of lists of Segments (level 0 newest first,
    deeper ones by key). Neither they nor the segments' floors ever change."""

    def __init__(self, wal=0, levels=None):
        self.wal = wal
        self.levels = levels or [[]]
        self._sizes = ()
        self._count = None

    def at(self, wal):
        """The same tree, with the WAL in it up to a counter."""
        return Version(wal, self.levels)

    def flushed(self, segment):
        """With a new segment in level 0."""
        return self._with({0: [segment] + self.levels[0]})

    def without(self, gone):
        """Without some segments."""
        return Version(self.wal, [[s for s in level if s not in gone] for level in self.levels])

    def moved(self, level, segments):
        """With segments of a level in the next one, where they overlap nothing."""
        rest = [s for s in self.levels[level] if s not in segments]
        return self._with({level: rest, level + 1: _sorted(self._level(level + 1) + segments)})

    def merged(self, target, inputs, output, done):
        """What a merge has come to: return (version, the inputs that are left in it, those that are gone).

        inputs: segments of the level target and of the one above. output: the Segment at target that has taken over all
        their keys up to its last, or None. done: they have no others.
        """
        left, gone, heirs = [], [], {}
        for s in inputs:
            if done or s.max <= output.max:
                gone.append(s)
            else:
                heirs[s.number] = s.above(output.max) if s.low <= output.max else s
                left.append(heirs[s.number])
        levels = {}
        for level in (target - 1, target):
            kept = [heirs.get(s.number, s) for s in self._level(level) if s not in gone]
            levels[level] = kept if not output or level != target else _sorted(kept + [output])
        return self._with(levels), left, gone

    def _level(self, level):
        return self.levels[level] if level < len(self.levels) else []

    def _with(self, changed):
        count = max(len(self.levels), max(changed) + 1)
        return Version(self.wal, [changed.get(level, self._level(level)) for level in range(count)])

    def size(self, level):
        """Bytes of a level's segments. They are asked for at each write."""
        if not self._sizes:
            self._sizes = [bytes_of(segments) for segments in self.levels]
        return self._sizes[level]

    @property
    def count(self):
        """How many entries the segments have, dead ones included. Writes ask for it."""
        if self._count is None:
            self._count = sum(s.count for s in self.segments())
        return self._count

    def segments(self):
        """Yield every live segment."""
        for level in self.levels:
            yield from level

    def holders(self, key):
        """Yield the segments that may hold a key, newest first."""
        yield from self.levels[0]
        yield from self.holders_below(0, key)

    def holders_below(self, level, key):
        """Yield those of the levels below one."""
        for level in self.levels[level + 1 :]:
            i = native.bisect(level, key)
            yield from level[i : i + 1]

    def encode(self, next_file):
        """Return the body. next_file: above every number ever used."""
        body = pack_uint(self.wal) + pack_uint(next_file)
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
        for segment in self.segments():
            total.update(segment.tag)
        return total.digest()[:_DIGEST]


def bytes_of(segments):
    return sum(s.size for s in segments)


def decode(body, open_segment):
    """Return (Version, next file, whether the segments are those that the body names). open_segment: (number, floor) -> Segment."""
    wal, next_file, i = native.unpack_uint(body, 0, 2)
    digest = body[i : i + _DIGEST]
    count, i = native.unpack_uint(body, i + _DIGEST)
    levels = []
    for _ in range(count):
        level, i = _decode_level(body, i, open_segment)
        levels.append(level)
    version = Version(wal, levels)
    return version, next_file, digest == version.digest()


def name_in(body):
    """Return the database's name in a body, or "": an earlier edition wrote none."""
    count, i = native.unpack_uint(body, native.unpack_uint(body, 0, 2)[2] + _DIGEST)
    for _ in range(count):
        _, i = _decode_level(body, i, lambda *_: None)
    return body[i:].decode()


def _decode_level(body, i, open_segment):
    level = []
    count, i = native.unpack_uint(body, i)
    for _ in range(count):
        number, size, i = native.unpack_uint(body, i, 2)
        level.append(open_segment(number, body[i : i + size] or None))
        i += size
    return level, i


def _sorted(segments):
    return sorted(segments, key=lambda s: s.low)
