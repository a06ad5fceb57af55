"""The codec of _unosql compiled for this machine: as a library, and as a program that runs it beside zlib and uzlib."""
import ctypes
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from firmware import deps, fetch, paths  # noqa: E402

FOLDER = Path(__file__).resolve().parent
SOURCES = ROOT / "boards" / "common" / "usermods" / "unosql"
WARNINGS = ("-std=gnu99", "-Wall", "-Wextra", "-Wconversion", "-Wpointer-arith", "-Wsign-compare", "-Werror")
SANITIZERS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CODEC = ("deflate.c", "inflate.c")


def _compiled(ending, options, files, libraries=()):
    """Path of what gcc makes of files, made once for each change of what goes in."""
    tree = fetch.source().path
    command = ["gcc", *WARNINGS, *options, "-I", str(SOURCES), "-isystem", str(tree), *map(str, files), *libraries]
    inputs = [*files, *SOURCES.glob("*.h")]
    key = hashlib.sha256(repr(command).encode() + b"".join(Path(file).read_bytes() for file in inputs)).hexdigest()[:16]
    made = paths.BUILD / "codec" / (key + ending)
    if not made.exists():
        deps.ensure("unix")
        made.parent.mkdir(parents=True, exist_ok=True)
        draft = made.with_suffix(".%d" % os.getpid())  # tests may run side by side
        subprocess.run([*command, "-o", str(draft)], check=True)
        draft.rename(made)
    return made


def fuzzer():
    """Path of the program of fuzz.c, under AddressSanitizer and UBSan. It needs zlib's headers."""
    deps.ensure("codec checks")
    return _compiled("", SANITIZERS, [FOLDER / "fuzz.c", *(SOURCES / name for name in CODEC)], ["-lz"])


class Codec:
    """deflate() and inflate() of bytes, by the C of the images."""

    def __init__(self):
        made = _compiled(".so", ("-Os", "-shared", "-fPIC"), [SOURCES / name for name in CODEC])
        self._c = ctypes.CDLL(str(made))
        self._c.unosql_deflate.restype = self._c.unosql_inflate.restype = ctypes.c_ssize_t
        self._work = ctypes.create_string_buffer(2048)

    def _call(self, function, data, room):
        target = ctypes.create_string_buffer(room or 1)
        size = function(data, ctypes.c_size_t(len(data)), target, ctypes.c_size_t(room), self._work)
        return size, target.raw[: max(size, 0)]

    def deflate(self, data):
        """The raw stream of data (bytes)."""
        return self._call(self._c.unosql_deflate, data, 2 * len(data) + 10)[1]

    def inflate(self, stream, room):
        """What a raw stream says, room bytes of it at the most. ValueError: it is none."""
        size, data = self._call(self._c.unosql_inflate, stream, room)
        if size < 0:
            raise ValueError("not a deflate stream")
        return data
