"""The `unosql` command of pc/: every command on databases that the engine made here, sound and damaged."""
import csv
import hashlib
import json
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import time
import venv
import zipfile
from datetime import datetime

import pytest
import targets
from chip import Chip
from here import ROOT, SHIMS

sys.path.insert(0, str(ROOT / "pc"))

from littlefs import LittleFS  # noqa: E402
from unosql.core import Unosql  # noqa: E402
from unosql.storage.files import Files  # noqa: E402
from unosql_pc import block_search, cli, database, engine, images, key_input, open_path  # noqa: E402

KEY = b"0123456789abcdef"
KINDS = ("directory", "flash", "littlefs", "backup")
SIZE = 256 << 10  # of images


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch):
    for name in (key_input.ENVIRONMENT, key_input.PASSPHRASE):
        monkeypatch.delenv(name, raising=False)


def fill(db, n=240):
    """Records with updates and deletions; {collection: {id: record}} of what is there then."""
    db.create_index("users", "age")
    for i in range(n):
        db.insert("users", {"name": "user %d" % i, "age": i % 50, "tags": ["a", {"n": i}], "ünï": None})
    db.update("users", "age", 7, {"age": 70})
    db.delete("users", {"age": {"gte": 48, "lt": 50}})
    db.insert_many("log", [{"t": i / 4, "on": i % 2 == 0} for i in range(40)])
    db.configure("log", capped=25)
    db.insert("empty", {})
    db.clear("empty")
    return {name: {r["id"]: r for r in db.all(name)} for name in db.collections()}


def make(folder, kind, key=None, build=fill):
    """(path of a database or an image of that kind, what build returned)."""
    options = {"memtable": 2048, "iterations": 1000, "log_level": "NONE"}
    if kind == "flash":
        data = bytearray(b"\xff" * SIZE)
        with Unosql("test", key, storage=images.Device(data), **options) as db:
            truth = build(db)
        (folder / "test.img").write_bytes(data)
        return folder / "test.img", truth
    with Unosql("test", key, path=str(folder), **options) as db:
        truth = build(db)
        if kind == "backup":
            db.backup(str(folder / "test.bak"))
    if kind == "littlefs":
        (folder / "lfs.img").write_bytes(littlefs([folder / "test.udb"]))
    return folder / {"directory": "test.udb", "littlefs": "lfs.img", "backup": "test.bak"}[kind], truth


def littlefs(directories):
    """An image, as MicroPython makes them, with these database directories."""
    fs = LittleFS(block_size=4096, block_count=SIZE // 4096, read_size=32, prog_size=32, cache_size=128, lookahead_size=32)
    fs.mkdir("/data")
    for directory in directories:
        fs.mkdir("/data/" + directory.name)
        for file in directory.iterdir():
            with fs.open("/data/%s/%s" % (directory.name, file.name), "wb") as out:
                out.write(file.read_bytes())
    return bytes(fs.context.buffer)


def run(*arguments, status=0):
    assert cli.main([str(a) for a in arguments]) == status


def fails(capsys, *arguments, status=2):
    """The one line that the command prints when it fails."""
    capsys.readouterr()
    run(*arguments, status=status)
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines and lines[-1].startswith("unosql: error: ")
    return lines[-1]


def stored(record):
    """A record as the database has it, with its timestamp as a number: here the clock starts in 1970."""
    return dict(record, timestamp=int(datetime.fromisoformat(record["timestamp"]).timestamp()))


def lines_of(path):
    """{collection: {id: record}} of the lines that salvage and export write."""
    found = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        records = found.setdefault(entry["collection"], {})
        assert entry["record"]["id"] not in records
        records[entry["record"]["id"]] = stored(entry["record"])
    return found


def digest(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return hashlib.sha256(b"".join(str(f).encode() + (f.read_bytes() if f.is_file() else b"") for f in files)).hexdigest()


def with_key(key):
    return ["--key", key.hex()] if key else []


def salvaged(path, key=None, *more):
    out = path.parent / "salvaged.jsonl"
    out.unlink(missing_ok=True)
    run("salvage", path, out, *with_key(key), *more)
    return lines_of(out)


# -- reading


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_recognised_read_and_left_alone(kind, key, tmp_path, capsys):
    path, truth = make(tmp_path, kind, key)
    before = digest(path)
    run("inspect", path, "--json", *with_key(key))
    facts = json.loads(capsys.readouterr().out)
    assert facts["kind"] == open_path.KINDS[kind] and facts["encrypted"] == bool(key)
    assert {c["name"]: c["records"] for c in facts["collections"]} == {n: len(rows) for n, rows in truth.items()}
    if kind != "backup":
        assert sum(s["bytes"] for level in facts["levels"] for s in level) == facts["bytes"] > 0

    run("query", path, "users", '{"age": {"gt": 40}}', "--json", *with_key(key))
    rows = [stored(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert rows == [r for r in truth["users"].values() if r["age"] > 40] and rows

    run("verify", path, *with_key(key))
    assert "no problems" in capsys.readouterr().out
    run("export", path, "--format", "jsonl", "-o", tmp_path / "out.jsonl", *with_key(key))
    assert lines_of(tmp_path / "out.jsonl") == {name: rows for name, rows in truth.items() if rows}
    assert salvaged(path, key) == {name: rows for name, rows in truth.items() if rows}
    assert "damaged" not in capsys.readouterr().err
    assert digest(path) == before


def test_an_encrypted_database_without_its_key(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", KEY)
    run("inspect", path)
    out = capsys.readouterr().out
    assert "True" in out and "1000" in out and "users" not in out
    assert "--passphrase" in fails(capsys, "query", path, "users")
    assert "another key" in fails(capsys, "verify", path, "--key", "ff" * 16)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_for_a_plain_database_is_refused(kind, tmp_path, capsys):
    path, _ = make(tmp_path, kind)
    assert "is not encrypted" in fails(capsys, "verify", path, *with_key(KEY))


def test_numbers_longer_than_python_reads_by_itself(tmp_path, capsys):
    """MicroPython has no bound; CPython has one of 4,300 digits."""
    digits = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(0)
        with Unosql("test", path=str(tmp_path), memtable=8192, log_level="NONE") as db:
            db.insert("c", {"n": 10**5000})
        sys.set_int_max_str_digits(4300)
        run("verify", tmp_path / "test.udb")
        run("query", tmp_path / "test.udb", "c", "--json")
        assert "1" + "0" * 5000 in capsys.readouterr().out
    finally:
        sys.set_int_max_str_digits(digits)


def test_order_limit_and_fields(tmp_path, capsys):
    path, truth = make(tmp_path, "directory")
    run("query", path, "users", "--order-by", "-age,name", "--limit", "3", "--fields", "age,name", "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    best = sorted(truth["users"].values(), key=lambda r: (-r["age"], r["name"]))[:3]
    assert rows == [{"id": r["id"], "age": r["age"], "name": r["name"]} for r in best]


def test_a_table_for_people(tmp_path, capsys):
    path, truth = make(tmp_path, "directory")
    run("query", path, "users")
    output = capsys.readouterr()
    assert '"user 1"' in output.out and "version" in output.out
    assert '"user 130"' not in output.out and "--limit" in output.err
    run("query", path, "users", "--limit", "200")
    assert '"user 130"' in capsys.readouterr().out


def test_terminals_do_not_obey_data(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert("a", {"x\x1b[2J": "y\x1b[31m\x9b"}))
    run("query", path, "a")
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x9b" not in out and "u001b" in out


@pytest.mark.parametrize("where, message", [
    ("{age: 3}", "not JSON"), ('{"age": 1, "age": 2}', "the field 'age' is there twice"),
    ('{"a": %s}' % ("9" * 5000), "a number has too many digits"), ("[1]", "not a JSON object"), ('{"age": {"above": 3}}', "above")])
def test_a_condition_that_is_none(where, message, tmp_path, capsys):
    path, _ = make(tmp_path, "directory")
    assert message in fails(capsys, "query", path, "users", where)


def test_an_unknown_collection_names_those_there_are(tmp_path, capsys):
    path, _ = make(tmp_path, "directory")
    assert "empty, log, users" in fails(capsys, "query", path, "user")


def test_what_is_no_database(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "blank.img").write_bytes(b"\xff" * 65536)
    (tmp_path / "fs.img").write_bytes(littlefs([]))
    for name in ("a.txt", "empty", "blank.img", "fs.img", "."):
        assert "is no database" in fails(capsys, "inspect", tmp_path / name)
    assert "No such file" in fails(capsys, "inspect", tmp_path / "nowhere")


def test_several_databases_in_one_place(tmp_path, capsys):
    data = bytearray(b"\xff" * SIZE)
    for name in ("one", "two"):
        with Unosql(name, storage=images.Device(data), log_level="NONE") as db:
            db.insert("c", {"db": name})
    with Unosql("one", path=str(tmp_path), log_level="NONE") as db:
        db.insert("c", {"db": "files"})
    image = tmp_path / "flash.bin"
    image.write_bytes(bytes(data) + littlefs([tmp_path / "one.udb"]))  # all of a chip, as esptool reads it
    run("inspect", image, "--json")
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(kinds) == sorted([open_path.KINDS["flash"]] * 2 + [open_path.KINDS["littlefs"]])
    assert "--name" in fails(capsys, "verify", image)
    for name in ("one", "two"):
        run("query", image, "c", "--name", name, "--json")
        assert json.loads(capsys.readouterr().out)["db"] == name
    assert "no database three" in fails(capsys, "verify", image, "--name", "three")


def test_a_key_opens_those_that_it_is_of(tmp_path, capsys):
    data = bytearray(b"\xff" * SIZE)
    for name, key in (("one", None), ("two", KEY)):
        with Unosql(name, key, storage=images.Device(data), log_level="NONE", iterations=1000) as db:
            db.insert("c", {"db": name})
    image = tmp_path / "flash.bin"
    image.write_bytes(data)
    run("inspect", image, "--json", *with_key(KEY))
    found = sorted(json.loads(line).get("locked", "") for line in capsys.readouterr().out.splitlines())
    assert found[0] == "" and "is not encrypted" in found[1]


def test_a_database_in_use_is_read_with_a_warning(tmp_path, capsys):
    with Unosql("busy", path=str(tmp_path), log_level="NONE") as db:
        db.insert("c", {})
        before = digest(tmp_path)
        run("query", tmp_path / "busy.udb", "c", "--json")
        assert "seems to have it open" in capsys.readouterr().err
        assert digest(tmp_path) == before


def test_records_do_not_expire_by_the_clock_of_the_pc(tmp_path, capsys):
    """A board's clock starts in 2000: to a PC its records are 30 years old."""
    with database.opened(Files(str(tmp_path / "t.udb")), None, clock=lambda: time.time() - 946684800) as catalog:
        catalog.collection("c", True).configure({"ttl": 1000})
        catalog.collection("c").insert({"a": 1})
    run("query", tmp_path / "t.udb", "c", "--json")
    assert json.loads(capsys.readouterr().out)["a"] == 1


def test_an_incremental_backup(tmp_path, capsys):
    def build(db):
        db.insert_many("c", [{"i": i} for i in range(20)])
        since = db.last_change()
        db.update("c", "i", 3, {"i": 33})
        db.delete("c", "i", 4)
        db.incremental_backup(str(tmp_path / "i.bak"), since_change=since)

    make(tmp_path, "directory", build=build)
    run("inspect", tmp_path / "i.bak", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["backup"] == "incremental" and facts["collections"][0]["records"] == 1
    run("query", tmp_path / "i.bak", "c", "--json")
    assert json.loads(capsys.readouterr().out)["i"] == 33
    assert [r["i"] for r in salvaged(tmp_path / "i.bak")["c"].values()] == [33]


# -- keys


def test_the_key_may_come_from_everywhere_and_is_never_shown(tmp_path, capsys, monkeypatch):
    path, _ = make(tmp_path, "directory", "a passphrase")
    monkeypatch.setenv(key_input.PASSPHRASE, "a passphrase")
    run("verify", path)
    monkeypatch.delenv(key_input.PASSPHRASE)
    monkeypatch.setenv(key_input.ENVIRONMENT, b"a passphrase".hex())
    run("verify", path)
    monkeypatch.setenv(key_input.ENVIRONMENT, "not hex: secret")
    output = fails(capsys, "verify", path)
    assert "secret" not in output and key_input.ENVIRONMENT in output
    monkeypatch.setattr(key_input.getpass, "getpass", lambda prompt: "a passphrase")
    run("verify", path, "--passphrase")
    assert "abcd" not in fails(capsys, "verify", path, "--key", "abcd")
    assert "passphrase" not in capsys.readouterr().out


# -- damage


def segments(path):
    return sorted(path.glob("s*"), key=lambda f: f.stat().st_size)


def flip(file, offset):
    data = bytearray(file.read_bytes())
    data[offset] ^= 0x10
    file.write_bytes(data)


def versions(db):
    """fill(), and every version that any record ever had: {(collection, id): [record]}."""
    seen = {}

    def note():
        for name in ("users", "log"):
            for record in db.all(name):
                known = seen.setdefault((name, record["id"]), [])
                if record not in known:
                    known.append(record)

    insert, update = db.insert, db.update
    for i in range(250):
        insert("users", {"name": "user %d" % i, "age": i % 50, "text": "x" * (i % 40)})
    note()
    for age in range(0, 50, 5):
        update("users", "age", age, {"age": age + 100})
    note()
    db.delete("users", {"age": {"lt": 8}})
    insert("log", {"a": 1})
    note()
    return {name: {r["id"]: r for r in db.all(name)} for name in db.collections()}, seen


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_salvaged_was_there(seed, key, tmp_path, capsys):
    """Whatever is damaged: no record comes out that never was, and one flipped byte costs a few records at most."""
    path, (truth, seen) = make(tmp_path, "directory", key, versions)
    rng = random.Random(seed)
    for file in rng.sample([f for f in segments(path) if f.stat().st_size > 500], 2):
        flip(file, rng.randrange(file.stat().st_size - 300))
    run("verify", path, *with_key(key), status=1)
    assert "salvage" in capsys.readouterr().out
    found = salvaged(path, key)
    errors = capsys.readouterr().err
    assert "do not verify" in errors
    total = 0
    for name, records in found.items():
        for id, record in records.items():
            total += 1
            assert record in seen[name, id]
            if record != truth[name].get(id):
                assert "%s: " % name in errors  # said to be old, or taken from the history
    everything = sum(map(len, truth.values()))
    assert total > everything * 0.6
    for name in truth:
        if set(truth[name]) - set(found.get(name, {})):
            assert "lost " + name in errors or "%s: %d records of " % (name, len(found.get(name, {}))) in errors


def test_without_a_manifest_the_newest_versions_are_found(tmp_path, capsys):
    path, (truth, _) = make(tmp_path, "directory", build=versions)
    for slot in path.glob("m*"):
        slot.unlink()
    run("verify", path, status=1)
    assert "without a manifest" in capsys.readouterr().out
    found = salvaged(path)
    assert found == truth
    assert "no manifest record" in capsys.readouterr().err


def test_a_damaged_manifest_is_not_followed_blindly(tmp_path, capsys):
    path, (truth, _) = make(tmp_path, "directory", build=versions)
    newest = max(path.glob("m*"), key=lambda f: f.stat().st_mtime_ns)
    flip(newest, 30)
    assert salvaged(path) == truth
    assert "1 of 2 manifest records" in capsys.readouterr().err


def test_without_a_manifest_the_salt_comes_from_a_backup(tmp_path, capsys):
    def build(db):
        db.backup(str(tmp_path / "old.bak"))
        return versions(db)

    path, (truth, _) = make(tmp_path, "directory", KEY, build)
    for slot in path.glob("m*"):
        slot.unlink()
    out = tmp_path / "out.jsonl"
    assert "--like" in fails(capsys, "salvage", path, out, *with_key(KEY))
    assert salvaged(path, KEY, "--like", tmp_path / "old.bak") == truth


def test_a_segment_that_is_gone_or_cut_off(tmp_path, capsys):
    path, (truth, seen) = make(tmp_path, "directory", build=versions)
    big = segments(path)[-1]
    whole = big.read_bytes()
    big.write_bytes(whole[: len(whole) // 2])
    run("verify", path, status=1)
    found = salvaged(path)
    assert "its end is gone" in capsys.readouterr().err
    assert all(record in seen[name, id] for name in found for id, record in found[name].items())
    big.unlink()
    run("verify", path, status=1)
    assert salvaged(path) == found
    errors = capsys.readouterr().err
    assert big.name + " is gone" in errors and "lost users" in errors


def test_a_damaged_wal_record_costs_its_batch_only(tmp_path, capsys):
    def build(db):
        for i in range(10):
            db.insert("c", {"i": i})

    path, _ = make(tmp_path, "directory", build=build)
    flip(path / "w04", 12)
    run("verify", path, status=1)
    assert "w0" in capsys.readouterr().out
    assert [r["i"] for r in salvaged(path)["c"].values()] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert "WAL records are missing: 5" in capsys.readouterr().err


def test_damage_at_the_end_of_the_wal_is_remarked(tmp_path, capsys):
    def build(db):
        for i in range(10):
            db.insert("c", {"i": i})

    path, _ = make(tmp_path, "directory", build=build)
    flip(max(path.glob("w*"), key=lambda f: f.stat().st_mtime_ns), 12)
    run("verify", path)
    output = capsys.readouterr()
    assert "no problems" in output.out and "remark: 1 WAL records do not verify" in output.err


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_a_damaged_backup(key, tmp_path, capsys):
    path, truth = make(tmp_path, "backup", key)
    flip(path, path.stat().st_size // 2)
    run("verify", path, *with_key(key), status=1)
    found = salvaged(path, key)
    assert 120 < len(found["users"]) < len(truth["users"])
    assert found["users"].items() <= truth["users"].items()
    assert "test.bak: " in capsys.readouterr().err


def test_a_lost_erase_block(tmp_path, capsys):
    path, (truth, seen) = make(tmp_path, "flash", build=versions)
    data = bytearray(path.read_bytes())
    live = [b for b in images.blocks(data) if b.live and b.kind == "s"]
    long = [b for b in live if any(o.number == b.number and o.index for o in live)]
    for block in (b for b in long if b.number == long[0].number and not b.index):
        data[block.at : block.at + images.ERASE] = b"\xff" * images.ERASE
    path.write_bytes(data)
    run("verify", path, status=1)
    found = salvaged(path)
    errors = capsys.readouterr().err
    assert "erase block 0 of it is gone" in errors
    assert all(record in seen[name, id] for name in found for id, record in found[name].items())
    assert 0 < sum(map(len, found.values())) < sum(map(len, truth.values())) or "lost" in errors


def test_nothing_to_salvage_makes_no_file(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", KEY)
    for file in path.iterdir():
        file.write_bytes(b"\0" * file.stat().st_size)
    assert "no record could be saved" in fails(capsys, "salvage", path, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_salvage_overwrites_nothing(tmp_path, capsys):
    path, _ = make(tmp_path, "directory")
    (tmp_path / "out.jsonl").write_text("mine")
    assert "exists" in fails(capsys, "salvage", path, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == "mine"


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_blocks_are_found_after_a_hole(key):
    """Of a segment of large and small blocks all but the damaged one are found, whatever lies in its place."""
    from unosql.kv import header
    from unosql.kv.merge import Merging, fed
    from unosql.kv.writer import Writer

    class Sink(bytearray):
        append = bytearray.extend

        def close(self):
            pass

    envelope = header.create(key, 1)[1]
    sink, rng = Sink(), random.Random(5)
    writer = Writer(sink, envelope, b"s\0\0\0\1")
    values = {b"R" + i.to_bytes(3, "big"): rng.randbytes(rng.choice([5, 60, 3000])) for i in range(200)}
    Merging([fed(values.items())]).fill(writer)
    writer.finish()
    data, prefix = bytes(sink), b"s\0\0\0\1" + bytes(sink[-11:-3])
    end = len(data) - 11 - int.from_bytes(data[-3:-1], "big")
    blocks, gaps = block_search.carve(data, 0, end, prefix, envelope)
    assert not gaps and sum(b.size for b in blocks) == end
    found = dict(e for b in block_search.leaves(blocks, gaps) for e in b.entries())
    assert found == values
    victim = next(b for b in blocks[len(blocks) // 2 :] if b.size < 1200)
    for junk in (bytes(victim.size), rng.randbytes(victim.size), b"\xff" * victim.size):
        damaged = data[: victim.offset] + junk + data[victim.offset + victim.size :]
        assert block_search.carve(damaged, 0, end, prefix, envelope) == (
            [b for b in blocks if b != victim], [(victim.offset, victim.offset + victim.size)])


# -- moving data


def test_export_to_csv_and_back(tmp_path, capsys):
    path, truth = make(tmp_path, "directory")
    out = tmp_path / "users.csv"
    assert "--collection" in fails(capsys, "export", path, "--format", "csv", "-o", out)
    run("export", path, "--format", "csv", "-o", out, "--collection", "users")
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(r["id"]) for r in rows] == sorted(truth["users"]) and json.loads(rows[3]["tags"]) == ["a", {"n": 3}]
    run("import", out, tmp_path / "new.udb", "people")
    run("export", tmp_path / "new.udb", "--format", "jsonl", "-o", tmp_path / "new.jsonl", "--collection", "people")
    new = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert [without_meta(r) for r in new] == [without_meta(r) for r in truth["users"].values()]
    assert [r["id"] for r in new] == list(range(1, len(new) + 1))


def without_meta(record):
    return {name: value for name, value in record.items() if name not in ("id", "timestamp", "version")}


def test_export_to_sqlite(tmp_path):
    def build(db):
        db.insert_many("a", [{"n": i, "N": 2 * i, "deep": {"x": [i]}, "big": 1 << 70, "yes": True} for i in range(3)])
        db.insert("A", {"other": None})
        db.insert("none", {})
        db.delete("none", "id", 1)

    path, _ = make(tmp_path, "directory", build=build)
    run("export", path, "--format", "sqlite", "-o", tmp_path / "o.db")
    connection = sqlite3.connect(tmp_path / "o.db")
    rows = connection.execute('SELECT id, n, N_2, deep, big, yes FROM a_2 WHERE id > 1').fetchall()
    assert rows == [(2, 1, 2, '{"x": [1]}', str(1 << 70), 1), (3, 2, 4, '{"x": [2]}', str(1 << 70), 1)]
    assert connection.execute("SELECT other FROM A").fetchall() == [(None,)]
    assert connection.execute("SELECT count(*) FROM none").fetchall() == [(0,)]
    connection.close()


def test_export_overwrites_nothing(tmp_path, capsys):
    path, _ = make(tmp_path, "directory")
    (tmp_path / "o.jsonl").write_text("mine")
    assert "exists already" in fails(capsys, "export", path, "--format", "jsonl", "-o", tmp_path / "o.jsonl")
    assert (tmp_path / "o.jsonl").read_text() == "mine" and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_import_into_a_backup_that_a_device_restores(key, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n\n{"a": 2, "b": [null, "ü"]}\n')
    target = tmp_path / "b.bak"
    run("import", tmp_path / "in.jsonl", target, "c", *with_key(key))
    run("import", tmp_path / "in.jsonl", target, "d", *with_key(key))
    with Unosql("device", key, path=str(tmp_path), memtable=2048, log_level="NONE") as db:
        assert db.restore(str(target)) == 4
        assert db.find("d", "a", 2)[0]["b"] == [None, "ü"] and db.count("c") == 2
        assert abs(db.get("c", 1)["timestamp"] + 946684800 - time.time()) < 100


@pytest.mark.parametrize("kind", ["directory", "backup"])
def test_a_bad_line_imports_nothing(kind, tmp_path, capsys):
    path, _ = make(tmp_path, kind)
    before = digest(path)
    for text, message in (('{"a": 1}\n{"a": \n', "in.jsonl:2: not JSON"), ('{"a": 1}\n[1]\n', "in.jsonl:2: not a JSON object"),
                          ('{"a": 1}\n{"a": "%s"}\n' % ("x" * 9000), "in.jsonl:2: ")):
        (tmp_path / "in.jsonl").write_text(text)
        assert message in fails(capsys, "import", tmp_path / "in.jsonl", path, "users")
        with_new = fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / ("new.udb" if kind == "directory" else "n.bak"), "c")
        assert message in with_new and not (tmp_path / "new.udb").exists() and not (tmp_path / "n.bak").exists()
    if kind == "backup":
        assert digest(path) == before
    else:
        run("query", path, "users", '{"a": 1}', "--json")
        assert capsys.readouterr().out == ""
    run("verify", path)


def test_salvaged_lines_can_be_imported(tmp_path):
    path, truth = make(tmp_path, "directory")
    found = salvaged(path)
    run("import", tmp_path / "salvaged.jsonl", tmp_path / "new.udb")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        for name, records in found.items():
            assert [without_meta(r) for r in db.all(name)] == [without_meta(r) for r in records.values()]


def test_import_says_what_it_needs(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n')
    assert "names no collection" in fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / "n.udb")
    assert not (tmp_path / "n.udb").exists()
    assert "is no backup file" in fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / "in.jsonl", "c")
    assert "NAME.udb" in fails(capsys, "import", tmp_path / "in.jsonl", tmp_path, "c")
    assert "No such file" in fails(capsys, "import", tmp_path / "nothing", tmp_path / "n.udb", "c")
    (tmp_path / "in.csv").write_text("a,b\n1,2,3\n")
    assert "in.csv:2: more cells" in fails(capsys, "import", tmp_path / "in.csv", tmp_path / "n.udb", "c")


# -- text that is not Unicode, and a user's own id


STORED = {"<half>": b"\xed\xa0\xbd", "<pair>": b"\xed\xa0\xbd\xed\xb8\x82", "<latin>": b"\xe9", "<long>": b"\xc0\x80"}
ODD = [("fine", "fine"), ("cut off <half>", "cut off \ufffd"), ("pair <pair>", "pair \U0001f602"), ("caf<latin>", "caf\ufffd"),
       ("a<long>", "a\ufffd"), ("last", "last")]


def bytes_of(data):
    for mark, bytes_ in STORED.items():
        data = data.replace(mark.encode(), bytes_)
    return data


def marks(data):
    for mark, bytes_ in sorted(STORED.items(), key=lambda pair: -len(pair[1])):
        data = data.replace(bytes_, mark.encode())
    return data.decode()


@pytest.fixture
def earlier(monkeypatch):
    """Makes databases as earlier versions did, with whatever bytes text had. Call it to stop that."""
    from unosql.documents import collection, index, keys

    pack, encode = collection.pack, index.encode
    monkeypatch.setattr(collection, "pack", lambda *values: bytes_of(pack(*values)))
    monkeypatch.setattr(keys, "collection", lambda name: bytes_of(b"Z" + name.encode()))
    monkeypatch.setattr(keys, "named", marks)
    monkeypatch.setattr(index, "encode", lambda value, limit=120: bytes_of(encode(value, limit)))
    return monkeypatch.undo


def odd_records(db):
    db.create_index("c", "n")
    for i, (text, _) in enumerate(ODD):
        db.insert("c", {"text": text, "n": i, "k" + text: [text]})
    db.insert("coll<latin>", {"n": 1})
    db.insert("coll<half>", {"n": 2})


def make_odd(folder, kind, earlier, key=None):
    path = make(folder, kind, key, odd_records)[0]
    earlier()
    return path


def odd_read():
    return [{"text": text, "n": i, "k" + text: [text]} for i, (_, text) in enumerate(ODD)]


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_earlier_versions_stored_is_read_and_named(kind, key, tmp_path, capsys, earlier):
    path = make_odd(tmp_path, kind, earlier, key)
    before = digest(path)
    run("query", path, "c", "--json", *with_key(key))
    output = capsys.readouterr()
    assert [without_meta(json.loads(line)) for line in output.out.splitlines()] == odd_read()
    assert "c: 3 records have text that is not Unicode" in output.err and "ids 2, 4-5" in output.err
    run("query", path, "c", '{"text": "pair \\ud83d\\ude02"}', "--order-by", "n", *with_key(key))
    output = capsys.readouterr()
    assert "\U0001f602" in output.out and "not Unicode" not in output.err
    run("verify", path, *with_key(key))
    output = capsys.readouterr()
    assert "no problems" in output.out and "ids 2, 4-5" in output.err and output.err.count("the name of collection") == 2

    for form in ("jsonl", "sqlite"):
        run("export", path, "--format", form, "-o", tmp_path / ("out." + form), *with_key(key))
        errors = capsys.readouterr().err
        assert "ids 2, 4-5" in errors and "8 records written" in errors
    run("export", path, "--format", "csv", "-o", tmp_path / "out.csv", "--collection", "c", *with_key(key))
    assert "ids 2, 4-5" in capsys.readouterr().err
    found = lines_of(tmp_path / "out.jsonl")
    assert [without_meta(r) for r in found["c"].values()] == odd_read()
    assert sorted(found) == ["c", "coll\ufffde9", "coll\ufffded\ufffda0\ufffdbd"]
    assert sorted(r["n"] for name in found if name != "c" for r in found[name].values()) == [1, 2]
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == [text for _, text in ODD]
    connection = sqlite3.connect(tmp_path / "out.sqlite")
    assert connection.execute("SELECT text FROM c ORDER BY n").fetchall() == [(text,) for _, text in ODD]
    connection.close()

    saved = salvaged(path, key)
    assert saved == found
    assert "ids 2, 4-5" in capsys.readouterr().err
    run("inspect", path, "--json", *with_key(key))
    assert sum(c["records"] for c in json.loads(capsys.readouterr().out)["collections"]) == 8
    assert digest(path) == before

    run("import", tmp_path / "out.jsonl", tmp_path / "new.udb")
    run("verify", tmp_path / "new.udb")
    assert "records have text" not in capsys.readouterr().err


def test_salvage_of_damage_beside_odd_text(tmp_path, capsys, earlier):
    path = make_odd(tmp_path, "directory", earlier)
    for slot in path.glob("m*"):
        slot.unlink()
    assert [without_meta(r) for r in salvaged(path)["c"].values()] == odd_read()
    assert "not Unicode" in capsys.readouterr().err


@pytest.mark.parametrize("line, read, remarked", [
    (b'{"t": "cut off \\ud83d"}', {"t": "cut off \ufffd"}, True),
    (b'{"t": "caf\xe9", "k\xe9": [1]}', {"t": "caf\ufffd", "k\ufffd": [1]}, True),
    (b'{"t": "\xed\xa0\xbd\xed\xb8\x82"}', {"t": "\U0001f602"}, False),
    (b'{"t": "\\ud83d\\ude02"}', {"t": "\U0001f602"}, False),
    (b'{"t": "\xef\xbf\xbd"}', {"t": "\ufffd"}, False),
])
def test_import_of_text_that_is_not_unicode(line, read, remarked, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_bytes(b'\xef\xbb\xbf{"t": 1}\r\n' + line + b'\n{"t": 3}\n')
    run("import", tmp_path / "in.jsonl", tmp_path / "new.udb", "c")
    errors = capsys.readouterr().err
    assert ("in.jsonl:2: text that is not Unicode" in errors) is remarked and "jsonl:1" not in errors and "jsonl:3" not in errors
    run("query", tmp_path / "new.udb", "c", "--json")
    output = capsys.readouterr()
    assert [without_meta(json.loads(row)) for row in output.out.splitlines()] == [{"t": 1}, read, {"t": 3}]
    assert not output.err


def test_import_of_a_csv_in_latin_1(tmp_path, capsys):
    (tmp_path / "in.csv").write_bytes(b'ssid,n\r\nhome,1\r\ncaf\xe9,2\r\n"two\r\nlines",3\r\n')
    message = fails(capsys, "import", tmp_path / "in.csv", tmp_path / "new.udb", "c")
    assert "in.csv:3: byte E9 at offset 19 is not utf-8" in message and "--encoding cp1252" in message and "café,2" in message
    run("import", tmp_path / "in.csv", tmp_path / "new.udb", "c", "--encoding", "latin-1")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert [r["ssid"] for r in db.all("c")] == ["home", "café", "two\r\nlines"]


def test_json_lines_on_a_terminal_that_takes_ascii_only(tmp_path):
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert("a", {"t": "\U0001f602\ufffd"}))
    code = "import sys; sys.path.insert(0, %r); from unosql_pc.cli import main; sys.exit(main())" % str(ROOT / "pc")
    for command in (["query", str(path), "a", "--json"], ["salvage", str(path), "-"]):
        done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, env={"PYTHONIOENCODING": "ascii"})
        assert done.returncode == 0, done.stderr
        assert b"\\ud83d\\ude02\\ufffd" in done.stdout


def imported(folder, name, *more):
    """The records that importing a file gives."""
    target = folder / (name.replace(".", "_") + "%d.udb" % len(list(folder.iterdir())))
    run("import", folder / name, target, "c", *more)
    with Unosql(target.stem, path=str(folder), log_level="NONE") as db:
        return db.all("c")


@pytest.mark.parametrize("own", [{"id": "node-7"}, {"timestamp": 1700000000}, {"id": 7, "timestamp": 5}, {"version": "fw2.1"}])
def test_an_id_of_ones_own_is_not_lost(own, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n%s\n' % json.dumps({"lat": 48.1, **own}))
    message = fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / "no.udb", "c")
    assert "in.jsonl:2: record['%s']" % next(iter(own)) in message and "--own rename" in message
    assert not (tmp_path / "no.udb").exists()
    renamed = imported(tmp_path, "in.jsonl", "--own", "rename")[1]
    assert without_meta(renamed) == {"lat": 48.1, **{"own_" + name: value for name, value in own.items()}}
    assert without_meta(imported(tmp_path, "in.jsonl", "--own", "drop")[1]) == {"lat": 48.1}
    (tmp_path / "twice.jsonl").write_text('{"id": 1, "own_id": 2}\n')
    assert "own_id is there already" in fails(capsys, "import", tmp_path / "twice.jsonl", tmp_path / "n.udb", "c", "--own", "rename")


def test_records_that_were_exported_get_new_ids(tmp_path):
    path, truth = make(tmp_path, "directory")
    run("export", path, "--format", "csv", "-o", tmp_path / "log.csv", "--collection", "log")
    ids = sorted(truth["log"])
    for more in ((), ("--text",)):
        rows = imported(tmp_path, "log.csv", *more)
        assert [r["id"] for r in rows] == list(range(1, len(ids) + 1))
        assert [float(r["t"]) for r in rows] == [truth["log"][id]["t"] for id in ids]
    assert [r["own_id"] for r in imported(tmp_path, "log.csv", "--own", "rename")] == ids


# -- boards


def test_flash_checks_sums_and_the_chip(tmp_path, capsys, monkeypatch):
    from test_flash import make_image

    monkeypatch.setenv("ESPTOOL_OPTIONS", "--before no-reset --after no-reset")
    image = make_image(tmp_path, "esp32")
    other = make_image(tmp_path, "esp32c3")
    (tmp_path / "SHA256SUMS").write_text("%s  %s\n" % (hashlib.sha256(image.read_bytes()).hexdigest(), image.name))
    with Chip("esp32", 4 << 20) as chip:
        assert "the image is for esp32c3" in fails(capsys, "flash", other, "--port", chip.port, "--baud", "115200")
        assert not chip.writes
        run("flash", tmp_path, "--port", chip.port, "--baud", "115200", "--erase", "no")  # of the two the one that fits
        assert chip.flash[0x1004 : 0x1000 + image.stat().st_size] == image.read_bytes()[4:]
        done = len(chip.writes)
        flip(image, 500)
        assert "SHA256SUMS" in fails(capsys, "flash", image, "--port", chip.port)
        assert len(chip.writes) == done


def test_flash_can_be_tried_dry(tmp_path, capfd):
    from test_flash import make_image

    run("flash", make_image(tmp_path, "esp8266"), "--dry-run", "--erase", "yes")
    out = capfd.readouterr().out
    assert "erase-flash" in out and "write-flash" in out and sys.executable in out


def test_no_board_says_what_to_do(capsys, monkeypatch):
    from unosql_pc import flashing

    monkeypatch.setattr(flashing, "comports", lambda: [])
    run("ports", status=1)
    assert "data cable" in capsys.readouterr().err


def test_ports_are_listed(capsys, monkeypatch):
    from serial.tools.list_ports_common import ListPortInfo
    from unosql_pc import flashing

    port = ListPortInfo("/dev/ttyUSB7")
    port.vid, port.description, port.serial_number = 0x10C4, "CP2102", "0001"
    monkeypatch.setattr(flashing, "comports", lambda: [port, ListPortInfo("/dev/ttyS0")])
    run("ports")
    out = capsys.readouterr().out
    assert "/dev/ttyUSB7" in out and "CP2102" in out and "ttyS0" not in out


def test_pull_without_a_board(tmp_path, capsys):
    assert "unosql ports" in fails(capsys, "pull", tmp_path / "ttyNONE", "db", tmp_path)
    assert "no name of a database" in fails(capsys, "pull", "ttyNONE", "../x", tmp_path)


@pytest.fixture(scope="module")
def emulated(request):
    """The port of an emulated board with databases on raw flash and on files. Needs QEMU and the firmware for it."""
    if "qemu" not in (request.config.getoption("target") or targets.DEFAULT):
        pytest.skip("qemu is not asked for by --target")
    try:
        board = targets.make("qemu")
    except targets.Missing as e:
        pytest.skip("qemu needs %s" % e)
    from mpremote.transport_serial import SerialTransport

    transport = SerialTransport(board.port, timeout=2)
    transport.enter_raw_repl()
    transport.exec("from unosql.core import Unosql\n"
                   "for name, path in (('raw', None), ('files', '/'), ('other', None)):\n"
                   " with Unosql(name, b'0123456789abcdef', 1000, path=path) as db:\n"
                   "  for i in range(60): db.insert('c', {'i': i, 'db': name})\n")
    transport.close()
    yield board.port
    board.close()


def test_port_errors_are_alike(tmp_path, capsys):
    from test_flash import make_image

    image, (path, _) = make_image(tmp_path, "esp32"), make(tmp_path, "directory")
    nowhere, plain = tmp_path / "ttyNONE", tmp_path / "file"
    plain.write_text("")
    for command in (["flash", image, "--port", nowhere], ["pull", nowhere, "db", tmp_path], ["push", nowhere, path],
                    ["copy", nowhere, ":a", tmp_path]):
        message = fails(capsys, *command)
        assert "ttyNONE: there is no such port: is the board plugged in?; `unosql ports` lists those attached" in message
    for command in (["pull", plain, "db", tmp_path], ["push", plain, path], ["copy", plain, ":a", tmp_path]):
        assert "file: no MicroPython board answers" in fails(capsys, *command)


@pytest.mark.parametrize("names", [[":a"], ["a", "b"], [":a", ":b"], ["a", ":b", ":c"]])
def test_copy_is_between_a_board_and_here(names, capsys):
    assert "a colon is the board" in fails(capsys, "copy", "/dev/null", *names)


def test_push_from_every_kind(emulated, tmp_path, capsys):
    """A directory and a littlefs go to the filesystem as they are, an image and a backup into the raw partition."""
    for kind in KINDS:
        folder = tmp_path / kind
        folder.mkdir()
        path, truth = make(folder, kind, KEY)
        more = ["--raw"] if kind == "backup" else []
        run("push", emulated, path, "--as", kind + "_new", *more, *with_key(KEY))
        assert "is on the board already" in (message := fails(capsys, "push", emulated, path, "--as", kind + "_new", *more, *with_key(KEY))) or (
            "the raw partition has a database" in message)
        run("push", emulated, path, "--as", kind + "_new", "--replace", *more, *with_key(KEY))
        run("pull", emulated, kind + "_new", folder)
        run("verify", folder, "--name", kind + "_new", *with_key(KEY)) if kind in ("directory", "littlefs") else None
        pulled = next(p for p in folder.iterdir() if p.name.startswith(kind + "_new"))
        run("export", pulled, "--name", kind + "_new", "--format", "jsonl", "-o", folder / "o.jsonl", "--epoch", "1970", *with_key(KEY))
        assert lines_of(folder / "o.jsonl") == {name: rows for name, rows in truth.items() if rows}


def test_what_push_refuses(emulated, tmp_path, capsys):
    path, _ = make(tmp_path, "backup", KEY)
    assert "another key" in fails(capsys, "push", emulated, path, "--raw", "--key", "ff" * 16)
    assert "no directory /nowhere" in fails(capsys, "push", emulated, path, "--folder", "/nowhere")
    assert "no name of a database" in fails(capsys, "push", emulated, path, "--as", "a/b")
    (tmp_path / "large.bin").write_bytes(bytes(3 << 20))
    assert "do not fit" in fails(capsys, "copy", emulated, tmp_path / "large.bin", ":")


def test_copy_to_a_board_and_back(emulated, tmp_path, capsys):
    data = random.Random(1).randbytes(3000)
    (tmp_path / "a.bin").write_bytes(data)
    (tmp_path / "b.txt").write_text("ü'\"")
    run("copy", emulated, tmp_path / "a.bin", tmp_path / "b.txt", ":")
    assert "/a.bin is on the board already" in fails(capsys, "copy", emulated, tmp_path / "a.bin", ":")
    run("copy", emulated, tmp_path / "a.bin", ":b.txt", "--replace")
    (tmp_path / "back").mkdir()
    run("copy", emulated, ":a.bin", ":b.txt", tmp_path / "back")
    assert (tmp_path / "back" / "a.bin").read_bytes() == (tmp_path / "back" / "b.txt").read_bytes() == data
    assert "exists already" in fails(capsys, "copy", emulated, ":a.bin", tmp_path / "back")
    assert "no file /absent on the board" in fails(capsys, "copy", emulated, ":absent", tmp_path)


def test_a_backup_goes_over_as_a_file(emulated, tmp_path, capsys):
    path, _ = make(tmp_path, "backup", KEY)
    run("push", emulated, path)
    assert "db.restore('/test.bak')" in capsys.readouterr().err
    run("copy", emulated, ":test.bak", tmp_path / "back.bak")
    assert (tmp_path / "back.bak").read_bytes() == path.read_bytes()


def test_pull_from_a_board(emulated, tmp_path, capsys):
    for name, target in (("raw", "raw.img"), ("files", "files.udb")):
        run("pull", emulated, name, tmp_path)
        run("query", tmp_path / target, "c", "--name", name, "--json", *with_key(KEY))
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(r["i"], r["db"]) for r in rows] == [(i, name) for i in range(60)]
        run("verify", tmp_path / target, "--name", name, *with_key(KEY))
        assert "exists already" in fails(capsys, "pull", emulated, name, tmp_path)
    told = fails(capsys, "pull", emulated, "absent", tmp_path).partition("there are:")[2]
    assert re.search(r"\d databases whose names a key opens \(.*%08x.*\).*, files" % images.database_id("raw"), told), told
    told = fails(capsys, "pull", emulated, "absent", tmp_path, *with_key(KEY)).partition("there are: ")[2].split(", ")
    assert {"other", "raw", "files"} <= set(told), told
    assert fails(capsys, "pull", emulated, "absent", tmp_path, "--folder", "/none").endswith("in /none; there are: none")
    assert not list(tmp_path.glob("*.part"))


# -- the command itself


def test_ctrl_c_is_quiet(tmp_path, capsys, monkeypatch):
    path, _ = make(tmp_path, "directory")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(open_path, "choose", interrupted)
    run("verify", path, status=130)
    assert "Traceback" not in capsys.readouterr().err


def test_a_pipe_that_closes_is_no_error(tmp_path):
    path, _ = make(tmp_path, "directory")
    code = "import sys; sys.path.insert(0, %r); from unosql_pc.cli import main; sys.exit(main())" % str(ROOT / "pc")
    command = [sys.executable, "-c", code, "query", str(path), "users", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait() == 0


@pytest.mark.parametrize("arguments, lines, status", [(["verify"], "", 1), (["shell"], "find users\n" * 200, 0)])
def test_what_a_command_found_is_told_though_nobody_reads_it(arguments, lines, status, tmp_path):
    path, _ = make(tmp_path, "directory")
    if status:
        segment = next(path.glob("s*"))
        segment.write_bytes(segment.read_bytes()[:-40])
    with subprocess.Popen([sys.executable, "-m", "unosql_pc", *arguments, str(path)], cwd=ROOT / "pc", env={"PYTHONPATH": str(ROOT)},
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        process.stdin.write(lines)
        process.stdin.close()
        assert "error" not in process.stderr.read() and process.wait() == status


def test_a_passphrase_that_is_no_text(tmp_path, capsys, monkeypatch):
    path, _ = make(tmp_path, "directory", KEY)
    monkeypatch.setenv(key_input.PASSPHRASE, "\udcff\udcfeabcdefgh")
    assert "the passphrase is no UTF-8" in fails(capsys, "verify", path)


def test_the_engine_is_not_copied():
    """One implementation: what a wheel bundles is taken from where it is."""
    assert not (ROOT / "pc" / "unosql_pc" / "bundled").exists()
    for name in ("cryptolib.py", "uzlib.py"):
        assert (SHIMS / name).resolve() == ROOT / "pc" / "unosql_pc" / "standins" / name


def test_a_wheel_has_every_package():
    """pyproject.toml lists them by hand: a folder of modules that is not in it would be missing in the wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    homes = {"pc/unosql_pc": "unosql_pc", "modules/unosql": "unosql_pc.bundled.unosql", "firmware": "unosql_pc.bundled.firmware"}
    folders = {}
    for home, name in homes.items():
        for file in (ROOT / home).rglob("*.py"):
            inner = file.parent.relative_to(ROOT / home).parts
            folders[".".join((name, *inner))] = "/".join((home, *inner))
    assert sorted(listed["packages"]) == sorted(folders) and listed["package-dir"] == folders


def test_a_wheel_installs_and_works(tmp_path):
    """Building takes setuptools from the package index; the dependencies are those of this interpreter."""
    source = tmp_path / "source"
    for name in ("pc", "modules", "firmware", "pyproject.toml", "LICENSE", "docs/PC.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    built = subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, source], capture_output=True, text=True)
    if built.returncode and "No matching distribution found for setuptools" in built.stdout + built.stderr:
        pytest.skip("a wheel needs setuptools from the package index")
    assert built.returncode == 0, built.stderr
    venv.create(tmp_path / "venv", symlinks=True)
    scripts = tmp_path / "venv" / "bin"
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(next(p for p in sys.path if p.endswith("site-packages")))
    wheel = next(tmp_path.glob("*.whl"))
    page = {str(file.relative_to(ROOT / "pc")) for file in (ROOT / "pc" / "unosql_pc" / "page").rglob("*") if file.is_file()}
    assert len(page) >= 6 and page <= set(zipfile.ZipFile(wheel).namelist())
    subprocess.run([*pip, "--python", scripts / "python", "install", "--no-deps", "--no-index", wheel], check=True,
                   capture_output=True)
    shutil.rmtree(source)
    path, truth = make(tmp_path, "directory", KEY)
    done = subprocess.run([scripts / "unosql", "query", path, "users", "--json", "--key", KEY.hex()], cwd=tmp_path,
                          capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(truth["users"])
    version = subprocess.run([scripts / "unosql", "--version"], capture_output=True, text=True).stdout
    assert version == "unosql %s\n" % engine.version()
