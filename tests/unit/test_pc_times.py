"""The `unosql` command: times as ISO 8601, which database is meant, and records that keep their ids."""
import csv
import json
import sqlite3
import time

import pytest
from test_pc import KEY, KINDS, digest, fails, littlefs, make, run
from test_pc import no_keys_around  # noqa: F401  a fixture

from unosql import jsonl
from unosql.core import Unosql
from unosql.storage.files import Files
from unosql_pc import database, images, times
from unosql_pc.terminal import Failure

BOARD = 848697600  # 2026-11-22T21:20:00Z, as a board counts: since 2000
UNIX = BOARD + 946684800


def at(path, seconds, *records):
    """Records in a new database directory, written when the device's clock stood at these seconds."""
    with database.opened(Files(str(path)), None, clock=lambda: seconds) as catalog:
        for record in records:
            catalog.collection("c", True).insert(record)
    return path


def queried(capsys, *arguments):
    capsys.readouterr()
    run("query", *arguments, "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("seconds", [BOARD, UNIX])
def test_a_timestamp_reads_as_iso_whatever_the_epoch(seconds, tmp_path, capsys):
    path = at(tmp_path / "t.udb", seconds, {"at": seconds + 0.5, "big": 1 << 70})
    assert queried(capsys, path, "c")[0]["timestamp"] == "2026-11-22T21:20:00Z"
    assert queried(capsys, path, "c", "--tz", "+02:00")[0]["timestamp"] == "2026-11-22T23:20:00+02:00"
    assert queried(capsys, path, "c", "--tz", "-05:00")[0]["timestamp"] == "2026-11-22T16:20:00-05:00"
    assert queried(capsys, path, "c", "--tz", "Asia/Yerevan")[0]["timestamp"] == "2026-11-23T01:20:00+04:00"
    row = queried(capsys, path, "c", "--times", "at,big")[0]
    assert row["at"] == "2026-11-22T21:20:00.500000Z" and row["big"] == 1 << 70
    assert queried(capsys, path, "c", "--raw-times")[0]["timestamp"] == seconds
    run("query", path, "c")
    assert "2026-11-22T21:20:00Z" in capsys.readouterr().out


def test_an_epoch_can_be_said(tmp_path, capsys):
    path = at(tmp_path / "t.udb", BOARD, {})
    assert queried(capsys, path, "c", "--epoch", "1970")[0]["timestamp"] == "1996-11-22T21:20:00Z"
    assert queried(capsys, path, "c", "--epoch", "2000")[0]["timestamp"] == "2026-11-22T21:20:00Z"


@pytest.mark.parametrize("seconds", [BOARD, UNIX])
def test_conditions_take_iso(seconds, tmp_path, capsys):
    path = at(tmp_path / "t.udb", seconds, {"n": 1, "at": seconds - 60}, {"n": 2, "at": seconds + 60})
    for where, n in (({"timestamp": {"gte": "2026-11-22T21:20:00Z"}}, 2), ({"timestamp": {"gt": "2026-11-22T21:20:00Z"}}, 0),
                     ({"timestamp": "2026-11-22T22:20:00+01:00"}, 2), ({"timestamp": {"in": ["2026-11-22T21:20:00"]}}, 2),
                     ({"or": [{"at": {"lt": "2026-11-22T21:19:30Z"}}, {"not": {"timestamp": {"gt": "2026-11-22"}}}]}, 1)):
        assert len(queried(capsys, path, "c", json.dumps(where), "--times", "at")) == n, where
    assert len(queried(capsys, path, "c", '{"timestamp": {"lt": "2026-11-22T22:30"}}', "--tz", "+01:00")) == 2
    assert len(queried(capsys, path, "c", '{"timestamp": {"lt": "2026-11-22T22:10"}}', "--tz", "+01:00")) == 0
    assert "timestamp: soon is no time" in fails(capsys, "query", path, "c", '{"timestamp": {"lt": "soon"}}')
    assert "no time zone Mars/Base" in fails(capsys, "query", path, "c", "--tz", "Mars/Base")
    assert "no time zone" in fails(capsys, "query", path, "c", "--tz", "../../etc/passwd")


def test_exports_have_iso_too(tmp_path):
    path = at(tmp_path / "t.udb", BOARD, {"a": 1})
    for form in ("jsonl", "csv", "sqlite"):
        run("export", path, "--format", form, "--collection", "c", "-o", tmp_path / ("o." + form))
        run("export", path, "--format", form, "--collection", "c", "--raw-times", "-o", tmp_path / ("raw." + form))
    assert json.loads((tmp_path / "o.jsonl").read_text())["timestamp"] == "2026-11-22T21:20:00Z"
    assert json.loads((tmp_path / "raw.jsonl").read_text())["timestamp"] == BOARD
    assert list(csv.DictReader(open(tmp_path / "o.csv")))[0]["timestamp"] == "2026-11-22T21:20:00Z"
    connection = sqlite3.connect(tmp_path / "o.sqlite")
    assert connection.execute("SELECT timestamp FROM c").fetchall() == [("2026-11-22T21:20:00Z",)]
    connection.close()


def test_text_and_back():
    for zone in ("UTC", "local", "-09:30", "Europe/Paris"):
        for epoch in ("2000", "1970"):
            shown = times.Times(epoch, times.zone(zone))
            assert shown.stored(shown.text(BOARD)) == BOARD
    assert times.Times().text(True) is True and times.Times().text("x") == "x" and times.Times().text(1 << 200) == 1 << 200
    with pytest.raises(Failure):
        times.zone("+25:00")


# -- which database


def flash(*names):
    data = bytearray(b"\xff" * (256 << 10))
    for name in names:
        with Unosql(name, storage=images.Device(data), log_level="NONE") as db:
            db.insert("c", {"db": name})
    return bytes(data)


def test_the_file_s_stem_says_which(tmp_path, capsys):
    image = tmp_path / "two.img"
    image.write_bytes(flash("one", "two", "three"))
    assert queried(capsys, image, "c")[0]["db"] == "two"
    assert queried(capsys, image, "c", "--name", "one")[0]["db"] == "one"
    run("inspect", image, "--json")
    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert "two" in names and len(names) == 3
    image.rename(tmp_path / "chip.img")
    assert "say which with --name" in fails(capsys, "query", tmp_path / "chip.img", "c")
    (tmp_path / "lone.img").write_bytes(flash("one"))
    assert queried(capsys, tmp_path / "lone.img", "c")[0]["db"] == "one"


def test_the_stem_says_which_directory_of_a_littlefs(tmp_path, capsys):
    for name in ("a", "b"):
        at(tmp_path / (name + ".udb"), BOARD, {"db": name})
    (tmp_path / "b.img").write_bytes(littlefs([tmp_path / "a.udb", tmp_path / "b.udb"]))
    assert queried(capsys, tmp_path / "b.img", "c")[0]["db"] == "b"


# -- ids that stay


def build(db):
    """Records with gaps, versions above 1, an index, a cap; what the database answers."""
    db.insert_many("users", [{"name": "u%d" % i, "age": i % 7} for i in range(30)])
    db.create_index("users", "name", unique=True)
    db.create_index("users", ["age", "name"], where={"age": {"gt": 3}})
    for _ in range(3):
        db.update("users", {"age": 2}, {"seen": True})
    db.delete("users", {"age": {"in": [0, 6]}})
    db.delete("users", "id", 30)
    db.insert_many("log", [{"t": i} for i in range(40)])
    db.configure("log", capped=25, history=2)
    return facts(db)


def facts(db):
    return {name: (db.all(name), db.indexes(name), db.count(name)) for name in db.collections()}


@pytest.mark.parametrize("target", ["udb", "bak"])
@pytest.mark.parametrize("command", ["export", "salvage"])
def test_ids_timestamps_and_versions_stay(command, target, tmp_path):
    path, truth = make(tmp_path, "directory", build=build)
    lines = tmp_path / "all.jsonl"
    out = ["--format", "jsonl", "-o", lines] if command == "export" else [lines]
    run(command, path, *out, "--keep-ids")
    run("import", lines, tmp_path / ("new." + target), "--keep-ids", "--epoch", "1970")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        if target == "bak":
            db.restore(str(tmp_path / "new.bak"))
        assert facts(db) == truth
        assert db.verify() == []
        assert db.insert("users", {"name": "next"}) == 31 and db.insert("log", {"t": 40}) == 41
        assert db.count("log") == 25 and db.find_one("log")["t"] == 16
        assert db.find("users", "name", "u9")[0]["version"] == 4


def test_a_csv_keeps_ids_too(tmp_path):
    path, truth = make(tmp_path, "directory", build=build)
    run("export", path, "--format", "csv", "--collection", "users", "-o", tmp_path / "u.csv")
    run("import", tmp_path / "u.csv", tmp_path / "new.udb", "users", "--keep-ids", "--epoch", "1970")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert db.all("users") == truth["users"][0]


def test_the_epoch_changes_on_the_way(tmp_path, capsys):
    path = at(tmp_path / "pc.udb", UNIX, {"a": 1})
    run("export", path, "--format", "jsonl", "-o", tmp_path / "a.jsonl")
    run("import", tmp_path / "a.jsonl", tmp_path / "board.udb", "--keep-ids")
    assert queried(capsys, tmp_path / "board.udb", "c", "--raw-times")[0]["timestamp"] == BOARD


def test_missing_parts_of_what_is_kept(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"id": 7, "a": 1}\n{"id": 3, "version": 5, "timestamp": 12}\n')
    run("import", tmp_path / "in.jsonl", tmp_path / "new.udb", "c", "--keep-ids", "--epoch", "1970")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        first, second = db.all("c")
        assert first == {"id": 3, "timestamp": 12, "version": 5}
        assert second["id"] == 7 and second["version"] == 1 and abs(second["timestamp"] - time.time()) < 100
        assert db.insert("c", {}) == 8 and db.verify() == []


@pytest.mark.parametrize("lines, message", [
    ('{"id": 1}\n{"id": 1}\n', "in.jsonl:2: id 1 is taken in c"),
    ('{"a": 1}\n', "in.jsonl:1: the record has no id to keep"),
    ('{"id": "node-7"}\n', "record['id'] is 'node-7'"),
    ('{"id": 0}\n', "record['id'] is 0"),
    ('{"id": 1, "version": 1.5}\n', "record['version'] is 1.5"),
    ('{"id": 1, "timestamp": "now"}\n', "in.jsonl:1: the timestamp now is no time"),
    ('{"id": 1, "timestamp": "1999-01-01"}\n', "record['timestamp'] is -31536000"),
    ('{"id": 1, "a": 1}\n{"id": 2, "a": 1}\n{"collection": "c", "next": 1, "options": {}, "indexes": '
     '[{"keys": ["a"], "unique": true, "where": null}]}\n', "in.jsonl:3: "),
    ('{"collection": "c", "next": 1, "options": {"capped": "x"}, "indexes": []}\n', "no option of a collection: capped='x'"),
    ('{"collection": "c", "next": 1, "options": {}, "indexes": [5]}\n', "in.jsonl:1: not what --keep-ids writes of an index"),
])
def test_what_cannot_be_kept_imports_nothing(lines, message, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text(lines)
    assert message in fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / "new.udb", "c", "--keep-ids")
    assert not (tmp_path / "new.udb").exists()


def test_ids_that_a_cap_has_dropped_stay_dropped(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", build=build)
    (tmp_path / "in.jsonl").write_text('{"id": 3, "t": 2}\n')
    before = digest(path)
    assert "id 3 is taken" in fails(capsys, "import", tmp_path / "in.jsonl", path, "log", "--keep-ids")
    run("verify", path)
    assert queried(capsys, path, "log")[0]["id"] == 16 and before


@pytest.mark.parametrize("kind", KINDS)
def test_export_keeps_ids_of_every_kind(kind, tmp_path, capsys):
    path, truth = make(tmp_path, kind, build=build)
    run("export", path, "--format", "jsonl", "--keep-ids", "-o", tmp_path / "o.jsonl")
    states = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines() if '"next"' in line]
    assert [(s["collection"], s["next"], s["indexes"]) for s in states] == [
        (name, {"users": 31, "log": 41}[name], truth[name][1]) for name in sorted(truth)]
    assert "--format jsonl" in fails(capsys, "export", path, "--format", "csv", "--keep-ids", "-o", tmp_path / "o.csv")


def test_lines_of_a_device_and_of_the_pc(tmp_path, capsys):
    """What unosql.jsonl writes on a board `unosql import` takes, and the other way, with ids, timestamps and versions."""
    with Unosql("here", path=str(tmp_path), log_level="NONE") as db:
        db.insert_many("log", [{"t": n, "text": "caf\xe9"} for n in range(5)])
        db.update("log", "t", 2, {"t": 9})
        db.delete("log", "t", 1)
        with open(tmp_path / "device.jsonl", "wb") as file:
            assert jsonl.dump(db, "log", file) == 4
        records = db.all("log")
    run("import", tmp_path / "device.jsonl", tmp_path / "pc.udb", "log", "--keep-ids")
    run("export", tmp_path / "pc.udb", "--format", "jsonl", "--collection", "log", "--raw-times", "-o", tmp_path / "pc.jsonl")
    with Unosql("there", path=str(tmp_path), log_level="NONE") as db:
        with open(tmp_path / "pc.jsonl", "rb") as file:
            assert jsonl.load(db, "log", file, keep_ids=True) == 4
        assert db.all("log") == records
        run("export", tmp_path / "pc.udb", "--format", "jsonl", "--keep-ids", "-o", tmp_path / "all.jsonl")
        with open(tmp_path / "every.jsonl", "wb") as file:
            assert jsonl.dump(db, None, file) == 4
        run("import", tmp_path / "every.jsonl", tmp_path / "again.udb", "--keep-ids")
        run("export", tmp_path / "again.udb", "--format", "jsonl", "--raw-times", "-o", tmp_path / "back.jsonl")
        db.drop("log")
        with open(tmp_path / "back.jsonl", "rb") as file:
            assert jsonl.load(db, None, file, keep_ids=True) == 4
        assert db.all("log") == records
        with open(tmp_path / "all.jsonl") as file, pytest.raises(ValueError, match="^line 1: .* `unosql import` reads it"):
            jsonl.load(db, "log", file)


def test_databases_of_raw_flash_are_listed_by_name(tmp_path, capsys):
    (tmp_path / "chip.img").write_bytes(flash("one", "two"))
    told = fails(capsys, "query", tmp_path / "chip.img", "c")
    assert "say which with --name: one, two" in told
    run("inspect", tmp_path / "chip.img", "--json")
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]


def test_a_key_opens_the_names_that_are_under_it(tmp_path, capsys):
    data = bytearray(b"\xff" * (256 << 10))
    for name, key in (("plain", None), ("one", KEY), ("two", KEY), ("other", b"another key's 16")):
        with Unosql(name, key, 1000, storage=images.Device(data), log_level="NONE") as db:
            db.insert("c", {"db": name})
    image = tmp_path / "chip.img"
    image.write_bytes(data)
    other = "(%08x)" % images.database_id("other")
    asked = ("--key", KEY.hex())
    told = fails(capsys, "query", image, "c", *asked)
    assert told.endswith("--name: one, plain, two, 1 database whose name another key opens " + other), told
    assert "3 databases whose names a key opens (" in fails(capsys, "query", image, "c")
    told = fails(capsys, "export", image, "-o", tmp_path / "x.jsonl", "--name", "none", *asked)
    assert "no database none in it; there are: one, plain, two, 1 database" in told
    for command in (["verify", image], ["salvage", image, tmp_path / "s.jsonl"], ["plot", image, "c", "id", "id"], ["shell", image],
                    ["push", "ttyNONE", image]):
        assert "--name: one, plain, two, 1 database" in fails(capsys, *command, *asked), command
    run("query", image, "c", "--json", "--name", "two", *asked)
    assert json.loads(capsys.readouterr().out)["db"] == "two"


def test_a_passphrase_is_asked_for_once(tmp_path, capsys, monkeypatch):
    with Unosql("secret", "correct horse", 1000, path=str(tmp_path), log_level="NONE") as db:
        db.insert("c", {"n": 1})
    asked = []
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or "correct horse")
    run("query", tmp_path / "secret.udb", "c", "--passphrase", "--json")
    assert json.loads(capsys.readouterr().out)["n"] == 1 and len(asked) == 1


def test_an_encrypted_database_tells_no_name(tmp_path, capsys):
    data = bytearray(b"\xff" * (256 << 10))
    for name, key in (("plain", None), ("secret", b"sixteen byte key")):
        with Unosql(name, key, 1000, storage=images.Device(data), log_level="NONE") as db:
            db.insert("c", {"db": name})
    assert b"plain" in data and b"secret" not in data
    (tmp_path / "chip.img").write_bytes(data)
    number = "%08x" % images.database_id("secret")
    told = fails(capsys, "query", tmp_path / "chip.img", "c")
    assert told.endswith("--name: plain, 1 database whose name a key opens (%s)" % number), told
    assert fails(capsys, "query", tmp_path / "chip.img", "c", "--name", number) == fails(
        capsys, "query", tmp_path / "chip.img", "c", "--name", "secret")  # that the key is missing
    run("inspect", tmp_path / "chip.img", "--json")
    assert {facts["name"]: "name" in facts.get("locked", "") for facts in map(json.loads, capsys.readouterr().out.splitlines())} == {
        "plain": False, number: True}
    (tmp_path / "secret.img").write_bytes(data)
    assert "--name: " not in fails(capsys, "query", tmp_path / "secret.img", "c")  # the file's name says which; the key is missing
