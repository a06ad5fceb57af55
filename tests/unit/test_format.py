"""docs/FORMAT.md says what is on the medium: a reader written from it reads what the engine wrote, old images included."""
import itertools
import json
import os
import random
import re
import subprocess
import sys

import pytest

import media
import reader
from here import GOLDEN, ROOT, SUPPORT
from memfs import MemFs
from unosql.documents.steps import finish
from unosql import codec
from unosql.documents import ordering
from unosql.kv import compaction
from unosql.kv.envelope import Plain
from unosql.errors import CorruptionError
from unosql.storage.files import Files
from unosql.storage.flash import Flash
from unosql.kv.observer import Observer
from unosql.kv.store import Store

FORMAT = ROOT / "docs" / "FORMAT.md"
KEY = b"sixteen byte key"


def make(fs, password=None, **options):
    store = Store(Files("t.udb", fs=fs), Observer(), **options)
    store.open(password, 3)
    return store


def files_of(fs):
    return {name[len("t.udb/"):]: data for name, data in fs.files.items()}


def workload(store, seed, steps):
    """Random batches; yields the model after each."""
    r, model = random.Random(seed), {}
    for _ in range(steps):
        ops = []
        for _ in range(r.choice((1, 1, 1, 3, 20))):
            key = b"k" + r.randbytes(r.randrange(1, 3))
            ops.append((key, None if r.random() < 0.25 else bytes(r.randrange(60)) + r.randbytes(r.randrange(200))))
        store.apply(ops)
        for key, value in ops:
            model.pop(key, None) if value is None else model.update({key: value})
        yield model


@pytest.mark.parametrize("password", [None, KEY])
@pytest.mark.parametrize("seed", range(2))
def test_reader_reads_what_the_engine_wrote(password, seed, monkeypatch):
    monkeypatch.setattr(compaction, "_LEVEL1", 8192)
    fs = MemFs()
    store = make(fs, password, memtable=2048)
    store.storage.erase = 2048
    seen = {"floor": False, "depth": False, "tombstone": False, "levels": 0, "wal": False}
    for i, model in enumerate(workload(store, seed, 400)):
        if i % 20:
            continue
        found = reader.Database(files_of(fs), password)
        assert list(found.entries()) == sorted(model.items())
        segments = list(itertools.chain(*found.levels))
        seen["floor"] |= any(s.floor for s in segments)
        seen["depth"] |= any(s.depth for s in segments)
        seen["tombstone"] |= any(value is None for s in segments for _, value in s.entries())
        seen["levels"] = max(seen["levels"], len(found.levels))
        seen["wal"] |= bool(found.log)
        assert all(s.may_hold(key) for s in segments for key, _ in s.entries())
    assert seen.pop("levels") > 2 and all(seen.values())  # the test met all that it is for


@pytest.mark.parametrize("password", [None, KEY])
def test_reader_reads_raw_flash(password):
    """Two databases on one flash, to and fro, until blocks were used again."""
    flash = media.NorFlash(256, 1024)
    stores = {name: Store(Flash(flash, name), Observer(), 1024) for name in ("one", "two")}
    for store in stores.values():
        store.open(password, 3)
    works = [(name, workload(store, seed, 90)) for seed, (name, store) in enumerate(stores.items())]
    models = {}
    for i in range(90):
        for name, work in works:
            models[name] = dict(next(work))
            if i % 10 == 9:
                found = reader.Database(reader.flash_files(bytes(flash.image), flash.erase, name), password)
                assert list(found.entries()) == sorted(models[name].items()) and found.name == name
        if i % 30 == 29:
            stores["one"].compact()
    assert min(flash.wear) > 0 and max(flash.wear) > 1
    assert reader.flash_files(bytes(flash.image), flash.erase, "three") == {}


def test_reader_finds_damage_and_wrong_keys():
    fs = MemFs()
    store = make(fs, KEY)
    store.apply([(b"k", b"v")])
    store.flush()
    store.apply([(b"l", b"v")])
    good = files_of(fs)
    assert dict(reader.Database(good, KEY).entries()) == {b"k": b"v", b"l": b"v"}
    for password in (None, b"another key......"):
        with pytest.raises(reader.WrongKey):
            reader.Database(good, password)
    name = next(name for name in good if name[0] == "s")
    for bit in range(8 * len(good[name])):
        bad = bytearray(good[name])
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(reader.Damaged):
            list(reader.Database(dict(good, **{name: bytes(bad)}), KEY).entries())


def test_backup_file(tmp_path):
    store = make(MemFs(), KEY)
    archive = store.export(str(tmp_path / "b"), {"format": 1, "full": True})
    entries = [(b"R%04d" % i, None if i % 5 == 0 else bytes(i)) for i in range(200)]
    for entry in entries:
        archive.add(*entry)
    archive.close()
    data = (tmp_path / "b").read_bytes()
    backup = reader.Backup(data, KEY)
    assert backup.meta == {"format": 1, "full": True}
    assert list(backup.entries()) == entries
    opened = store.import_(str(tmp_path / "b"))
    assert opened.meta == backup.meta and list(opened.entries()) == entries
    finish(opened.checking())
    opened.close()
    for offset in range(40):  # header and its checksum
        bad = bytearray(data)
        bad[offset] ^= 1
        with pytest.raises(reader.Damaged):
            reader.Backup(bytes(bad), KEY)


def test_varints():
    numbers = [0, 240, 241, 2287, 2288, 67823, 67824, 2**24 - 1, 2**24, 2**32, 2**56 - 1, 2**56, 2**64 - 1]
    for n in numbers:
        assert reader.pack(n) == codec.pack_uint(n)
        assert reader.varint(reader.pack(n) + b"x", 0) == (n, len(reader.pack(n)))


# -- the worked dump

def tiny(monkeypatch):
    """The database of the dump in FORMAT.md."""
    monkeypatch.setattr(os, "urandom", lambda n: bytes(range(n)))
    fs = MemFs()
    store = make(fs)
    store.apply([(b"R\1\1", b"\1\0\1{}")])
    store.flush()
    store.apply([(b"R\1\1", None), (b"R\1\2", b'\1\0\2{"a":1}')])
    return fs


def dump(files):
    lines = []
    for name, data in sorted(files.items()):
        lines.append("%s, %d bytes" % (name, len(data)))
        for i in range(0, len(data), 16):
            row = data[i : i + 16]
            text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
            lines.append("  %04x  %-47s  %s" % (i, row.hex(" "), text))
    return "\n".join(lines)


def test_dump(monkeypatch):
    """UNOSQL_UPDATE=1 writes the dump anew."""
    fs = tiny(monkeypatch)
    text = "```\n%s\n```\n" % dump(files_of(fs))
    document = FORMAT.read_text()
    before, after = re.match(r"(.*<!-- dump -->\n)(?:```\n.*?```\n)?(.*)", document, re.S).groups()
    if os.environ.get("UNOSQL_UPDATE"):
        FORMAT.write_text(before + text + after)
    assert FORMAT.read_text() == before + text + after
    assert list(reader.Database(files_of(fs)).entries()) == [(b"R\1\2", b'\1\0\2{"a":1}'), (b"S\2", b"\1\2")]


# -- golden images, one folder a database: the files, and records.jsonl with what is in it

@pytest.mark.parametrize("image", sorted(p.name for p in GOLDEN.glob("v*")))
def test_golden(image):
    """Databases written by released format versions stay readable, for the engine and for the reader."""
    folder = GOLDEN / image
    password = KEY if image.endswith("encrypted") else None
    expected = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jsonl"}
    found = reader.Database(files, password)
    assert [{"collection": name, "record": record} for name, record in found.documents()] == expected
    store = make(MemFs({"t.udb/" + name: data for name, data in files.items()}), password)
    assert list(store.verify()) == []
    implied = (b"S", b"T")  # a bare store does not know of what is implied
    entries = {key: value for key, value in store.scan(b"") if key[:1] not in implied}
    assert entries == {key: value for key, value in found.entries() if key[:1] not in implied}
    store.apply([(b"zz", b"new")])
    assert store.get(b"zz") == b"new"


def earlier(image):
    """A medium with a golden image on it, and its key."""
    fs = media.LossyFs()
    fs.mkdir("t.udb")
    fs.files.update({"t.udb/" + path.name: path.read_bytes() for path in (GOLDEN / image).iterdir() if path.suffix != ".jsonl"})
    return fs, KEY if image.endswith("encrypted") else None


def versions(fs):
    """Of the headers in the manifest's slots."""
    return {fs.files[slot][2 + fs.files[slot].find(b"UQ")] for slot in ("t.udb/m00", "t.udb/m01") if slot in fs.files}


def upgrade(store):
    """Yield after each batch that is durable."""
    for i in range(4):
        store.apply([(b"k%d%d" % (i, j), bytes(100)) for j in range(10)])
        yield
    store.compact()


@pytest.mark.parametrize("image", sorted(p.name for p in GOLDEN.glob("v1*")))
def test_the_first_change_writes_a_manifest_of_this_version(image):
    """Code of an earlier one would read less of the log than was acknowledged."""
    fs, password = earlier(image)
    make(fs, password).close()
    assert versions(fs) == {1}
    store = make(fs, password)
    store.apply([(b"k", b"v")])
    assert 2 in versions(fs) and make(fs, password).get(b"k") == b"v"


@pytest.mark.parametrize("model", media.LossyFs.MODELS)
@pytest.mark.parametrize("image", sorted(p.name for p in GOLDEN.glob("v1*")))
def test_power_cuts_while_a_database_becomes_one_of_this_version(image, model):
    fs, password = earlier(image)
    store = make(fs, password, memtable=2048)
    before, start, durable = dict(store.scan(b"")), fs.steps, []
    assert versions(fs) == {1}
    for _ in upgrade(store):
        durable.append(dict(store.scan(b"")))
    assert 2 in versions(fs) and dict(make(fs, password).scan(b"")) == durable[-1]
    for step in range(media.LossyFs.MODELS.index(model), fs.steps - start, len(media.LossyFs.MODELS)):  # each of them in one model
        cut, _ = earlier(image)
        store, done = make(cut, password, memtable=2048), 0
        cut.cut(step, model, step)
        with pytest.raises(media.PowerCut):
            for done, _ in enumerate(upgrade(store), 1):
                pass
        cut.restart()
        store = make(cut, password)
        assert dict(store.scan(b"")) in [before, *durable][done : done + 2] and list(store.verify()) == []


def test_reader_command():
    image = GOLDEN / "v1-encrypted"
    command = [sys.executable, str(SUPPORT / "reader.py"), str(image)]
    done = subprocess.run(command + ["--key", KEY.decode()], capture_output=True, text=True)
    assert done.stdout == (image / "records.jsonl").read_text() and not done.returncode
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "encrypted" in done.stderr and not done.stdout


# -- what FORMAT.md says of numbers and of the unknown

@pytest.mark.parametrize("value, encoded", [
    (None, "10"), (False, "11"), (True, "12"), (0, "80"), (1, "9380"), (0.5, "9280"), (-1, "6c7f"), (2**48, "c280318" + "0"), ("", "d000"),
    ("a\0\1", "d06101010102" + "00"), ("x" * 121, "d0" + "78" * 120 + "ff"), ([], "d1"), ({"a": 1}, "d1"),
])
def test_values_in_index_keys(value, encoded):
    assert ordering.encode(value).hex() == encoded


def test_the_unknown():
    """Another version is refused; files, flags, keys and names in JSON that nobody knows are left alone."""
    fs = MemFs()
    store = make(fs)
    store.apply([(b"Z", b'{"change": 1, "next": 2, "later": 3}'), (b"q?", b"of a later version")])
    fs.files["t.udb/later"] = b"?"
    for slot in ("t.udb/m00", "t.udb/m01"):
        if slot in fs.files:
            fs.files[slot] = flagged(fs.files[slot], 3, 0x80)
    assert dict(make(fs).scan(b"")) == dict(store.scan(b"")) and fs.files["t.udb/later"] == b"?"
    for slot in ("t.udb/m00", "t.udb/m01"):
        if slot in fs.files:
            fs.files[slot] = flagged(fs.files[slot], 2, 3)
    with pytest.raises(CorruptionError, match="format version 3, this code reads 1 to 2"):
        make(fs)


def flagged(record, at, value):
    """A plain manifest record with another byte in its header, and sums that fit."""
    seal = Plain().seal
    start = 4 + len(reader.pack(reader.varint(record, 4)[0]))
    head = record[:at] + bytes((value,)) + record[at + 1 : start]
    return seal(head + seal(record[start:-16], b"m" + head), b"m")
