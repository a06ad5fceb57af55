"""The `unosql` command: sums, forms of output, plots, and the shell."""
import csv
import importlib
import io
import json
import math
import os
import pty
import select
import sqlite3
import re
import subprocess
import sys
import time

import pytest
from here import ROOT
from test_pc import KEY, digest, fails, make, run, with_key, without_meta
from test_pc import no_keys_around  # noqa: F401  a fixture

from unosql.core import Unosql
from unosql_pc import plotting, shell, shell_language, summing
from unosql_pc.terminal import Failure

DAY = 1795305600  # 2026-11-22, since 1970


def readings(db, n=300):
    db.insert_many("r", [{"sensor": "ab"[i % 2], "c": round(20 + math.sin(i), 2), "at": DAY + i * 600, "in": {"x": i % 3}}
                         for i in range(n)])
    db.insert("r", {"sensor": None, "text": "<b>&", "deep": [1]})
    return db.all("r")


@pytest.fixture
def path(tmp_path):
    return make(tmp_path, "directory", build=readings)[0]


@pytest.fixture
def found(path, capsys):
    """Calls `unosql query` and gives the rows."""
    def rows(*arguments):
        capsys.readouterr()
        run("query", path, "r", *arguments, "--json")
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return rows


# -- sums


def test_counts(found):
    assert found("--count") == [{"count": 301}]
    assert found("--count", '{"sensor": "a"}') == [{"count": 150}]
    assert found('{"sensor": "z"}', "--count") == [{"count": 0}]
    assert found('{"sensor": "z"}', "--group-by", "sensor") == []


def test_groups_are_in_order_and_sums_are_right(found, path):
    rows = found("--group-by", "sensor", "--count", "--sum", "in.x", "--avg", "c", "--min", "c,at", "--max", "c", "--first", "c",
                 "--last", "c", "--distinct", "in.x")
    with Unosql("test", path=str(path.parent), log_level="NONE") as db:
        records = db.all("r")
    assert [row["sensor"] for row in rows] == [None, "a", "b"]
    assert rows[0]["count"] == 1 and rows[0]["avg_c"] is None and rows[0]["sum_in.x"] == 0 and rows[0]["min_c"] is None
    for row in rows[1:]:
        mine = [r for r in records if r["sensor"] == row["sensor"]]
        values = [r["c"] for r in mine]
        assert row["count"] == len(mine) and row["sum_in.x"] == sum(r["in"]["x"] for r in mine)
        assert row["avg_c"] == pytest.approx(sum(values) / len(values)) and row["distinct_in.x"] == 3
        assert (row["min_c"], row["max_c"], row["first_c"], row["last_c"]) == (min(values), max(values), values[0], values[-1])
        assert row["min_at"] == mine[0]["at"]


def test_buckets_of_time(found):
    rows = found("--bucket", "at:1d", "--group-by", "sensor", "--count", "--times", "at", '{"sensor": {"exists": true, "ne": null}}')
    assert rows == [{"at": "2026-11-%02dT00:00:00Z" % day, "sensor": sensor, "count": n}
                    for day, n in ((22, 72), (23, 72), (24, 6)) for sensor in "ab"]
    assert [row["at"] for row in found("--bucket", "at:12h")] == [None] + [DAY + 43200 * i for i in range(5)]
    last = found("--max", "at", "--times", "at")
    assert last == [{"max_at": "2026-11-24T01:50:00Z"}]


def test_order_and_limit_of_groups(found):
    rows = found("--group-by", "in.x", "--count", "--order-by", "-count,in.x", "--limit", "2")
    assert rows == [{"in.x": 0, "count": 100}, {"in.x": 1, "count": 100}]


@pytest.mark.parametrize("arguments, message", [
    (["--group-by", "count", "--count"], "two columns would be called count"),
    (["--group-by", "c,c"], "two columns would be called c"),
    (["--sum", "sensor"], "sensor of record 1 is 'a', no number to add"),
    (["--bucket", "at"], "write a field and a length of time"),
    (["--bucket", "at:0h"], "write a field and a length of time"),
    (["--count", "--fields", "c"], "--fields is for records"),
    (["--limit", "-1"], "less than none"),
    (["-o", "out.xyz"], "its name's end tells no form"),
    (["-o", "parquet"], "parquet is no text"),
])
def test_what_cannot_be_summed_or_written(arguments, message, path, capsys):
    assert message in fails(capsys, "query", path, "r", *arguments)


def test_values_of_several_types_have_an_order():
    sums = summing.Sums(["k"], None, True, [("min", "v"), ("max", "v")])
    rows = summing.rows([{"id": 1, "k": 1, "v": "x"}, {"id": 2, "k": True, "v": 2}, {"id": 3, "k": 1.0, "v": 3}, {"id": 4, "k": [1]},
                         {"id": 5, "k": {"a": 1}}], sums)
    assert [(row["k"], row["count"]) for row in rows] == [(True, 1), (1, 2), ([1], 1), ({"a": 1}, 1)]
    assert (rows[1]["min_v"], rows[1]["max_v"]) == (3, "x")


# -- forms


def test_forms_on_stdout(path, capsys):
    for form in ("csv", "jsonl", "json", "html"):
        capsys.readouterr()
        run("query", path, "r", '{"id": {"gte": 300}}', "-o", form, "--fields", "c,text")
        out = capsys.readouterr().out
        if form == "csv":
            assert list(csv.DictReader(io.StringIO(out)))[1] == {"id": "301", "c": "", "text": "<b>&"}
        elif form == "html":
            assert "<td>&lt;b&gt;&amp;</td>" in out and "<b>" not in out and out.count("<tr>") == 3
        else:
            rows = json.loads(out) if form == "json" else [json.loads(line) for line in out.splitlines()]
            assert rows[1] == {"id": 301, "text": "<b>&"}


def test_forms_in_files(path, tmp_path, capsys):
    for name in ("o.csv", "o.jsonl", "o.json", "o.html", "o.parquet", "o.sqlite"):
        run("query", path, "r", "-o", tmp_path / name)
        assert "301 rows written" in capsys.readouterr().err
        assert "exists already" in fails(capsys, "query", path, "r", "-o", tmp_path / name)
    connection = sqlite3.connect(tmp_path / "o.sqlite")
    assert connection.execute("SELECT count(*), sum(id) FROM r").fetchall() == [(301, 301 * 302 // 2)]
    connection.close()
    run("query", path, "r", "--json")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert json.loads((tmp_path / "o.json").read_text()) == rows
    assert not list(tmp_path.glob("*.part"))


def test_parquet_has_types(path, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    run("export", path, "--collection", "r", "-o", tmp_path / "o.parquet", "--times", "at")
    table = parquet.read_table(tmp_path / "o.parquet")
    assert table.num_rows == 301 and str(table.schema.field("c").type) == "double" and str(table.schema.field("id").type) == "int64"
    assert str(table.schema.field("at").type).startswith("timestamp") and table["at"][0].as_py().isoformat() == "2026-11-22T00:00:00+00:00"
    assert table["deep"][300].as_py() == "[1]" and table["deep"][0].as_py() is None


def test_parquet_of_what_has_no_type(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    mixed = [{"m": 1, "f": 1, "big": 1 << 70}, {"m": "x", "f": 0.5}, {"m": True}, {}]
    path, _ = make(tmp_path, "directory", build=lambda db: db.insert_many("m", mixed))
    run("query", path, "m", "-o", tmp_path / "o.parquet")
    table = parquet.read_table(tmp_path / "o.parquet")
    assert table["m"].to_pylist() == ["1", "x", "true", None] and table["f"].to_pylist() == [1.0, 0.5, None, None]
    assert table["big"].to_pylist() == [str(1 << 70), None, None, None]


def test_json_of_all_collections_comes_back(tmp_path):
    def build(db):
        db.insert_many("a", [{"n": i} for i in range(3)])
        db.insert("b", {"t": "x"})
        db.insert("none", {})
        db.clear("none")
        return {name: [without_meta(r) for r in db.all(name)] for name in db.collections()}

    path, truth = make(tmp_path, "directory", build=build)
    run("export", path, "-o", tmp_path / "o.json")
    assert {name: list(map(without_meta, rows)) for name, rows in json.loads((tmp_path / "o.json").read_text()).items()} == truth
    run("import", tmp_path / "o.json", tmp_path / "new.udb", "--keep-ids")
    with Unosql("new", path=str(tmp_path), log_level="NONE") as db:
        assert {name: [without_meta(r) for r in db.all(name)] for name in db.collections()} == {n: r for n, r in truth.items() if r}


@pytest.mark.parametrize("command, module, extra", [
    (["query", "PATH", "r", "-o", "x.parquet"], "pyarrow", "parquet"), (["plot", "PATH", "r", "id", "c"], "plotille", "plot"),
    (["plot", "PATH", "r", "id", "c", "-o", "x.svg"], "matplotlib", "plot")])
def test_a_missing_library_is_named(command, module, extra, path, capsys, monkeypatch):
    real = importlib.import_module

    def importing(name, *more):
        if name.startswith(module):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(importlib, "import_module", importing)
    message = fails(capsys, *[path if part == "PATH" else part for part in command])
    assert "needs %s, which is not installed: pip install %s, or unosql-pc[%s]" % (module, module, extra) in message


# -- plots


def test_a_plot_in_the_terminal(path, capsys):
    pytest.importorskip("plotille")
    run("plot", path, "r", "at", "c", "--by", "sensor", "--times", "at")
    output = capsys.readouterr()
    for text in ("(at)", "(c)", " 22T", " 24T", "⠤⠤ a", "⠤⠤ b", "at: 2026-11-22T00:00:00Z to 2026-11-24T01:50:00Z"):
        assert text in output.out
    assert sum(0x2800 < ord(c) < 0x2900 for c in output.out) > 100 and "1 values left out" in output.err


def test_a_plot_in_a_file_has_iso_times(path, tmp_path):
    pytest.importorskip("matplotlib")
    for n, (where, label) in enumerate((({}, "2026-11-24"), ({"at": {"lt": "2026-11-22T21:40:00"}}, "2026-11-22"))):
        run("plot", path, "r", "at", "c", json.dumps(where), "--times", "at", "--tz", "+01:00", "-o", tmp_path / ("%d.svg" % n))
        drawn = re.findall(r"<!-- (.+?) -->", (tmp_path / ("%d.svg" % n)).read_text())  # text is drawn as curves
        assert label in drawn and any(re.fullmatch(r"\d\d:\d\d", text) for text in drawn), drawn
        assert not [text for text in drawn if "Nov" in text]


@pytest.mark.parametrize("form, start", [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_plot_in_a_file(form, start, path, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / ("p." + form)
    run("plot", path, "r", "timestamp", "c,in.x", '{"c": {"exists": true}}', "-o", out)
    assert out.read_bytes().startswith(start) and "600 points" in capsys.readouterr().err
    assert "exists already" in fails(capsys, "plot", path, "r", "id", "c", "-o", out)


@pytest.mark.parametrize("arguments, message", [
    (["id", "sensor"], "no record has id and a number in sensor"), (["nothing", "c"], "no record has nothing"),
    (["id", "c", "--by", "id"], "more than the 12 lines"), (["id", "c", "-o", "x.gif"], "its name ends with none of"),
    (["id", "c", "{"], "not JSON"), (["id", ""], "give the names of fields"), (["id", "c,"], "give the names of fields")])
def test_what_cannot_be_plotted(arguments, message, path, capsys):
    assert message in fails(capsys, "plot", path, "r", *arguments)


def test_thinning_keeps_the_extremes():
    points = [(i, math.sin(i)) for i in range(10000)]
    thin = plotting.thinned(points, 200)
    assert len(thin) <= 200 and thin == sorted(thin)
    assert max(thin, key=lambda p: p[1]) == max(points, key=lambda p: p[1])


# -- the shell


def typed(path, text, *more, status=0):
    """Run `unosql shell` with these lines on stdin; what it printed."""
    code = "import sys; sys.path.insert(0, %r); from unosql_pc.cli import main; sys.exit(main())" % str(ROOT / "pc")
    done = subprocess.run([sys.executable, "-c", code, "shell", str(path), *more], input=text, capture_output=True, text=True)
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines() if not status else done.stderr.strip().splitlines()[-1]


def test_the_shell_makes_calls(path):
    before = digest(path)
    out = typed(path, 'count r\nfind r {"sensor": "a"} limit=1 fields=["c"]\nfind_one r "id" 5\nr id 301\n# a remark\n\n'
                      "insert new {'n': None}\ncollections\nhelp count\nupdate r {\"id\": 1} inc={\"c\": 1}\nget r 1\nexit\nnonsense\n")
    assert out[:2] == ["301", '{"id": 1, "c": 20.0}'] and json.loads(out[2])["id"] == 5 and json.loads(out[3])["text"] == "<b>&"
    assert out[4:7] == ["1", "new", "r"] and out[7].startswith("count(self, collection")
    assert out[-2] == "true" and json.loads(out[-1])["c"] == 21.0 and json.loads(out[-1])["version"] == 2
    assert digest(path) == before


def test_the_shell_takes_and_shows_times(path):
    out = typed(path, 'count r {"at": {"lt": "2026-11-22T01:00:00Z"}}\nget r 1\n', "--times", "at")
    assert out[0] == "6" and json.loads(out[1])["at"] == "2026-11-22T00:00:00Z"


def test_transactions_of_the_shell(path):
    out = typed(path, "begin\ninsert a {}\nrollback\ncount a\nbegin\ninsert a {}\ncommit\ncount a\nbegin\ninsert a {}\n")
    assert out == ["1", "0", "1", "1", "2"]


def test_what_the_shell_writes_stays(tmp_path):
    typed(tmp_path / "new.udb", 'insert c {"a": 1}\ncreate_index c a unique=true\n', "--write", "--key", KEY.hex())
    with Unosql("new", KEY, path=str(tmp_path), log_level="NONE") as db:
        assert db.find("c", "a", 1)[0]["id"] == 1 and db.indexes("c")[0]["unique"] is True
    assert "line 2: unique index a" in typed(tmp_path / "new.udb", "count c\ninsert c {\"a\": 1}\n", "--write", "--key", KEY.hex(), status=2)


@pytest.mark.parametrize("kind", ["flash", "littlefs", "backup"])
def test_the_shell_opens_every_kind(kind, tmp_path, capsys):
    path, _ = make(tmp_path, kind, KEY, build=readings)
    before = digest(path)
    assert typed(path, "count r\ndelete r {}\ncount r\n", *with_key(KEY)) == ["301", "301", "0"]
    assert digest(path) == before
    assert "NAME.udb" in typed(path, "", "--write", *with_key(KEY), status=2)
    assert "key" in typed(path, "count r\n", "--key", "ff" * 16, status=2)


@pytest.mark.parametrize("line, message", [
    ("fly r", "no call and no collection fly"), ("find r {", "{ is not closed"),
    ("find r {a: 1}", "{a: 1}: not JSON: expecting property name enclosed in double quotes at column 2"),
    ('find r {"a": 1, "a": 2}', "the field 'a' is there twice"),
    ("find", "'collection'; `help find` tells"), ("begin 5", "tells its arguments"),
    ("commit", "no transaction"), ("[1] r", "begins with a call"), ("limit=3", "begins with a call"), ("help fly", "no call fly"), ("count r wings=2", "wings"),
    ('find r {"at": {"near": 1}}', "near"), ("insert r 5", "not a dict"), ("find r " + "[" * 100000, "not closed"),
    ("get_stats 1 2 3", "help get_stats"), ("restore /nowhere", "nowhere")])
def test_errors_in_the_shell_are_one_line(line, message, path):
    assert message in typed(path, line + "\n", status=2)


def test_the_language_of_the_shell():
    assert shell_language.parse('find "my coll" {"a": "x y"} order_by=["-a", "b"] limit=3 x') == (
        ["find", "my coll", {"a": "x y"}, "x"], {"order_by": ["-a", "b"], "limit": 3})
    assert shell_language.parse("a true null 1.5 -x '' \"\\\"}\"") == (["a", True, None, 1.5, "-x", "", '"}'], {})
    with pytest.raises(Failure):
        shell_language.parse("a [1,")


def test_everything_of_the_api_is_in_the_shell():
    public = {name for name in dir(Unosql) if name[0] != "_" and callable(getattr(Unosql, name))}
    assert public - set(shell.calls()) == set(shell.NOT_HERE)


def test_completion(path):
    document = pytest.importorskip("prompt_toolkit.document")
    from unosql_pc.shell_completion import Calls
    from unosql_pc.times import Times

    with Unosql("test", path=str(path.parent), log_level="NONE") as db:
        calls = Calls(shell.Session(db, Times()))

        def after(text):
            return [c.text for c in calls.get_completions(document.Document(text), None)]

        assert "find" in after("fi") and "find_one" in after("fi") and after("find ") == ["r"] and "r" in after("")
        assert "sensor" in after('find r {"se') and "in.x" in after('find r {"') and "gte" in after('find r {"c": {"')
        assert after("find r {} li") == ["limit="] and after("find r order_by=-sen") == ["sensor"] and "unique=" in after("create_index r c ")
        assert "count" in after("help ") and "inc=" in after("update r {} in")


def test_a_person_at_the_shell(path, tmp_path):
    """On a terminal: a prompt, a table, completion by Tab, an error that ends nothing, history in a file."""
    pytest.importorskip("prompt_toolkit")
    main, other = pty.openpty()
    code = "import sys; sys.path.insert(0, %r); from unosql_pc.cli import main; sys.exit(main())" % str(ROOT / "pc")
    env = dict(os.environ, XDG_STATE_HOME=str(tmp_path / "state"), TERM="xterm", COLUMNS="120", LINES="40")
    process = subprocess.Popen([sys.executable, "-c", code, "shell", str(path)], stdin=other, stdout=other, stderr=other, env=env,
                               start_new_session=True)
    os.close(other)
    until = Terminal(main).until
    try:
        until("unosql>")
        os.write(main, b"fly\r")
        until("no call and no collection fly")
        os.write(main, b"find_o")
        until("find_one")  # what the menu offers
        os.write(main, b"\t r id 301\r")
        assert "text" in until("<b>&")
        os.write(main, b"rekey now\r")
        until("error")
        until("unosql>")
        os.write(main, b"\x04")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(main)
    assert "+fly" in (tmp_path / "state" / "unosql" / "history").read_text()


class Terminal:
    """What a program shows on a pseudo-terminal, read up to the texts that are waited for."""

    def __init__(self, file):
        self.file, self._seen = file, ""

    def until(self, text, seconds=30):
        """Read until it shows a text; what came before and the text."""
        end = time.monotonic() + seconds
        while text not in self._seen:
            assert time.monotonic() < end, self._seen
            if select.select([self.file], [], [], 0.2)[0]:
                data = os.read(self.file, 4096).decode(errors="replace")
                if "\x1b[6n" in data:
                    os.write(self.file, b"\x1b[1;1R")
                self._seen += data
        before, _, self._seen = self._seen.partition(text)
        return before + text
