"""Random calls on a flash in RAM, by the C or by the Python twin; prints a digest of the flash after every hundred. On MicroPython:

    micropython trace.py c|python KEY|- CALLS SEED

Salts, clock and seed are given: whatever differs between two runs is what the twins do differently.
"""
import hashlib
import sys

from unosql import native, twin
from unosql.core import Unosql
from unosql.kv import header, writer

BLOCK, BLOCKS = 4096, 64


class Salts:
    """Stands in for os."""

    def __init__(self):
        self._n = 0

    def urandom(self, size):
        self._n += 1
        return bytes((self._n * 31 + i * 7) & 255 for i in range(size))


class Ram:
    """Raw flash, as norflash gives it."""

    def __init__(self):
        self.image = bytearray(b"\xff" * (BLOCK * BLOCKS))

    def readblocks(self, block, buf, offset=0):
        start = block * BLOCK + offset
        buf[:] = self.image[start : start + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        start = block * BLOCK + offset
        self.image[start : start + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 6:
            self.image[arg * BLOCK : (arg + 1) * BLOCK] = b"\xff" * BLOCK
        return {4: BLOCKS, 5: BLOCK}.get(op, 0)


class Random:
    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % n


class Trace:
    def __init__(self, key, seed):
        self.flash, self.key, self.rng = Ram(), key, Random(seed)
        self.clock = 800000000
        self.open()
        self.db.create_index("a", "name")
        self.db.configure("ring", capped=50)

    def open(self):
        self.db = Unosql("twins", self.key, 1000, "NONE", storage=self.flash, memtable=2048)
        self.db._database._catalog.clock = self.now

    def now(self):
        return self.clock

    def record(self):
        rng = self.rng
        return {"name": "name%d" % rng.below(60), "text": "abc def " * rng.below(12) + "%x" % rng.below(1 << 20)}

    def step(self):
        self.clock += 1
        rng, what = self.rng, self.rng.below(40)
        if what < 20:
            self.db.insert("a", self.record())
        elif what < 30:
            self.db.insert("ring", self.record())
        elif what < 35:
            self.db.update("a", "name", "name%d" % rng.below(60), {"text": "changed %d" % rng.below(1000)})
        elif what < 38:
            self.db.delete("a", "name", "name%d" % rng.below(60))
        elif what == 38:
            self.db.find("a", "name", "name%d" % rng.below(60))
        elif rng.below(4) == 0:
            self.db.close()
            self.open()
        else:
            with self.db.transaction():
                for _ in range(rng.below(30)):
                    self.db.insert("a", self.record())
                self.db.delete("a", "name", "name%d" % rng.below(60))


def main(engine, key, calls, seed):
    if native.native is twin:
        raise ValueError("this image has no C")
    if engine == "python":
        users = [module for module in sys.modules.values() if hasattr(module, "native")]
        assert len(users) > 5, users
        for module in users:
            module.native = twin
    header.os = writer.os = Salts()
    trace = Trace(None if key == "-" else key.encode(), int(seed))
    for n in range(1, int(calls) + 1):
        trace.step()
        if n % 100 == 0:
            print(n, "".join("%02x" % b for b in hashlib.sha256(trace.flash.image).digest()[:8]))


main(*sys.argv[1:])
