"""Compression, in our images; wbits: -15..-5 raw deflate, 5..15 zlib, 21..31 gzip (window wbits - 16)."""
from typing import IO, Any

def compress(data: bytes | bytearray | memoryview, wbits: int = 10) -> bytes: "ValueError: wbits out of range."
def decompress(data: bytes | bytearray | memoryview, wbits: int = 0, bufsize: int = 0) -> bytes:
    """wbits: 0 takes a zlib or gzip header at its word. bufsize: the most bytes to return, allocated at once.
    ValueError: not such a stream, damaged or cut off."""

class DecompIO:
    """A readable stream over a stream of compressed bytes. Reading raises OSError or EOFError on damage."""
    def __init__(self, stream: IO[bytes] | Any, wbits: int = 0) -> None: ...
    def read(self, size: int = -1, /) -> bytes: ...
    def readinto(self, buf: Any, /) -> int: ...
    def readline(self, size: int = -1, /) -> bytes: ...
