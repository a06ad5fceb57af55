"""Deflating and inflating in C: beside zlib, beside the stand-in that PCs use, under sanitizers.

    python tests/unit/test_codec.py [--jobs N] [--report docs/RELIABILITY.md] [INPUTS] [SEED]
"""
import argparse
import collections
import concurrent.futures
import random
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
    import here  # noqa: F401

import pytest
from hypothesis import given, settings, strategies as st

import codec
import reliability
import uzlib
from firmware import deps, fetch, targets
from firmware.espressif import section_sizes
from firmware.paths import BOARDS, ROOT

CHUNK = 100000  # inputs between two lines of the script's output
CI = 30000  # inputs in the test
FILES = sorted([*codec.SOURCES.glob("*.[ch]"), *codec.FOLDER.rglob("*.[ch]")])
# Compilers of the boards that this machine may have, with what MicroPython's ports call them with.
COMPILERS = {
    "x86-64": ["gcc"],
    "x86": ["gcc", "-m32"],
    "riscv": ["riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32"],
    "esp8266": ["xtensa-lx106-elf-gcc", "-mlongcalls", "-mtext-section-literals", "-mforce-l32", "-DICACHE_FLASH"],
}


@pytest.fixture(scope="module")
def c():
    return codec.Codec()


def raw(data, level=9, strategy=zlib.Z_DEFAULT_STRATEGY):
    maker = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    return maker.compress(data) + maker.flush()


def bits(*fields):
    """A stream of (value, count), lowest bit first; Huffman codes as (text of 0 and 1,)."""
    text = "".join(field[0] if len(field) == 1 else "{:0{}b}".format(*field)[::-1] for field in fields)
    return int(text[::-1], 2).to_bytes((len(text) + 7) // 8, "little")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=20), st.randoms(use_true_random=False))
def test_both_twins_make_the_same_bytes(pieces, r):
    data = b"".join(r.choice(pieces) for _ in range(r.randrange(60))) if pieces else b""
    packed = uzlib.compress(data, -9)
    assert codec.Codec().deflate(data) == packed
    assert zlib.decompress(packed, -9) == data


@pytest.mark.parametrize("size", [0, 1, 2, 3, 258, 259, 260, 261, 262, 517, 519, 70000])
def test_runs_of_all_lengths(c, size):
    """Longer than a code can say, and longer than 16 bits can count."""
    for data in (bytes(size), b"ab" * (size // 2), random.Random(size).randbytes(size)):
        packed = c.deflate(data)
        assert packed == uzlib.compress(data, -9)
        assert c.inflate(packed, len(data)) == data


def test_the_window_has_512_bytes(c):
    r = random.Random(1)
    for distance in range(508, 517):
        data = r.randbytes(distance)
        packed = c.deflate(data + data[:100])
        assert packed == uzlib.compress(data + data[:100], -9)
        assert (len(packed) < len(c.deflate(data)) + 60) == (distance <= 512)


def test_blocks_far_apart_after_64_kb(c):
    """Places are counted in 16 bits."""
    r = random.Random(2)
    data = b"".join(r.choice((r.randbytes(3), b"abcdef", b"\0" * r.randrange(99))) for _ in range(8000))
    assert len(data) > 2 << 16
    assert c.deflate(data) == uzlib.compress(data, -9)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_what_zlib_makes(c, level):
    """Any window: deflating keeps to 512 bytes, old databases need not."""
    r = random.Random(level)
    data = r.randbytes(30000) + bytes(r.choice(b"abcdefgh") for _ in range(9000))
    data += data[:2000]
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE):
        stream = raw(data, level, strategy)
        for room in (len(data), len(data) + 1, len(data) - 1, 1, 0):
            assert c.inflate(stream, room) == data[:room]
        with pytest.raises(ValueError):
            c.inflate(stream[: len(stream) // 2], len(data))


LITERAL_0, LENGTH_3, LENGTH_258, END = ("00110000",), ("0000001",), ("11000101",), ("0000000",)
FIXED, STORED, CODED = (3, 3), (1, 3), (5, 3)
DISTANCE_1, DISTANCE_32768 = ("00000",), ("11101",)
FAR = [FIXED, *[LITERAL_0] * 2, *[LENGTH_258, DISTANCE_1] * 128]  # 33,026 bytes


@pytest.mark.parametrize("fields, data", [
    ([FIXED, END], b""),
    ([FIXED, LITERAL_0, LENGTH_3, DISTANCE_1, END], bytes(4)),
    ([FIXED, ("110010000",), END], b"\x90"),
    ([*FAR, LENGTH_3, DISTANCE_32768, (8191, 13), END], bytes(33029)),
    ([STORED, (0, 5), (2, 16), (0xFFFD, 16), (0x4241, 16)], b"AB"),
    ([(0, 3), (0, 5), (0, 16), (0xFFFF, 16), FIXED, END], b""),
])
def test_streams_by_hand(c, fields, data):
    stream = bits(*fields)
    assert c.inflate(stream, 40000) == data == zlib.decompress(stream, -15)


@pytest.mark.parametrize("fields", [
    [(7, 3), (0, 99)],  # there is no such kind
    [FIXED, LENGTH_3, DISTANCE_1, END],  # before the start
    [FIXED, LITERAL_0, LENGTH_3, ("00001",), END],
    [FIXED, LITERAL_0, ("11000110",), DISTANCE_1, END],  # 286 and 287 are no lengths
    [FIXED, LITERAL_0, ("11000111",), DISTANCE_1, END],
    [*FAR, LENGTH_3, ("11110",), (0, 14), END],  # 30 and 31 are no distances
    [*FAR, LENGTH_3, ("11111",), (0, 14), END],
    [FIXED, LITERAL_0],
    [STORED, (0, 5), (2, 16), (0xFFFC, 16), (0x4241, 16)],
    [STORED, (0, 5), (2, 16), (0xFFFD, 16), (0x41, 8)],
    [STORED, (0, 5), (2, 16)],
    [CODED, (30, 5), (0, 5), (15, 4), (0, 99)],  # 287 symbols, 31 distances
    [CODED, (0, 5), (30, 5), (15, 4), (0, 99)],
    [CODED, (0, 5), (0, 5), (15, 4), (0, 99)],  # no codes
])
def test_no_streams(c, fields):
    stream = bits(*fields)
    with pytest.raises(ValueError):
        c.inflate(stream, 40000)
    with pytest.raises(zlib.error):
        zlib.decompress(stream, -15)


def fuzz(inputs, seed):
    """{kind: how many} of so many inputs. AssertionError: what differs, and with which seed."""
    done = subprocess.run([codec.fuzzer(), str(inputs), str(seed)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    return dict(zip(words[::2], map(int, words[1::2])))


@pytest.fixture
def zlib_headers():
    if not all(tool.present() for tool in deps.TOOLS["codec checks"]):
        pytest.skip("needs zlib's headers")


def test_under_sanitizers(zlib_headers):
    counts = fuzz(CI, 1)
    assert counts["deflated"] + counts["streams"] > CI and min(counts.values()) > CI // 20


@pytest.mark.parametrize("name", COMPILERS)
def test_compiles_without_warnings_and_leaves_ram_alone(name, tmp_path):
    """Nothing in .data or .bss; on an ESP8266 all code in flash."""
    command = COMPILERS[name]
    axtls = "-DMICROPY_SSL_AXTLS=1", "-I", codec.FOLDER / "axtls", "-isystem", fetch.source().path  # as on an ESP8266
    if not shutil.which(command[0]):
        pytest.skip("needs " + command[0])
    for source in (*codec.CODEC, "delta.c", "entries.c", "headers.c", "merge.c", "sealing.c"):
        out = tmp_path / "out.o"
        subprocess.run([*command, *codec.WARNINGS, "-Os", "-ffreestanding", "-I", freestanding(tmp_path), *axtls, "-c", "-o", out,
                        codec.SOURCES / source], check=True, stdin=subprocess.DEVNULL)
        listing = subprocess.run([command[0].replace("gcc", "size"), "-A", out], check=True, capture_output=True, text=True).stdout
        sizes = {row[0]: int(row[1]) for row in map(str.split, listing.splitlines()) if len(row) == 3 and row[1].isdigit()}
        in_ram = (".data", ".bss") + ((".text", ".literal") if name == "esp8266" else ())
        assert not any(size for section, size in sizes.items() if section.startswith(in_ram)), sizes


@pytest.mark.skipif(not all(tool.present() for tool in deps.TOOLS["esp8266 checks"]), reason="needs gcc-xtensa-lx106 and picolibc-xtensa-lx106-elf")
def test_the_module_compiles_for_an_esp8266(tmp_path):
    """With the headers of MicroPython's port, and the names of the emulated board's build: without warnings, and its code in flash."""
    tree, names = fetch.source().path, targets.qemu_firmware().parent / "obj"
    board = BOARDS / "UNOSQL_ESP8266_GENERIC"
    folders = (board, tree / "ports" / "esp8266", tree / "ports" / "esp8266" / "boards" / "ESP8266_GENERIC", tree, names, codec.FOLDER / "axtls")
    out = tmp_path / "out.o"
    subprocess.run([*COMPILERS["esp8266"], "-std=gnu99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wpointer-arith", "-Werror", "-Os",
                    "-DESP8266", "-DMICROPY_PY_SSL=1", "-DMICROPY_SSL_AXTLS=1", "-isystem", deps.XTENSA_HEADERS,
                    *(word for folder in folders for word in ("-I", folder)), "-c", "-o", out, codec.SOURCES / "modunosql.c"],
                   check=True, stdin=subprocess.DEVNULL)
    sizes = section_sizes(subprocess.run(["xtensa-lx106-elf-size", "-A", out], check=True, capture_output=True, text=True).stdout)
    assert sizes[".irom0.text"] > 5000 and not any(sizes.get(name) for name in (".text", ".literal", ".data", ".bss")), sizes


def freestanding(folder):
    """A folder with the one header of a C library that the sources need: a cross compiler may come without."""
    (folder / "string.h").write_text(
        "#include <stddef.h>\nvoid *memset(void *, int, size_t);\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memmove(void *, const void *, size_t);\nint memcmp(const void *, const void *, size_t);\n")
    return folder


@pytest.mark.skipif(not shutil.which("uncrustify"), reason="needs uncrustify")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_formatted_as_micropython(file):
    config = fetch.source().path / "tools" / "uncrustify.cfg"
    done = subprocess.run(["uncrustify", "-c", config, "-lC", "--check", "-q", file], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert done.returncode == 0, "run uncrustify -c %s -lC --no-backup %s" % (config, file.relative_to(ROOT))


def report(counts, seconds):
    """The section of docs/RELIABILITY.md."""
    return ("%d inputs: %d deflated (of %d the stream had no room), %d streams inflated, of which %d were whole, %d filled their "
            "target and %d were refused, all as by zlib; nothing that a sanitizer objects to; %d s." % (
                counts["inputs"], counts["deflated"], counts["refused"], counts["streams"], counts["whole"], counts["full"],
                counts["damaged"], seconds))


def main():
    parser = argparse.ArgumentParser(description="Run the codec's C beside zlib, under sanitizers.")
    parser.add_argument("inputs", type=int, nargs="?", default=10000000)
    parser.add_argument("seed", type=int, nargs="?", default=1000)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default 1)")
    parser.add_argument("--report", metavar="FILE", help="write the counts into this page")
    args = parser.parse_args()
    counts, start = collections.Counter(), time.monotonic()
    codec.fuzzer()  # before several threads want it
    pieces = range(0, args.inputs, CHUNK)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        sizes = [min(CHUNK, args.inputs - done) for done in pieces]
        for size, found in zip(sizes, pool.map(fuzz, sizes, [args.seed + done for done in pieces])):
            counts.update(found, inputs=size)
            print(counts["inputs"], "inputs", flush=True)
    text = report(counts, time.monotonic() - start)
    reliability.tell(text, "codec", args.report)


if __name__ == "__main__":
    main()
