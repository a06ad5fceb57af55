"""`unosql browse`: its JSON interface, and its page in a headless Chromium."""
import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from urllib.parse import quote, urlencode

import pytest
from browser import PROGRAM, Browser
from here import ROOT
from test_pc import KEY, KINDS, digest, fails, flip, littlefs, make, segments, with_key
from test_pc import no_keys_around  # noqa: F401  a fixture

from unosql.core import Unosql
from unosql_pc import browsing, open_path
from unosql_pc.times import Times

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
COMMAND = [sys.executable, "-c", "import sys; sys.path.insert(0, %r); from unosql_pc.cli import main; sys.exit(main())" % str(
    ROOT / "pc"), "browse", "--no-open"]
SHOTS = os.environ.get("UNOSQL_SHOTS")  # a directory: screenshots go there, for people to look at


def shop(db):
    """Some collections with history, indexes, odd names."""
    db.insert_many("readings", [{"sensor": "ab"[i % 2], "celsius": 20 + i % 7 / 2, "n": i, "at": 1795305600 + i * 600} for i in range(230)])
    db.create_index("readings", "sensor")
    db.insert("users", {"name": "Arman", "city": "Yerevan", "tags": ["<b>", {"x": 1}]})
    db.update("users", "id", 1, {"city": "Lyon"})
    db.insert("users", {"name": "Zoë <script>alert(1)</script>", "only": True})
    db.insert("a/b c?d&ü", {"odd": 1})
    db.configure("readings", history=2)
    return {name: db.all(name) for name in db.collections()}


@contextlib.contextmanager
def serving(*arguments):
    """Run the command; its URL."""
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.stderr.read()
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


class Client:
    """Requests over one connection."""

    def __init__(self, url):
        self._host, _, token = url.removeprefix("http://").rstrip("/").partition("/")
        self.root = "/" + token
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def get(self, path, headers={}):
        """(status, headers, bytes)."""
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def api(self, path, **asked):
        status, headers, data = self.get("%s/api/%s?%s" % (self.root, path, urlencode(asked)))
        assert headers["content-type"] == "application/json", data
        value = json.loads(data)
        assert (status == 200) is not (isinstance(value, dict) and "error" in value)
        return value


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_shown_and_left_alone(kind, key, tmp_path):
    path, truth = make(tmp_path, kind, key, shop)
    before = digest(tmp_path)
    with serving(path, "--epoch", "1970", *with_key(key)) as url:
        client = Client(url)
        (found,) = client.api("databases")
        assert {c["name"]: c["records"] for c in found["collections"]} == {name: len(rows) for name, rows in truth.items()}
        shown = Times("1970")
        for name, rows in truth.items():
            assert client.api("0/records", collection=name, limit=500)["rows"] == [shown.record(row) for row in rows]
        assert [r["city"] for r in client.api("0/history", collection="users", id=1)] == ["Lyon", "Yerevan"]
        facts = client.api("0/structure")
        assert [i["keys"] for c in facts["collections"] if c["name"] == "readings" for i in c["indexes"]] == [["sensor"]]
        if kind == "flash":
            flash = facts["flash"]
            assert len(flash["map"]) == flash["erase blocks"] == 64 and flash["live"] == sum(flash["map"].count(c) for c in "swm") > 0
            assert flash["freed"] == flash["map"].count("-") and flash["blocks taken since it was blank"] >= flash["live"]
    assert digest(tmp_path) == before


@pytest.fixture
def client(tmp_path):
    path, _ = make(tmp_path, "directory", build=shop)
    with serving(path, "--times", "at") as url:
        yield Client(url)


def test_only_who_knows_the_token_is_answered(client):
    for path in ("/", "/api/databases", "/x" + client.root, client.root[:-1] + "/", client.root[:-1] + "/api/databases",
                 client.root + "/../" + "pyproject.toml", client.root + "/%2e%2e/commands.py", client.root + "/..%2fcommands.py"):
        assert client.get(path)[0] == 404, path
    assert client.get(client.root + "/api/databases")[0] == 200
    assert client.get(client.root + "/api/databases", {"Host": "evil.example"})[0] == 400
    assert len(client.root) >= 24


def test_answers_tell_browsers_to_be_careful(client):
    for path in ("/", "/api/databases", "/browse.js", "/api/nothing"):
        headers = client.get(client.root + path)[1]
        assert "default-src 'self'" in headers["content-security-policy"] and headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store" and "access-control-allow-origin" not in headers


def test_nothing_can_be_written(client):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        connection = http.client.HTTPConnection(client._host, timeout=30)
        connection.request(method, client.root + "/api/0/records?collection=users", body="{}")
        assert connection.getresponse().status == 405
        connection.close()


@pytest.mark.parametrize("where, count", [
    ("", 230), ("n >= 200", 30), ("sensor = a", 115), ("sensor = a and n < 10", 5), ("sensor ~ a", 115), ('{"n": {"in": [1, 500]}}', 1),
    ("celsius != 20", 197), ('sensor = "b"', 115), ("at < 2026-11-22T01:00:00Z", 6), ("229", 2), ("nothing of that kind", 0)])
def test_filters(where, count, client):
    found = client.api("0/records", collection="readings", where=where, limit=5)
    assert found["total"] == count and len(found["rows"]) == min(count, 5)


def test_order_and_pages(client):
    def ids(**asked):
        return [r["id"] for r in client.api("0/records", collection="readings", **asked)["rows"]]

    assert ids(skip=100, limit=3) == [101, 102, 103] and ids(skip=228, limit=50) == [229, 230] and ids(skip=500) == []
    assert ids(order="-id", limit=3) == [230, 229, 228] and ids(order="-id", skip=229) == [1] and ids(order="-id", skip=300) == []
    assert ids(order="-celsius,n", limit=2) == [7, 14] and ids(order="sensor,-n", limit=2) == [229, 227]
    assert len(ids(limit=100000)) == 230


def test_charts(client):
    found = client.api("0/chart", collection="readings", x="at", y="celsius", by="sensor", where="n < 20")
    assert found["time"] is True and found["zone"] == "UTC" and [line["label"] for line in found["lines"]] == ["a", "b"]
    assert found["lines"][0]["x"][:2] == [1795305600, 1795306800] and len(found["lines"][0]["y"]) == 10
    assert client.api("0/chart", collection="readings", x="n", y="celsius,n")["time"] is False


def test_exports(client):
    for form, start in (("csv", b"id,"), ("jsonl", b'{"sensor"'), ("json", b"["), ("html", b"<!doctype"), ("sqlite", b"SQLite format 3")):
        status, headers, data = client.get("%s/api/0/export?collection=readings&form=%s&where=n%%20%%3C%%205" % (client.root, form))
        assert status == 200 and data.startswith(start) and "attachment" in headers["content-disposition"]
    assert len(client.get(client.root + "/api/0/export?form=csv&collection=" + quote("a/b c?d&ü"))[2].splitlines()) == 2


@pytest.mark.parametrize("path, asked, message", [
    ("0/records", {"collection": "nothing"}, "no collection nothing; there are"), ("0/records", {}, "the request has no collection"),
    ("9/records", {"collection": "users"}, "no database 9"), ("0/records", {"collection": "users", "where": "{"}, "not JSON"),
    ("0/records", {"collection": "users", "skip": "-1"}, "skip is no number"),
    ("0/chart", {"collection": "users", "x": "id", "y": "name"}, "a number in name"),
    ("0/chart", {"collection": "users"}, "no record has"), ("0/export", {"collection": "users", "form": "exe"}, "no form exe")])
def test_errors_are_told(path, asked, message, client):
    assert message in client.api(path, **asked)["error"]


def test_what_cannot_be_opened_is_not_shown_as_empty(tmp_path, capsys):
    path, _ = make(tmp_path, "directory", KEY)
    assert "is encrypted; give the key" in fails(capsys, "browse", path, "--no-open")
    assert "another key" in fails(capsys, "browse", path, "--no-open", "--key", "ff" * 16)
    assert "No such file" in fails(capsys, "browse", tmp_path / "nothing", "--no-open")
    assert "port 99999 cannot be had" in fails(capsys, "browse", path, "--no-open", "--port", "99999", *with_key(KEY))


def test_damage_is_an_error_on_the_page(tmp_path):
    path, _ = make(tmp_path, "directory", build=shop)
    big = segments(path)[-1]
    flip(big, big.stat().st_size // 3)
    with serving(path) as url:
        client = Client(url)
        answers = [client.api("0/records", collection="readings", where=where, limit=500) for where in ("", "n >= 0")]
        assert any("error" in answer and "salvage" in answer["error"] for answer in answers)
        assert all("error" in answer or answer["total"] == len(answer["rows"]) == 230 for answer in answers)


def test_several_databases_with_and_without_a_key(tmp_path):
    folders = []
    for name, key in (("one", None), ("two", KEY)):
        (tmp_path / name).mkdir()
        folders.append(make(tmp_path / name, "directory", key, shop)[0].rename(tmp_path / (name + ".udb")))
    (tmp_path / "both.img").write_bytes(littlefs(folders))
    with serving(tmp_path / "both.img", tmp_path / "one.udb", *with_key(KEY)) as url:
        client = Client(url)
        assert [one["name"] for one in client.api("databases")] == ["one", "two", "one"]
        assert [client.api("%d/records" % i, collection="users")["total"] for i in range(3)] == [2, 2, 2]


# -- large


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A database of 100,000 records, and one where ids are missing."""
    folder = tmp_path_factory.mktemp("large")
    with Unosql("large", path=str(folder), log_level="NONE", memtable=65536) as db:
        db.insert_many("r", ({"sensor": "node-%d" % (i % 7), "celsius": i % 97 / 4, "at": 848697600 + i * 60} for i in range(100000)))
        db.insert_many("holes", [{"i": i} for i in range(50)])
        db.delete("holes", "id", 20)
    return folder / "large.udb"


def test_a_hundred_thousand_records(large):
    """Open in 2 s to the first page, pages in 100 ms: medians here, since others use this machine as well."""
    openings, pages = [], []
    for _ in range(3):
        start = time.monotonic()
        with serving(large) as url:
            client = Client(url)
            assert client.api("0/records", collection="r")["total"] == 100000
            openings.append(time.monotonic() - start)
            for skip in (50, 50000, 99950, 12345, 77777):
                start = time.monotonic()
                found = client.api("0/records", collection="r", skip=skip)
                pages.append(time.monotonic() - start)
                assert [r["id"] for r in found["rows"]] == list(range(skip + 1, min(skip + 50, 100000) + 1))
            client.api("0/records", collection="r", order="-celsius", where="sensor = node-3")
            for skip in (0, 5000, 14200):
                start = time.monotonic()
                assert client.api("0/records", collection="r", order="-celsius", where="sensor = node-3", skip=skip)["total"] == 14286
                pages.append(time.monotonic() - start)
    print("opening %.2f s, page %.1f ms, longest %.1f ms" % (sorted(openings)[1], sorted(pages)[len(pages) // 2] * 1000, max(pages) * 1000))
    assert sorted(openings)[1] <= 2 and sorted(pages)[len(pages) // 2] <= 0.1


def test_pages_where_ids_are_missing(large):
    shown = browsing.Shown(open_path.choose(large), None, Times())
    assert [r["id"] for r in shown.page("holes", skip=18, limit=3)["rows"]] == [19, 21, 22]
    shown.close()


# -- the page


@pytest.fixture
def browser():
    if not PROGRAM:
        pytest.skip("needs Chromium")
    with Browser() as browser:
        yield browser


def resize(browser, width, height):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)


def shot(browser, name):
    if SHOTS:
        data = base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])
        with open(os.path.join(SHOTS, name + ".png"), "wb") as file:
            file.write(data)


def press(browser, key):
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, text="\r" if key == "Enter" else key if len(key) == 1 else "",
                     **({"windowsVirtualKeyCode": 13} if key == "Enter" else {}))


READY = "document.body.getAttribute('aria-busy') == 'false'"
POSITION = "document.getElementById('position').textContent"


def test_a_person_looks_around(browser, tmp_path):
    path, _ = make(tmp_path, "flash", build=shop)
    with serving(path, "--times", "at") as url:
        resize(browser, 1280, 800)
        browser.open(url)
        browser.wait(READY)
        links = "[...document.querySelectorAll('nav a')].map(a => a.firstChild.textContent)"
        assert browser.evaluate(links) == ["a/b c?d&ü", "readings", "users"]
        browser.evaluate("document.querySelectorAll('nav a')[1].click()")
        browser.wait(POSITION + " == '1–50 of 230'")
        shot(browser, "records")
        press(browser, "ArrowRight")
        browser.wait(POSITION + " == '51–100 of 230'")
        press(browser, "End")
        browser.wait(POSITION + " == '201–230 of 230'")
        browser.evaluate("document.querySelector('th button[title=\"sort by n\"]').click()")
        browser.evaluate("document.querySelector('th button[title=\"sort by n\"]').click()")
        browser.wait("document.querySelector('th[aria-sort=ascending]') !== null")
        browser.evaluate("document.querySelector('th button[title=\"sort by n\"]').click()")
        browser.wait("document.querySelector('th[aria-sort=descending]') !== null && document.querySelector('tbody td').textContent == '230'")
        press(browser, "/")
        assert browser.evaluate("document.activeElement.id") == "where"
        browser.evaluate("document.getElementById('where').value = 'sensor = a and n < 10'; document.querySelector('#filter button').click()")
        browser.wait(POSITION + " == '1–5 of 5'")
        browser.evaluate("history.back()")
        browser.wait(POSITION + " == '1–50 of 230'")
        browser.evaluate("document.getElementById('where').value = '{broken'; document.querySelector('#filter button').click()")
        browser.wait("!document.getElementById('error').hidden")
        assert "not JSON" in browser.evaluate("document.getElementById('error').textContent")
        assert [p for p in browser.problems if "400" not in p] == []


def test_a_record_and_its_history(browser, tmp_path):
    path, _ = make(tmp_path, "directory", build=shop)
    with serving(path) as url:
        resize(browser, 1280, 800)
        browser.open(url + "#collection=users")
        browser.wait(POSITION + " == '1–2 of 2'")
        assert browser.evaluate("document.querySelector('tbody').innerText").count("<script>") == 1  # shown, not obeyed
        browser.evaluate("document.activeElement.blur()")
        press(browser, "j")
        press(browser, "Enter")
        browser.wait("document.getElementById('record').open")
        text = browser.evaluate("document.getElementById('versions').innerText")
        assert "Version 2, now" in text and "Version 1" in text and "Lyon" in text and "Yerevan" in text
        assert "city" in browser.evaluate("[...document.querySelectorAll('.changed th')].map(t => t.textContent).join()")
        shot(browser, "history")
        assert browser.problems == []


def test_charts_and_structure_are_drawn(browser, tmp_path):
    path, _ = make(tmp_path, "flash", build=shop)
    with serving(path, "--times", "at") as url:
        resize(browser, 1280, 800)
        browser.open(url + "#collection=readings&tab=chart&x=at&y=celsius&by=sensor")
        browser.wait("document.querySelector('.uplot canvas') !== null")
        browser.wait(READY)
        assert browser.evaluate("[...document.querySelectorAll('.u-legend .u-label')].map(e => e.textContent).join()") == "Time,a,b"
        inked = ("(c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
                 "for (let i = 0; i < d.length; i += 4) n += d[i + 3] > 200 && d[i + 2] > d[i] + 60; return n; })"
                 "(document.querySelector('.uplot canvas'))")
        assert browser.evaluate(inked) > 500  # a blue line
        shot(browser, "chart")
        press(browser, "3")
        browser.wait("document.querySelectorAll('.map i').length == 64")
        text = browser.evaluate("document.getElementById('structure').innerText")
        assert "sensor" in text and "blocks taken since it was blank" in text and "next id" in text
        shot(browser, "structure")
        assert browser.problems == []


@pytest.mark.parametrize("zone, first", [("UTC", "00:00"), ("Asia/Kolkata", "05:30"), ("-03:00", "21:00")])
def test_charts_tell_times_as_tables_do(zone, first, browser, tmp_path):
    """ISO 8601 in the zone of --tz, wherever the browser is."""
    path, _ = make(tmp_path, "directory", build=shop)
    browser.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
    browser.before_load("window.drawn = []; const fill = CanvasRenderingContext2D.prototype.fillText;"
                        "CanvasRenderingContext2D.prototype.fillText = function (text, ...at) { drawn.push(text); fill.call(this, text, ...at); }")
    with serving(path, "--times", "at", "--tz=" + zone) as url:
        resize(browser, 1280, 800)
        browser.open(url + "#collection=readings&tab=chart&x=at&y=celsius&where=n+%3C+48")
        browser.wait("document.querySelector('.uplot canvas') !== null && drawn.some((text) => text.includes(':'))")
        drawn = browser.evaluate("drawn")
        hours = [text for text in drawn if re.fullmatch(r"\d\d:\d\d", text)]
        assert hours[0] == first and "2026-11-2%d" % (1 if zone == "-03:00" else 2) in drawn, drawn
        assert not [text for text in drawn if "am" in text or "pm" in text or "/" in text]
        assert browser.problems == []


@pytest.mark.parametrize("tab", ["records", "chart", "structure"])
def test_a_phone(tab, browser, tmp_path):
    """At 360 pixels nothing runs off the page; what is to be touched is large enough."""
    path, _ = make(tmp_path, "flash", build=shop)
    with serving(path, "--times", "at") as url:
        resize(browser, 360, 740)
        browser.open(url + "#collection=readings&x=at&y=celsius&tab=" + tab)
        browser.wait(READY)
        time.sleep(0.3)
        shot(browser, "phone-" + tab)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 360
        small = ("[...document.querySelectorAll('#pager button, #tabs button, #filter button, select, input')]"
                 ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 36).map(e => e.outerHTML)")
        assert browser.evaluate(small) == []
        assert browser.problems == []


def test_the_page_exports(browser, tmp_path):
    path, _ = make(tmp_path, "directory", build=shop)
    (tmp_path / "got").mkdir()
    with serving(path) as url:
        browser.call("Page.setDownloadBehavior", behavior="allow",
                     downloadPath=str(tmp_path / "got"))
        browser.open(url + "#collection=readings&where=n+%3C+3")
        browser.wait(POSITION + " == '1–3 of 3'")
        browser.evaluate("(s => { s.value = 'csv'; s.dispatchEvent(new Event('change')); })(document.getElementById('export'))")
        end = time.monotonic() + 20
        while not (tmp_path / "got" / "readings.csv").exists() and time.monotonic() < end:
            time.sleep(0.1)
            browser.evaluate("1")
        assert len((tmp_path / "got" / "readings.csv").read_text().splitlines()) == 4
