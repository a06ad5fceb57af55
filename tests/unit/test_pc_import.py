"""The `unosql` command: what import takes, and what spreadsheets may do with what export wrote."""
import contextlib
import csv
import json
import sqlite3
import time

import pytest
from test_pc import digest, fails, make, run, without_meta
from test_pc import no_keys_around  # noqa: F401  a fixture

from unosql.core import Unosql
from unosql_pc.csv_rows import escaped


def imported(folder, data, name, *more, collection="c"):
    """{collection: records without what the database sets} that importing a file of these bytes gives."""
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    target = folder / ("new%d.udb" % len(list(folder.iterdir())))
    run("import", folder / name, target, *([collection] if collection else []), *more)
    return contents(target)


def contents(path):
    with Unosql(path.stem, path=str(path.parent), log_level="NONE") as db:
        assert db.verify() == []
        return {name: [without_meta(r) for r in db.all(name)] for name in db.collections()}


# -- JSON


@pytest.mark.parametrize("text", [
    '[{"a": 1}, {"a": [2, {"b": "}"}]}]',
    '[\n  {\n    "a": 1\n  },\n  {\n    "a": [2, {"b": "}"}]\n  }\n]\n',
    '{"a": 1}\n{"a": [2, {"b": "}"}]}\n',
    '{"a": 1} {"a": [2, {"b": "}"}]}',
    '{\n  "a": 1\n}\n{\n  "a": [2, {"b": "}"}]\n}',
    '\n\n[{"a": 1}]\n[{"a": [2, {"b": "}"}]}]',
    '\ufeff[{"a": 1}, {"a": [2, {"b": "}"}]}]',
])
def test_json_in_any_layout(text, tmp_path):
    assert imported(tmp_path, text, "in.json") == {"c": [{"a": 1}, {"a": [2, {"b": "}"}]}]}


def test_json_of_powershell(tmp_path):
    assert imported(tmp_path, '[{"ü": "é"}]'.encode("utf-16"), "in.json") == {"c": [{"ü": "é"}]}


def test_an_empty_array_is_no_record(tmp_path, capsys):
    assert imported(tmp_path, "[]", "in.json") == {}
    assert "0 records imported" in capsys.readouterr().err


def test_collections_in_one_file(tmp_path):
    text = json.dumps({"users": [{"n": 1}, {"n": 2}], "log": [{"t": 3}], "none": []})
    assert imported(tmp_path, text, "in.json", collection=None) == {"users": [{"n": 1}, {"n": 2}], "log": [{"t": 3}]}


def test_a_single_record(tmp_path):
    for text in ('{"a": {"b": 1}}', '{\n"a": {"b": 1}\n}', '{"1": {"b": 1}}', '{"a": []}', "{}"):
        assert imported(tmp_path, text, "in.json") == {"c": [json.loads(text)]}


@pytest.mark.parametrize("text, message", [
    ('{"a": 1, "a": 2}', "in.json:1: the field 'a' is there twice"),
    ('{"a": 1}\n{"b": {"c": 1, "c": 1}}', "in.json:2: the field 'c' is there twice"),
    ('{"_default": {"1": {}, "1": {}}}', "in.json:1: the field '1' is there twice"),
    ('{"a": %s}' % ("9" * 5000), "in.json:1: a number has too many digits"),
    ('{"a": 1}\n[%s]' % ("9" * 5000), "in.json:2: a number has too many digits"),
    ('{"id": 1, "a": 1e999}', "in.json:1: record['a']: inf is not JSON"),
    ('{"a": 1}\n{"a": [1, }', "in.json:2: not JSON: expecting value at column 11"),
    ("a,b\n1,2\n", "in.json:1: not JSON: expecting value at column 1; of a CSV say --format csv"),
    (b"PK\3\4....", "in.json: this is a ZIP archive, as the files of Excel"),
    (b"\x1f\x8b\x08.", "in.json: this is packed with gzip"),
    (b"\xff\xfe{\0x", "in.json:1: byte 78 at offset 2 is not utf-16-le"),
    ('{"id": 4611686018427387904, "timestamp": 1, "version": 1}', "in.json:1: record['id'] is 4611686018427387904: what is kept"),
    ('{"id": 1, "timestamp": 1, "version": 18446744073709551616}', "in.json:1: record['version'] is"),
    ('{"%s": [{}]}' % ("n" * 65), "record 1: the name of a collection is a string of 1 to 64 characters"),
    ('{"a": "\x1b"}', "in.json:1: not JSON: invalid control character at column 8"),
])
def test_nothing_is_lost_without_a_word(text, message, tmp_path, capsys):
    (tmp_path / "in.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    told = fails(capsys, "import", tmp_path / "in.json", tmp_path / "n.udb", "--keep-ids")
    assert message in told or message in fails(capsys, "import", tmp_path / "in.json", tmp_path / "n.udb", "c", "--keep-ids")
    assert not (tmp_path / "n.udb").exists()


def test_a_backup_is_for_export(tmp_path, capsys):
    path, _ = make(tmp_path, "backup")
    assert "a backup of unosql: `unosql export` reads it" in fails(capsys, "import", path, tmp_path / "n.udb", "c")


def test_names_in_a_file_are_not_obeyed_by_a_terminal(tmp_path, capsys):
    for text, name in (('{"\\u001b[2J": [{"id": 1}]}', "in.json"), ('{"\\u001b[2J": {"1": {"id": 1}}}', "in.json"), ("\x1b[2J,\x1b[2J\n1,2\n", "in.csv")):
        (tmp_path / name).write_text(text)
        assert "\x1b" not in fails(capsys, "import", tmp_path / name, tmp_path / "n.udb", *(["c"] if name == "in.csv" else []))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_in_any_unicode(encoding, tmp_path):
    assert imported(tmp_path, '{"a": "é"}\r\n{"a": 2}\r\n'.encode(encoding), "in.json") == {"c": [{"a": "é"}, {"a": 2}]}


def test_json_in_another_encoding(tmp_path, capsys):
    data = '{"a": "é"}'.encode("cp1252")
    assert imported(tmp_path, data, "in.json", "--encoding", "cp1252") == {"c": [{"a": "é"}]}
    assert imported(tmp_path, data, "in.json") == {"c": [{"a": "\ufffd"}]}
    assert "remark: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a name", "", "x" * 33, "é"])
def test_a_database_that_no_device_could_open_is_not_made(name, tmp_path, capsys):
    (tmp_path / "in.json").write_text("{}")
    assert "is no name of a database" in fails(capsys, "import", tmp_path / "in.json", tmp_path / (name + ".udb"), "c")
    assert list(tmp_path.iterdir()) == [tmp_path / "in.json"]


@pytest.mark.parametrize("name, options, message", [
    ("in.json", ["--delimiter", ";"], "--delimiter is not for json"),
    ("in.json", ["--decimal-comma"], "--decimal-comma is not for json"),
    ("in.json", ["--text"], "--text is not for json"),
    ("in.csv", ["--table", "t"], "--table is not for csv"),
    ("in.json", ["--upsert", ""], "'' is not names of fields"),
    ("in.json", ["--upsert", "a,,b"], "'a,,b' is not names of fields"),
])
def test_options_that_would_do_nothing_are_refused(name, options, message, tmp_path, capsys):
    (tmp_path / name).write_text("{}")
    assert message in fails(capsys, "import", tmp_path / name, tmp_path / "n.udb", "c", *options)


TINYDB = {"_default": {"1": {"name": "a"}, "3": {"name": "b", "tags": ["x"]}}, "users": {"7": {"n": 1}}}


def test_tinydb(tmp_path):
    whole = {"_default": [{"name": "a"}, {"name": "b", "tags": ["x"]}], "users": [{"n": 1}]}
    assert imported(tmp_path, json.dumps(TINYDB), "db.json", collection=None) == whole
    assert imported(tmp_path, json.dumps(TINYDB, indent=4), "db.json", "--format", "tinydb", collection=None) == whole
    assert imported(tmp_path, json.dumps({"_default": TINYDB["_default"]}), "db.json") == {"c": whole["_default"]}


def test_tinydb_keeps_its_numbers(tmp_path):
    (tmp_path / "db.json").write_text(json.dumps(TINYDB))
    run("import", tmp_path / "db.json", tmp_path / "new.udb", "--keep-ids")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert [r["id"] for r in db.all("_default")] == [1, 3] and db.get("users", 7)["n"] == 1
        assert db.insert("users", {}) == 8


def test_what_is_no_tinydb(tmp_path, capsys):
    (tmp_path / "in.json").write_text('{"a": 1}')
    assert "not a file of TinyDB" in fails(capsys, "import", tmp_path / "in.json", tmp_path / "n.udb", "--format", "tinydb")


def test_tinydb_without_a_document_or_with_an_id_of_its_own(tmp_path, capsys):
    assert imported(tmp_path, '{"_default": {}}', "db.json", collection=None) == {}
    assert imported(tmp_path, '{"users": {}}', "db.json", "--format", "tinydb", collection=None) == {}
    (tmp_path / "db.json").write_text('{"users": {"3": {"id": 7}}}')
    assert "users 3: the document has an id of its own, 7" in fails(
        capsys, "import", tmp_path / "db.json", tmp_path / "n.udb", "--keep-ids")
    (tmp_path / "db.json").write_text('{"users": {"%s": {}}}' % ("9" * 5000))
    assert "users 99999999999999999999: record['id'] is 9" in fails(
        capsys, "import", tmp_path / "db.json", tmp_path / "n.udb", "--keep-ids")


MONGO = [
    {"_id": {"$oid": "5f1e7c2b9d1e8a0001a1b2c3"}, "at": {"$date": "2020-07-27T07:15:39.120Z"}, "n": {"$numberLong": "12345678901"}},
    {"_id": {"$oid": "5f1e7c2b9d1e8a0001a1b2c4"}, "at": {"$date": {"$numberLong": "1595834139120"}}, "n": {"$numberInt": "7"},
     "deep": [{"x": {"$numberDouble": "1.5"}}, {"$numberDecimal": "0.1"}, {"$numberDecimal": "1.10"}, {"$numberDecimal": "12"}],
     "b": {"$binary": {"base64": "AQI=", "subType": "00"}}, "u": {"$undefined": True}},
]
PLAIN = [
    {"_id": "5f1e7c2b9d1e8a0001a1b2c3", "at": "2020-07-27T07:15:39.120000Z", "n": 12345678901},
    {"_id": "5f1e7c2b9d1e8a0001a1b2c4", "at": "2020-07-27T07:15:39.120000Z", "n": 7,
     "deep": [{"x": 1.5}, 0.1, "1.10", 12], "b": "AQI=", "u": None},
]


def test_mongoexport(tmp_path):
    lines = "".join(json.dumps(record) + "\n" for record in MONGO)
    assert imported(tmp_path, lines, "in.json") == {"c": PLAIN}
    assert imported(tmp_path, json.dumps(MONGO, indent=2), "in.json") == {"c": PLAIN}
    assert imported(tmp_path, '{"at": {"$date": "2020-01-01T00:00:00Z"}}', "in.json", "--format", "mongodb") == {
        "c": [{"at": "2020-01-01T00:00:00Z"}]}
    assert imported(tmp_path, '{"at": {"$date": "x"}}', "in.json") == {"c": [{"at": {"$date": "x"}}]}  # nothing says Mongo


@pytest.mark.parametrize("value, plain", [
    ({"$date": 1595834139120}, "2020-07-27T07:15:39.120000Z"),
    ({"$date": -1}, "1969-12-31T23:59:59.999000Z"),
    ({"$date": {"$numberLong": "-62135596800000"}}, "0001-01-01T00:00:00Z"),
    ({"$date": "2020-07-27T07:15:39.120+0200"}, "2020-07-27T05:15:39.120000Z"),
    ({"$date": "2020-07-27T07:15:39"}, "2020-07-27T07:15:39Z"),
    ({"$numberLong": "9223372036854775807"}, 9223372036854775807), ({"$numberLong": 5}, 5), ({"$numberDouble": "12.0"}, 12.0),
    ({"$numberDecimal": "NaN"}, "NaN"), ({"$binary": "AQI=", "$type": "00"}, "AQI="),
    ({"$timestamp": {"t": 5, "i": 1}}, {"$timestamp": {"t": 5, "i": 1}}), ({"$gt": 1}, {"$gt": 1}),
])
def test_extended_json(value, plain, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert imported(tmp_path, json.dumps({"_id": 1, "x": value}), "in.json") == {"c": [{"_id": 1, "x": plain}]}
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("value", [{"$date": True}, {"$date": 1e999}, {"$date": {"$numberLong": "1.5"}}, {"$date": {"$numberLong": "9" * 17}},
                                   {"$numberInt": 7.9}, {"$numberInt": True}, {"$numberInt": "1_0"}, {"$numberLong": "9" * 5000},
                                   {"$numberDouble": None}, {"$numberDecimal": 0.5}, {"$date": "soon"},
                                   {"$numberInt": []}, {"$oid": 5}, {"$date": {}}, {"$binary": {}}])
def test_malformed_extended_json_is_refused(value, tmp_path, capsys):
    (tmp_path / "in.json").write_text(json.dumps({"_id": 1, "x": value}))
    assert "in.json:1: not what MongoDB writes as $" in fails(capsys, "import", tmp_path / "in.json", tmp_path / "n.udb", "c")
    assert not (tmp_path / "n.udb").exists()


@pytest.mark.parametrize("text, message", [
    ('[{"a": 1},\n {"a": }]', "in.json:2: not JSON"),
    ('[{"a": 1}, 5]', "in.json:1, record 2: not a JSON object"),
    ('{"a": 1}\n\n{"a": 2}\nx', "in.json:4: not JSON"),
    ("[" * 100000, "in.json:1: too deeply nested"),
    ('{"a": 1}\n{"a": %s' % ("[" * 100000), "in.json:2: too deeply nested"),
    ('"text"', "in.json:1: not a JSON object"),
    ('[{"a": NaN}]', "record['a']: nan is not JSON"),
])
def test_what_is_wrong_is_named(text, message, tmp_path, capsys):
    (tmp_path / "in.json").write_text(text)
    assert message in fails(capsys, "import", tmp_path / "in.json", tmp_path / "n.udb", "c")
    assert not (tmp_path / "n.udb").exists()


# -- CSV


@pytest.mark.parametrize("delimiter, option", [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_delimiters(delimiter, option, tmp_path):
    text = 'name,"a,b;c\td|e",n\r\n"x, y; z",1.5,\r\n'.replace(",n\r", delimiter + "n\r").replace("name,", "name" + delimiter)
    text = text.replace('",1.5,', '"%s1.5%s' % (delimiter, delimiter))
    for more in ((), ("--delimiter", delimiter), ("--delimiter", option)):
        assert imported(tmp_path, text, "in.csv", *more) == {"c": [{"name": "x, y; z", "a,b;c\td|e": 1.5}]}
    assert imported(tmp_path, "a\tb\n1\t2\n", "in.tsv") == {"c": [{"a": 1, "b": 2}]}


@pytest.mark.parametrize("delimiter", ["::", "\n", '"'])
def test_what_is_no_delimiter(delimiter, tmp_path, capsys):
    (tmp_path / "in.csv").write_text("a,b\n1,2\n")
    assert "delimiter" in fails(capsys, "import", tmp_path / "in.csv", tmp_path / "n.udb", "c", "--delimiter", delimiter)


def test_decimal_commas(tmp_path):
    text = "a;b\n1,5;2.000,1\n-0,25;3\n"
    assert imported(tmp_path, text, "in.csv", "--decimal-comma") == {"c": [{"a": 1.5, "b": "2.000,1"}, {"a": -0.25, "b": 3}]}
    assert imported(tmp_path, text, "in.csv") == {"c": [{"a": "1,5", "b": "2.000,1"}, {"a": "-0,25", "b": 3}]}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig", "shift_jis"])
def test_encodings(encoding, tmp_path):
    word = "日本" if encoding == "shift_jis" else "é"
    more = () if encoding.startswith("utf") else ("--encoding", encoding)
    assert imported(tmp_path, ("w,n\n%s,1\n" % word).encode(encoding), "in.csv", *more) == {"c": [{"w": word, "n": 1}]}


def test_an_encoding_that_is_none(tmp_path, capsys):
    (tmp_path / "in.csv").write_text("a\n1\n")
    for name in ("klingon", "base64", "rot13", "punycode", "undefined", ""):
        assert "encoding" in fails(capsys, "import", tmp_path / "in.csv", tmp_path / "n.udb", "c", "--encoding", name)
    (tmp_path / "in.csv").write_bytes(b"a\n\x81\n")
    assert "byte 81 at offset 2 is not cp1252" in fails(
        capsys, "import", tmp_path / "in.csv", tmp_path / "n.udb", "c", "--encoding", "cp1252")


def test_line_ends_marks_and_what_excel_adds(tmp_path):
    for text in ("a;b\r1;2,5\r3;4\r", "a;b\r\n1;2,5\n3;4\r", "sep=;\r\na;b\r\n1;2,5\r\n3;4\r\n", "\ufeffsep=;\na;b\n1;2,5\n3;4"):
        assert imported(tmp_path, text, "in.csv") == {"c": [{"a": 1, "b": "2,5"}, {"a": 3, "b": 4}]}
    assert imported(tmp_path, 'a,b\r\n"x\r\ny","p""q"\r\n', "in.csv") == {"c": [{"a": "x\r\ny", "b": 'p"q'}]}
    for text in ("", "\n\n", "a,b\n", "\ufeff"):
        assert imported(tmp_path, text, "in.csv") == {}
    assert imported(tmp_path, "a,b\n1,2\n".encode("utf-32"), "in.csv") == {"c": [{"a": 1, "b": 2}]}
    assert imported(tmp_path, 'a\n"{""x"": 1, ""x"": 2}"\n', "in.csv") == {"c": [{"a": '{"x": 1, "x": 2}'}]}  # no object has that


@pytest.mark.parametrize("text, message", [
    ("sep=;\na;b\n1;2\n1;2;3\n", "in.csv:4: more cells than columns"),
    ("a\0,\0b\0\n\0", "in.csv:1: the header has NULs"),
    ("a\n1e999\n", "in.csv:2: record['a']: inf is not JSON"),
    ("a,b,a\n1,2,3\n", "in.csv:1: the column a is there twice"),
    ("a, a\n1,2\n", "in.csv:1: the column a is there twice"),
    ("a,\n1,\n1,2\n", "in.csv:3: column 2 has no name"),
    ('a,b\n1,"2\n3,4\n', "not CSV"),
    ("a\n%s\n" % ("x" * 200000), "in.csv:2: not CSV: field larger"),
])
def test_csv_that_is_refused(text, message, tmp_path, capsys):
    (tmp_path / "in.csv").write_text(text)
    assert message in fails(capsys, "import", tmp_path / "in.csv", tmp_path / "n.udb", "c")
    assert not (tmp_path / "n.udb").exists()


def test_a_delimiter_at_the_end_of_lines_is_no_column(tmp_path):
    assert imported(tmp_path, "a,b,\n1,2,\n3,4,,\n", "in.csv") == {"c": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]}


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=already", "''+x", "'plain", "fine", "=cmd|' /C calc'!A0"]


def test_formulas_are_escaped_on_the_way_out_and_not_lost(tmp_path):
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert_many("c", [{"t": t, "=n": -1} for t in FORMULAS]))
    run("export", path, "--format", "csv", "--collection", "c", "-o", tmp_path / "o.csv")
    with open(tmp_path / "o.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+@\t\r" and cell or cell[:1] == "-" and cell != "-1"]
    assert [r["t"] for r in imported(tmp_path, (tmp_path / "o.csv").read_bytes(), "o.csv")["c"]] == FORMULAS
    assert escaped("=x") == "'=x" and escaped("x=") == "x="


# -- SQLite


def database(path):
    connection = sqlite3.connect(path)
    connection.executescript("""
        CREATE TABLE users (name TEXT, age INTEGER, score REAL, tags TEXT, photo BLOB, "odd ""name" TEXT);
        INSERT INTO users VALUES ('a', 1, 1.5, '["x", {"y": 1}]', x'00ff', 'q'), ('b', NULL, 2, '[no', NULL, '');
        CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT);
        INSERT INTO log (id, t) VALUES (5, CAST(x'636166e9' AS TEXT));
    """)
    connection.commit()
    connection.close()
    return path


def test_sqlite(tmp_path, capsys):
    source = database(tmp_path / "in.db")
    before = digest(source)
    assert "record['id']" in fails(capsys, "import", source, tmp_path / "n.udb")
    run("import", source, tmp_path / "new.udb", "--own", "rename")
    errors = capsys.readouterr().err
    assert "column photo has bytes; they are base64" in errors and "table log, row 1: text that is not Unicode" in errors
    assert contents(tmp_path / "new.udb") == {
        "users": [{"name": "a", "age": 1, "score": 1.5, "tags": ["x", {"y": 1}], "photo": "AP8=", 'odd "name': "q"},
                  {"name": "b", "score": 2.0, "tags": "[no", 'odd "name': ""}],
        "log": [{"own_id": 5, "t": "caf\ufffd"}]}
    run("import", source, tmp_path / "one.udb", "people", "--table", "users")
    assert list(contents(tmp_path / "one.udb")) == ["people"]
    assert "--table: users, log" in fails(capsys, "import", source, tmp_path / "n.udb", "c")
    assert "no table x; there are: users, log" in fails(capsys, "import", source, tmp_path / "n.udb", "--table", "x")
    assert digest(source) == before


def test_sqlite_there_and_back(tmp_path):
    records = [{"name": "a", "n": 1, "deep": {"x": [1]}}, {"name": "b", "f": 0.5}]
    path, _ = make(tmp_path, "directory", build=lambda db: (db.insert_many("c", records), db.delete("c", "id", 1), db.all("c")))
    run("export", path, "--format", "sqlite", "-o", tmp_path / "o.db")
    run("import", tmp_path / "o.db", tmp_path / "new.udb", "--keep-ids", "--epoch", "1970")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as new, Unosql("test", path=str(tmp_path), log_level="NONE") as old:
        assert new.all("c") == old.all("c") and new.all("c")[0]["id"] == 2


def test_a_damaged_sqlite_file(tmp_path, capsys):
    data = bytearray(database(tmp_path / "in.db").read_bytes())
    data[100:] = bytes(len(data) - 100)
    (tmp_path / "in.db").write_bytes(data)
    assert "in.db: " in fails(capsys, "import", tmp_path / "in.db", tmp_path / "n.udb")
    assert not (tmp_path / "n.udb").exists()


def test_sqlite_that_is_cut_off_or_has_tables_of_its_own(tmp_path, capsys):
    path = tmp_path / "in.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE words USING fts5(text); "
                                 "INSERT INTO words VALUES ('x')")
    run("import", path, tmp_path / "new.udb")
    assert contents(tmp_path / "new.udb") == {"t": [{"a": 1}], "words": [{"text": "x"}]}
    path.write_bytes(path.read_bytes()[:-3000])
    assert "in.db: damaged: its end is missing" in fails(capsys, "import", path, tmp_path / "n.udb")
    assert not (tmp_path / "n.udb").exists()


# -- upserts


def test_upsert_changes_what_is_there(tmp_path, capsys):
    first = '{"city": "Lyon", "name": "a", "n": 1, "x": 9}\n{"city": "Lyon", "name": "b", "n": 2}\n{"name": "c"}\n'
    (tmp_path / "a.jsonl").write_text(first)
    run("import", tmp_path / "a.jsonl", tmp_path / "new.udb", "c")
    (tmp_path / "b.csv").write_text("city,name,n\nLyon,a,10\nLyon,b,2\nParis,a,3\nParis,a,4\n")
    run("import", tmp_path / "b.csv", tmp_path / "new.udb", "c", "--upsert", "city,name")
    assert "1 records inserted, 2 changed, 1 left as they were" in capsys.readouterr().err
    assert contents(tmp_path / "new.udb")["c"] == [
        {"city": "Lyon", "name": "a", "n": 10, "x": 9}, {"city": "Lyon", "name": "b", "n": 2}, {"name": "c"},
        {"city": "Paris", "name": "a", "n": 4}]
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert [r["version"] for r in db.all("c")] == [2, 1, 1, 2]
    (tmp_path / "d.jsonl").write_text('{"name": "a"}\n')
    assert "d.jsonl:1: the record has no city to upsert by" in fails(
        capsys, "import", tmp_path / "d.jsonl", tmp_path / "new.udb", "c", "--upsert", "city")


def test_upsert_by_id(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert_many("c", [{"n": i} for i in range(5)]))
    (tmp_path / "in.csv").write_text("id,n\n2,20\n9,90\n")
    run("import", tmp_path / "in.csv", path, "c", "--upsert", "id")
    with Unosql("test", path=str(tmp_path), log_level="NONE") as db:
        assert [(r["id"], r["n"], r["version"]) for r in db.all("c")] == [
            (1, 0, 1), (2, 20, 2), (3, 2, 1), (4, 3, 1), (5, 4, 1), (9, 90, 1)]
        assert db.verify() == [] and db.count("c") == 6


def test_upsert_by_a_list_or_a_path(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"k": [1], "p": {"q": 1}, "n": 1}\n{"k": [2], "p": {"q": 2}, "n": 2}\n')
    run("import", tmp_path / "a.jsonl", tmp_path / "new.udb", "c")
    (tmp_path / "b.jsonl").write_text('{"k": [2], "n": 5}\n')
    run("import", tmp_path / "b.jsonl", tmp_path / "new.udb", "c", "--upsert", "k")
    (tmp_path / "d.jsonl").write_text('{"p": {"q": 1.0}, "n": 7}\n')
    run("import", tmp_path / "d.jsonl", tmp_path / "new.udb", "c", "--upsert", "p.q")
    assert [r["n"] for r in contents(tmp_path / "new.udb")["c"]] == [7, 5]


def test_nothing_but_data_is_on_stdout(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"a": 1}\n')
    run("import", tmp_path / "in.jsonl", tmp_path / "new.udb", "c")
    run("export", tmp_path / "new.udb", "--format", "jsonl", "-o", tmp_path / "o.jsonl")
    output = capsys.readouterr()
    assert output.out == "" and "1 records imported" in output.err


def test_the_names_of_columns_come_back_as_they_were(tmp_path):
    record = {"-5": 1, "@x": "=1+1", "'=a": 2}
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert("r", record))
    run("export", path, "--collection", "r", "-o", tmp_path / "out.csv")
    assert imported(tmp_path, (tmp_path / "out.csv").read_bytes(), "in.csv") == {"c": [record]}


@pytest.mark.parametrize("text", [
    '{"collection": "x", "record": {"a": 1}}\n{"collection": "y", "record": {"a": 2}}\n', '{"x": [{"a": 1}], "y": [{"a": 2}]}'])
def test_two_collections_do_not_go_into_one(text, tmp_path, capsys):
    (tmp_path / "in.json").write_text(text)
    assert "of y, and those before are of x" in fails(capsys, "import", tmp_path / "in.json", tmp_path / "new.udb", "z")
    assert imported(tmp_path, text.replace('"y"', '"x"') if "\n" in text else '{"x": [{"a": 1}, {"a": 2}]}', "one.json", collection="z") == {
        "z": [{"a": 1}, {"a": 2}]}


def test_the_order_of_names_within_a_dict_makes_no_difference(tmp_path, capsys):
    for order in ('{"k": 1, "h": {"x": 1, "y": [{"a": 1, "b": 2}]}}', '{"k": 1, "h": {"y": [{"b": 2, "a": 1}], "x": 1}}'):
        (tmp_path / "in.jsonl").write_text(order)
        run("import", tmp_path / "in.jsonl", tmp_path / "new.udb", "c", "--upsert", "k")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert [r["version"] for r in db.all("c")] == [1]


def test_a_file_that_is_in_the_way_stays(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert("r", {"a": 1}))
    (tmp_path / "out.csv.part").write_text("mine")
    assert "out.csv.part exists already" in fails(capsys, "export", path, "--collection", "r", "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv.part").read_text() == "mine"


def test_an_incremental_backup_stays_what_it_is(tmp_path, capsys):
    make(tmp_path, "directory", build=lambda db: (db.insert("a", {"n": 1}), db.incremental_backup(str(tmp_path / "inc.bak"), since_change=0)))
    before = digest(tmp_path / "inc.bak")
    (tmp_path / "in.jsonl").write_text('{"n": 2}\n')
    assert "an incremental backup" in fails(capsys, "import", tmp_path / "in.jsonl", tmp_path / "inc.bak", "a")
    assert digest(tmp_path / "inc.bak") == before


@pytest.mark.parametrize("record", [{"tags": [{"a": 1}, {"a": 2}]}, {"t": {"1": {"a": 1}, "2": {"a": 2}}}])
def test_a_line_is_one_record_whatever_it_holds(record, tmp_path):
    line = json.dumps(record) + "\n"
    assert imported(tmp_path, line * 2, "in.json") == imported(tmp_path, line * 2, "in.jsonl") == {"c": [record, record]}
    assert imported(tmp_path, line, "one.jsonl") == {"c": [record]}
