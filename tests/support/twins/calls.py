"""Calls _unosql and twin.py with the same arguments, whole and damaged ones; prints how many calls gave results. On MicroPython:

    micropython calls.py ROUNDS SEED
"""
import hashlib
import sys

import _unosql
from unosql import twin
from unosql.codec import pack_uint


WORK = memoryview(bytearray(_unosql.INFLATE_WORK))  # no bytearray: what it holds afterwards means nothing


class Segment:
    def __init__(self, packed):
        self.packed = packed


class Random:
    def __init__(self, seed):
        self._state = seed * 2654435761 & 0x7FFFFFFF

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % n

    def bytes(self, most, values=256):
        return bytes(self.below(values) for _ in range(self.below(most + 1)))

    def one(self, items):
        return items[self.below(len(items))]

    def key(self):
        return self.bytes(6, 2) if self.below(4) else self.bytes(3)

    def value(self):
        return None if self.below(5) == 0 else self.bytes(8) if self.below(8) else self.bytes(300)

    def damaged(self, data):
        """data, as a rule; or with a byte changed, or cut off."""
        data = bytearray(data)
        if data and self.below(4) == 0:
            data[self.below(len(data))] = self.below(256)
        if self.below(8) == 0:
            data = data[: self.below(len(data) + 1)]
        return bytes(data)


def outcome(module, name, args, alone=False):
    """What a call comes to, and, but if that alone is asked for, what it leaves in arguments that it may change."""
    args = [bytearray(a) if isinstance(a, bytearray) and not alone else a for a in args]
    try:
        result = getattr(module, name)(*args)
    except (ValueError, IndexError, OverflowError, OSError, EOFError):
        return ValueError
    if alone:
        return result
    return result, [bytes(a) for a in args if isinstance(a, bytearray)]


class Calls:
    def __init__(self, seed):
        self.rng = Random(seed)
        self.results = {}

    def both(self, name, *args):
        """What a call comes to, by both alike. A call that raises may have written what means nothing only where it says so."""
        one, other = outcome(_unosql, name, args), outcome(twin, name, args)
        if one != other:
            raise AssertionError("%s%r: C %r, Python %r" % (name, args, one, other))
        made, failed = self.results.get(name, (0, 0))
        self.results[name] = (made + (one is not ValueError), failed + (one is ValueError))
        return None if one is ValueError else one[0]

    def block(self):
        """Entries appended by both, sorted or not; and their keys."""
        rng = self.rng
        block, used, last, keys = bytearray(600), 0, b"", []
        for _ in range(rng.below(12)):
            key, value = rng.key(), rng.value()
            limit = rng.one((len(block), 600, used + rng.below(40), 1 << 20))
            end = self.both("append", block, used, last, key, value, limit)
            if end > 0:
                twin.append(block, used, last, key, value, limit)
                used, last = end, key
                keys.append(key)
        return bytes(block[:used]), keys

    def index_block(self):
        rng, block, used, last, keys = self.rng, bytearray(600), 0, b"", [b""]
        for key in sorted(set(rng.key() for _ in range(rng.below(9)))) or [b""]:
            value = pack_uint(rng.one((3, 300, 70000, 1 << 33))) + pack_uint(rng.below(3000))
            used, last = twin.append(block, used, last, key, value, 600), key
            keys.append(key)
        return bytes(block[:used]), keys

    def blocks(self):
        rng = self.rng
        block, keys = self.block()
        block = rng.damaged(block)
        key, i = b"", 0
        while i < len(block):
            got = self.both("entry", block, i, key)
            if not got:
                break
            key, _, i = got
        self.both("entry", block, rng.below(700), key)
        self.both("seek", block, rng.one(keys) if keys and rng.below(3) else rng.key())
        block, keys = self.index_block()
        block = rng.damaged(block)
        lo = rng.one(keys) if rng.below(3) else rng.key()
        self.both("children", block, lo, rng.one((None, rng.key(), lo + b"\0")), bool(rng.below(2)), 1 + rng.below(4))

    def meta(self):
        rng = self.rng
        low, high = sorted((rng.key(), rng.key()))
        bloom = bytearray(rng.one((0, 0, 3, 40)))
        for key in (low, high):
            if bloom:
                twin.note(bloom, key)
        packed = b"\5stag1" + bytes(4)
        for n in (rng.one((0, 250, 1 << 40)), rng.below(3000), rng.below(3), rng.below(100000)):
            packed += pack_uint(n)
        top, gaps = rng.one((b"", self.index_block()[0])), b""
        for key in sorted(set(rng.key() for _ in range(2 * rng.below(3)))):
            gaps += pack_uint(len(key)) + key
        for part in (low, high, bytes(bloom), top, gaps)[: rng.one((3, 5, 5))]:
            packed += pack_uint(len(part)) + part
        packed = rng.damaged(packed)
        floor = rng.one((None, None, rng.key(), low, high))
        key, hi = rng.one((low, high, rng.key(), low + b"\0", (floor or b"") + b"\0")), rng.one((None, rng.key(), low, high, (floor or b"") + b"\0"))
        for n in range(5):
            self.both("part", packed, n)
        self.sealed_meta(packed)
        if self.both("root", packed) is None:
            return
        self.both("overlaps", packed, floor, key, hi)
        self.both("get", packed, floor, key, None)
        block, keys = self.block()
        for _ in range(2):
            index, leaf = rng.damaged(self.index_block()[0]), rng.damaged(block)
            key = rng.one(keys) if keys and rng.below(3) else key
            self.both("get", packed, floor, key, lambda offset, size: leaf if offset % 2 else index)
        segments = [Segment(packed) for _ in range(rng.below(4))] + [Segment(rng.damaged(packed)) for _ in range(rng.below(2))]
        self.both("bisect", segments, key)

    def sealed_meta(self, packed):
        """The meta block of a file of 700 bytes, and of it so many of the last ones; whole or damaged."""
        rng = self.rng
        meta = packed[5 + packed[0] :] if packed and len(packed) > 5 + packed[0] else packed
        offset = 700 - 11 - 8 - len(meta)
        blob = meta + twin.checksum(meta, b"s123" + b"saltsalt" + (offset & 0xFFFFFFFF).to_bytes(4, "big"))
        file = blob + b"saltsalt" + len(blob).to_bytes(2, "big") + b"Q"
        for end in (file, file[-rng.one((5, 30, 700)) :], rng.damaged(file)):
            self.both("meta", None, memoryview(end), b"s123", rng.one((700, 700, 700, len(end), 20)))

    def memtable(self):
        rng = self.rng
        arena, places, count, used, keys = bytearray(800), bytearray(2 * 40), 0, 0, []
        for _ in range(rng.below(20)):
            key, value = rng.key(), rng.value()
            entry = pack_uint(len(key)) + pack_uint(0 if value is None else len(value) + 1) + key + (value or b"")
            if used + len(entry) > len(arena):
                break
            arena[used : used + len(entry)] = entry
            got = self.both("place", arena, places, count, used)
            count, used = twin.place(arena, places, count, used), used + len(entry)
            assert got == count
            keys.append(key)
        arena = bytes(arena)
        if rng.below(3) == 0:
            arena = rng.damaged(arena[:used])
        key = rng.one(keys) if keys and rng.below(3) else rng.key()
        self.both("lookup", arena, bytes(places), count, key)
        self.both("search", arena, bytes(places), count, key)
        self.both("decode", arena, rng.below(used + 1))

    def merged(self):
        """Sources merged by both: the same events, and the same blocks."""
        rng = self.rng
        count, questions = 1 + rng.below(4), rng.below(3)
        one, other = _unosql.Merge(count, questions), twin.Merge(count, questions)
        known = {}
        limit, bloom = rng.one((60, 200)), rng.one((None, None, bytearray(9)))
        blocks, used = (bytearray(limit), bytearray(limit)), 0
        drops = rng.one((2, 2, 40))
        for _ in range(rng.below(250)):
            stop = None if rng.below(8) else rng.key()
            due, mortal = rng.one((1 << 20, rng.below(200), -1)), rng.one((known, known, None))
            blooms = [bloom and bytearray(bloom) for _ in range(2)]
            events = [outcome(merge, "run", (blocks[i], used, limit, due, stop, mortal, blooms[i]), True) for i, merge in enumerate((one, other))]
            said = [(merge.key, merge.cut, merge.last, merge.used, merge.entries, merge.left_out) for merge in (one, other)]
            if events[0] != events[1] or said[0] != said[1] or blocks[0] != blocks[1] or blooms[0] != blooms[1]:
                raise AssertionError("Merge.run: C %r, Python %r" % ((events[0], said[0]), (events[1], said[1])))
            what, used, bloom = events[0], one.used, blooms[0]
            if what is ValueError:  # a key that has no numbers
                one.decide(True)
                other.decide(True)
                continue
            self.note("Merge_feeds" if what >= 0 else "Merge%d" % max(what, -8))
            if what <= -8:
                if not rng.below(4):
                    return  # it stays damaged
                what = -8 - what
            elif what == -7:
                what = rng.below(count)  # any other may as well go on
            if what >= 0:
                args = self.source()
                one.feed(what, *args)
                other.feed(what, *args)
            elif what == -1:
                if one.number != other.number:
                    raise AssertionError("Merge.number: C %r, Python %r" % (one.number, other.number))
                known[one.number] = rng.one(((0,), (1 << 62,), (3, 1, 2), (1 << 40, 1)))
            elif what == -5:
                if one.need != other.need:
                    raise AssertionError("Merge.need: C %r, Python %r" % (one.need, other.need))
                if not used:
                    blocks = bytearray(one.need), bytearray(one.need)
                used = 0
            answer = what < -1 and rng.below(drops) != 0
            if -4 <= what < 0:
                one.decide(answer)
                other.decide(answer)

    def source(self):
        """What is fed to a Merge: nothing, a block, or operations; their keys in order, as a rule, or damaged."""
        rng = self.rng
        keys = sorted(set(rng.key() if rng.below(3) else rng.one((b"H", b"I", b"R", b"S", b"T")) + rng.bytes(3, 4) for _ in range(rng.below(9))))
        low = b"" if rng.below(4) else rng.key()
        if rng.below(4) == 0:
            return ()
        data, last, places = bytearray(2000), b"", bytearray()
        used = 0
        for key in keys:
            value = rng.one((None, b"", rng.bytes(90), bytes((rng.below(4), rng.below(9)))))
            used, last = twin.append(data, used, last, key, value, 2000), key
        if rng.below(2):
            return low, rng.damaged(data[:used]) if rng.below(3) == 0 else bytes(data[:used]), None, 0
        used = 0
        for key in keys:
            entry = pack_uint(len(key)) + rng.one((b"\0" + key, b"\3" + key + b"\1\2"))
            places += bytes((used >> 8, used & 255))
            data[used : used + len(entry)] = entry
            used += len(entry)
        arena = rng.damaged(data[:used]) if rng.below(3) == 0 else bytes(data[:used])
        return low, arena, bytes(places or b"\0\0"), len(keys)

    def note(self, name):
        made, failed = self.results.get(name, (0, 0))
        self.results[name] = made + 1, failed

    def others(self):
        rng = self.rng
        self.both("checksum", rng.bytes(150), rng.bytes(30))
        text = "".join(rng.one(("a", "\xe4", "\u20ac", "\U0001f600", "bc")) for _ in range(rng.below(9))).encode()
        text = rng.damaged(text if rng.below(3) else text + rng.bytes(8))
        self.both("is_ascii", text)
        self.both("flaw", text, rng.below(len(text) + 1))
        numbers = rng.damaged(b"".join(pack_uint(rng.one((0, 240, 241, 2288, 67824, 1 << 31, 1 << 40)) + rng.below(9)) for _ in range(4)))
        self.both("unpack_uint", numbers, rng.below(len(numbers) + 1), 1 + rng.below(4))
        self.sealed()
        self.deltas()
        tags = rng.bytes(60, 2)
        wanted = rng.below(2) | rng.below(2) << 8 | rng.below(2) << 16 | rng.below(2) << 24
        self.both("tag", bytearray(tags), rng.one((wanted, wanted, wanted, None)), rng.below(20))
        self.headers()

    def headers(self):
        """Of a small flash: blocks of files and logs, of other databases, removed, torn."""
        rng = self.rng
        heads = [self.header() for _ in range(1 + rng.below(12))]
        logs = []

        def read(block, head, offset):
            head[:] = heads[block]

        def found(*log):
            logs.append(log)

        words = 4 * len(heads)
        tags = self.both("scan", read, bytearray(32), bytearray(words), bytearray(words), 7, found)
        assert tags is not None and logs[: len(logs) // 2] == logs[len(logs) // 2 :]
        known = bytearray(b"".join(rng.one((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x40\0\0\0")) for _ in heads))
        self.both("scan", read, bytearray(32), known, None, 7, None)
        self.both("header", read, bytearray(32), rng.below(len(heads)))

    def header(self):
        rng = self.rng
        if rng.below(5) == 0:
            return b"\xff" * 32
        number, birth = rng.one((0, 1, 1, 2, 3, 0x3FFFFFE, 0x3FFFFFF, 0xFFFFFFFF)), 1 + rng.below(3)
        index = rng.one((0, 0, 1, 2, 63, 64))
        words = (rng.one((7, 7, 7, 8)), number, birth if index == 0 else rng.below(9), birth)
        head = b"U1" + rng.one((b"s", b"s", b"s", b"w", b"m", b"x")) + bytes((index,)) + b"".join(n.to_bytes(4, "little") for n in words)
        head += hashlib.sha256(head).digest()[:4] + b"\xff" * 4 + rng.one((b"\xff" * 4, b"\xff" * 4, bytes(4)))
        return (rng.damaged(head) + b"\xff" * 32)[:32] if rng.below(4) == 0 else head

    def deltas(self):
        rng = self.rng
        base = rng.bytes(260, 3)
        data = base[rng.below(260) :] + rng.bytes(60, 4)
        self.both("encode_delta", base + data, len(base))

    def sealed(self):
        """Of a block with a checksum: deflated or not, whole or damaged, before or after it was sealed."""
        rng = self.rng
        data = rng.bytes(200, 3)
        stream = twin.uzlib.compress(data, -9) + bytes((len(data) >> 8, len(data) & 255, 1)) if rng.below(2) else data + b"\0"
        block = rng.damaged(stream) if rng.below(3) == 0 else stream
        blob = rng.damaged(block + twin.checksum(block, b"s123\0\0\3\4"))
        self.both("unseal", None, blob, b"s123\0\0\3\4")
        one, other = [outcome(module, "unpack", (None, blob, b"\4s123", 772, bytearray(rng.one((150, 300))), WORK)) for module in (_unosql, twin)]
        if one is ValueError and block is not stream:
            return  # uzlib refuses less of what somebody else has sealed
        same = one is other if ValueError in (one, other) else bytes(one[0]) == bytes(other[0])
        if not same:
            raise AssertionError("unpack(%r): C %r, Python %r" % (blob, one, other))


def main(rounds, seed):
    calls = Calls(int(seed))
    for _ in range(int(rounds)):
        calls.blocks()
        calls.meta()
        calls.memtable()
        calls.merged()
        calls.others()
    for name in sorted(calls.results):
        print(name, *calls.results[name])


main(*sys.argv[1:])
