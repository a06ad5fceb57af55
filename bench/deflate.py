"""Compression as the board does it, for runs on CPython: block sizes, and with them the flash costs, are the same.

The unix port compresses, in a process that is fed through a pipe.
"""
import subprocess
import zlib

SCRIPT = """
import sys, uzlib
while True:
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        break
    data = sys.stdin.buffer.read(head[0] << 8 | head[1])
    packed = uzlib.compress(data, (head[2] << 8 | head[3]) - 65536)
    sys.stdout.buffer.write(len(packed).to_bytes(2, "big") + packed)
"""


class Deflate:
    """Stands in for uzlib.compress while the context lasts. micropython: path of the unix port.

    packed, fixed: bytes it made so far, and bytes zlib would have made with fixed Huffman codes and the same window.
    """

    def __init__(self, micropython):
        self.packed = self.fixed = 0
        self._command = [str(micropython), "-c", SCRIPT]

    def __enter__(self):
        import uzlib

        self._uzlib, self._own = uzlib, uzlib.compress
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        uzlib.compress = self.compress
        return self

    def compress(self, data, wbits):
        """data: bytes-like below 64 KB. wbits: negative, as the engine uses it."""
        self._process.stdin.write(len(data).to_bytes(2, "big") + (wbits + 65536).to_bytes(2, "big") + bytes(data))
        self._process.stdin.flush()
        out = self._process.stdout
        packed = out.read(int.from_bytes(out.read(2), "big"))
        self.packed += len(packed)
        zip = zlib.compressobj(9, zlib.DEFLATED, wbits, 9, zlib.Z_FIXED)
        self.fixed += len(zip.compress(data) + zip.flush())
        return packed

    def __exit__(self, *error):
        self._uzlib.compress = self._own
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
