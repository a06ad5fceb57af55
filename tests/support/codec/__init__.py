"""The C of _unosql compiled for this machine: as libraries, and as programs that run the codec beside zlib, and read damaged entries."""
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
    inputs = [*files, *SOURCES.glob("*.h"), *FOLDER.rglob("*.h")]
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


def entries_fuzzer():
    """Path of the program of entries.c, which takes merge.c, too, under AddressSanitizer and UBSan."""
    return _compiled("", SANITIZERS, [FOLDER / "entries.c", SOURCES / "entries.c", SOURCES / "merge.c"])


def delta_fuzzer():
    """Path of the program of delta.c, under AddressSanitizer and UBSan."""
    return _compiled("", SANITIZERS, [FOLDER / "delta.c", SOURCES / "delta.c", *(SOURCES / name for name in CODEC)])


def headers_fuzzer():
    """Path of the program of headers.c, under AddressSanitizer and UBSan."""
    return _compiled("", SANITIZERS, [FOLDER / "headers.c", SOURCES / "headers.c"])


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


_BYTES, _SIZE = ctypes.c_char_p, ctypes.c_size_t
_DAMAGED = "damaged entries"


class _Span(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", _SIZE)]

    @classmethod
    def of(cls, data):
        """Of bytes-like data, None: of nothing. It keeps a copy."""
        if data is None:
            return cls(None, 0)
        kept = bytes(data)
        span = cls(ctypes.cast(kept, ctypes.c_void_p), len(kept))
        span.kept = kept
        return span

    def bytes(self):
        return ctypes.string_at(self.start, self.size)


class _Entry(ctypes.Structure):
    _fields_ = [("shared", _SIZE), ("rest", _Span), ("value", _Span), ("is_deletion", ctypes.c_bool)]


class _Meta(ctypes.Structure):
    _fields_ = [("numbers", ctypes.c_uint64 * 4), ("parts", _Span * 5)]


class _Child(ctypes.Structure):
    _fields_ = [("offset", ctypes.c_uint64), ("size", ctypes.c_uint64), ("at", _SIZE)]


class _Children(ctypes.Structure):
    _fields_ = [("found", _Child * 4), ("count", ctypes.c_uint), ("more", ctypes.c_bool), ("more_at", _SIZE)]


class Entries:
    """What modunosql.c makes of entries.c: stands in for `native` of kv. ValueError: damaged.

    Functions that it lacks are the twin's; tests/support/twins/calls.py compares all of them on MicroPython.
    """

    def __init__(self):
        self._c = ctypes.CDLL(str(_compiled(".so", ("-Os", "-shared", "-fPIC"), [SOURCES / "entries.c"])))
        self._c.unosql_search.restype = ctypes.c_ssize_t
        self._c.unosql_key_size.restype = _SIZE
        for name in ("entry", "children"):
            getattr(self._c, "unosql_" + name).restype = ctypes.c_bool

    def __getattr__(self, name):
        from unosql import twin

        return getattr(twin, name)

    def find(self, block, key):
        block, entry = _Span.of(block), _Entry()
        got = self._c.unosql_find(block, _Span.of(key), ctypes.byref(entry))
        if got < 0:
            raise ValueError(_DAMAGED)
        return False if not got else None if entry.is_deletion else entry.value.bytes()

    def seek(self, block, lo):
        whole, entry, at = _Span.of(block), _Entry(), ctypes.c_void_p()
        left = _Span(whole.start, whole.size)
        got = self._c.unosql_seek(ctypes.byref(left), _Span.of(lo), ctypes.byref(entry), ctypes.byref(at))
        if got < 0:
            raise ValueError(_DAMAGED)
        if not got:
            return None
        end = len(block) - left.size
        value = None if entry.is_deletion else bytes(block[end - entry.value.size : end])
        return self._key(whole, at.value - whole.start), value, end

    def children(self, block, lo, hi, reverse, most):
        block, children = _Span.of(block), _Children()
        if not self._c.unosql_children(block, _Span.of(lo), _Span.of(hi), ctypes.c_bool(reverse), most, ctypes.byref(children)):
            raise ValueError(_DAMAGED)
        found = [(child.offset, child.size) for child in children.found[: children.count]]
        return found[::-1] if reverse else found, self._key(block, children.more_at) if children.more else None

    def _key(self, block, at):
        size = self._c.unosql_key_size(block, _SIZE(at))
        key = ctypes.create_string_buffer(size)
        self._c.unosql_key(block, _SIZE(at), key, _SIZE(size))
        return key.raw

    def entry(self, block, i, key):
        left, entry = _Span.of(block[i:]), _Entry()
        if not self._c.unosql_entry(ctypes.byref(left), _SIZE(len(key)), ctypes.byref(entry)):
            raise ValueError(_DAMAGED)
        end = len(block) - left.size
        value = None if entry.is_deletion else bytes(block[end - entry.value.size : end])
        return key[: entry.shared] + entry.rest.bytes(), value, end

    def search(self, arena, places, count, key):
        i = self._c.unosql_search(_Span.of(arena), bytes(places), _SIZE(count), _Span.of(key))
        if i < 0:
            raise ValueError(_DAMAGED)
        return i

    def get(self, packed, floor, key, block):
        """As modunosql.c has it; but for the Bloom filter, which needs SHA-256."""
        if not self._c.unosql_in_range(ctypes.byref(self._meta(packed)), _Span.of(floor), _Span.of(key)):
            return False
        if block is None:
            return True
        from unosql import twin

        offset, size, depth, _, top = twin.root(packed)
        while depth:
            offset, size = self.children(top or block(offset, size), key, None, False, 1)[0][0]
            top = None
            depth -= 1
        return self.find(block(offset, size), key)

    def overlaps(self, packed, floor, lo, hi):
        return self._c.unosql_overlaps(ctypes.byref(self._meta(packed)), _Span.of(floor), _Span.of(lo), _Span.of(hi))

    def _meta(self, packed):
        meta = _Meta()
        meta.kept = _Span.of(packed)
        if not self._c.unosql_meta(meta.kept, ctypes.byref(meta)):
            raise ValueError(_DAMAGED)
        return meta

    def part(self, packed, n):
        return self._meta(packed).parts[n].bytes()


class _Part(ctypes.Structure):
    _fields_ = [("bytes", _BYTES), ("size", _SIZE)]


class Sealing:
    """What sealing.c does, of bytes. library: "mbedtls", or "axtls": what ESP8266s have, their AES but for its calls."""

    def __init__(self, library):
        source = fetch.source()
        mbedtls, boards = Path(fetch.mbedtls(source)), ROOT / "boards" / "common"
        options = ["-O1", "-shared", "-fPIC", "-DMICROPY_SSL_%s=1" % library.upper(), "-include", "string.h", "-include", "stdint.h",
                   '-DMBEDTLS_CONFIG_FILE="unosql_mbedtls_config.h"', "-isystem", str(boards), "-isystem", str(mbedtls / "include"),
                   "-I", str(FOLDER / "axtls")]
        files = [mbedtls / "library" / (name + ".c") for name in ("aes", "sha256", "constant_time", "platform_util")]
        if library == "axtls":
            files += [FOLDER / "axtls" / "axtls.c", source.path / "lib" / "crypto-algorithms" / "sha256.c"]
        # of others' sources warnings are not for us to mend
        self._c = ctypes.CDLL(str(_compiled(".so", [*options, "-Wno-error", "-w"], [*files, SOURCES / "sealing.c"])))
        self._c.unosql_unseal.restype = ctypes.c_ssize_t
        self._c.unosql_seal.restype = _SIZE

    def hmac(self, key, *parts):
        """HMAC-SHA256 of the parts, joined."""
        area, mac = ctypes.create_string_buffer(1024), ctypes.create_string_buffer(32)
        self._c.unosql_hmac_key(area, key, _SIZE(len(key)))
        self._c.unosql_hmac(area, (_Part * len(parts))(*((part, len(part)) for part in parts)), _SIZE(len(parts)), mac)
        return mac.raw

    def pbkdf2(self, password, salt, iterations):
        """The first 32 bytes."""
        area = ctypes.create_string_buffer(1024)
        self._c.unosql_pbkdf2_start(area, password, _SIZE(len(password)), salt, _SIZE(len(salt)))
        self._c.unosql_pbkdf2_go_on(area, ctypes.c_uint32(iterations - 1))
        return area.raw[:32]

    def keys(self, master):
        """The keys expanded from a master key, as they lie in RAM: the first 8 bytes are the check."""
        area = ctypes.create_string_buffer(1024)
        self._c.unosql_make_keys(area, master)
        return area

    def seal(self, keys, data, aad):
        """The sealed block."""
        buf = ctypes.create_string_buffer(data, len(data) + 16)
        iv, tag = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16)
        size = self._c.unosql_seal(keys, buf, _SIZE(len(data)), aad, _SIZE(len(aad)), iv, tag)
        return iv.raw + buf.raw[:size] + tag.raw

    def unseal(self, keys, blob, aad):
        """The data. ValueError: it does not verify."""
        buf = ctypes.create_string_buffer(len(blob) - 32)
        size = self._c.unosql_unseal(keys, blob, _SIZE(len(blob)), aad, _SIZE(len(aad)), buf)
        if size < 0:
            assert not any(buf.raw)  # nothing was decrypted
            raise ValueError("authentication failed")
        return buf.raw[:size]


class Deltas:
    """encode_delta() as modunosql.c makes it of delta.c."""

    def __init__(self):
        self._c = ctypes.CDLL(str(_compiled(".so", ("-Os", "-shared", "-fPIC"), [SOURCES / "delta.c", *(SOURCES / name for name in CODEC)])))
        self._c.unosql_encode_delta.restype = _SIZE

    def encode_delta(self, buf, start):
        room = max(0, len(buf) - start - 1)
        target = ctypes.create_string_buffer(room + 1)
        size = self._c.unosql_encode_delta(_Span.of(buf), _SIZE(start), target, _SIZE(room))
        return target.raw[:size]
