"""The tab Your board in a headless Chromium: the emulated board behind a stand-in for Web Serial, and files of all kinds."""
import base64
import contextlib
import json
import os
import shutil
import tty
import zipfile

import pytest
from browser import PROGRAM, Browser, axe, served
from test_pc import KEY, digest, images, make, open_path
from test_web import User

from firmware import board as boards
from firmware import deps, targets, web
from firmware.emulator import Emulator
from unosql.core import Unosql
from unosql_pc import browsing
from unosql_pc.times import Times

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="needs Chromium"),
    pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which fetches what the pages are made of"),
]
IDLE = "document.body.getAttribute('aria-busy') != 'true'"
SEEN = "!!document.getElementById('view').contentDocument?.getElementById('position')?.textContent"
FRAME = "document.getElementById('view').contentDocument"
PREPARE = """
from unosql.core import Unosql
with Unosql("garden", %r, 1000) as db:
    for n in range(60):
        db.insert("plants", {"name": "plant %%d" %% n, "water": n %% 7})
    db.backup("garden.bak")
    db.insert("plants", {"name": "moss"})
with Unosql("secret-plan") as db:
    db.insert("steps", {"n": 1})
with Unosql("notes", path="/") as db:
    db.insert("lines", {"text": "hello"})
""" % KEY


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = web.build(tmp_path_factory.mktemp("site") / "site", {"images": ""})
    with served(home) as url:
        yield url + "board.html"


@pytest.fixture
def browser(site):
    with Browser() as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        yield browser


@pytest.fixture(scope="module")
def emulator():
    """A board with a database in its raw partition, one among its files, and a backup."""
    try:
        deps.ensure("qemu", "emulator")
    except Exception as failure:
        pytest.skip(str(failure))
    targets.qemu_firmware()
    with Emulator() as board:
        boards.mpremote(board.port, "exec", PREPARE, capture=True)
        yield board


@contextlib.contextmanager
def connected(browser, site, emulator):
    """Gives the User who has connected the board."""
    user = User(browser, emulator)
    try:
        browser.open(site)
        user.click("document.getElementById('connect')")
        user.wait("!document.getElementById('disconnect').hidden || !document.getElementById('error').hidden")
        assert text(browser, "error") == ""
        yield user
        user.click("document.getElementById('disconnect')")
        user.wait("document.getElementById('disconnect').hidden")
    finally:
        user.close()


def text(browser, id):
    return browser.evaluate("document.getElementById(%r).innerText" % id)


def give(browser, path, id="file"):
    """Choose a file, as a user does."""
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    browser.call("DOM.setFileInputFiles", files=[str(path)], nodeId=browser.call("DOM.querySelector", nodeId=root, selector="#" + id)["nodeId"])


def unlock(browser, key, wait=None):
    browser.evaluate("document.getElementById('key').value = %r; document.querySelector('#locked button').click()" % key)
    (wait or browser.wait)(IDLE)


def opened(browser, site, path, key=None):
    """Open a file, until its first records are there."""
    browser.open(site)
    give(browser, path)
    if key:
        browser.wait("!document.getElementById('locked').hidden")
        unlock(browser, key)
    browser.wait(SEEN)


def ask(browser, path, **parameters):
    """What the page of `unosql browse` is answered."""
    return json.loads(browser.evaluate("viewer.ask(%s, %s).then(JSON.stringify)" % (json.dumps(path), json.dumps(parameters))))


def saved(browser):
    """The bytes of the file that the page saves, and its name."""
    browser.wait("!!window.saved")
    data = browser.evaluate("saved.arrayBuffer().then(b => { let s = ''; for (const n of new Uint8Array(b)) s += String.fromCharCode(n); return btoa(s); })")
    return browser.evaluate("window.savedName"), base64.b64decode(data)


CATCH = ("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; };"
         "HTMLAnchorElement.prototype.click = function () { window.savedName = this.download; };")


def button(name):
    return "[...document.querySelectorAll('button')].find((b) => (b.ariaLabel || b.textContent) == %r)" % name


# -- a board

def test_a_board_tells_what_is_on_it(browser, site, emulator):
    with connected(browser, site, emulator) as user:
        rows = browser.evaluate("[...document.querySelectorAll('#databases tbody tr')].map(row => [...row.cells].slice(0, 2).map(c => c.innerText))")
        assert ["garden", "raw flash"] in rows and ["notes", "/notes.udb"] in rows and len(rows) == 3
        assert not browser.evaluate("document.getElementById('naming').hidden")  # blocks tell no names, and no file is called after this one
        facts = text(browser, "facts")
        assert "MicroPython 1." in facts and "of 384 erase blocks in use" in facts and "erased 0." in facts
        assert browser.evaluate("[...document.querySelectorAll('#files li')].some(li => li.textContent.startsWith('garden.bak'))")
        browser.evaluate("document.getElementById('name').value = 'secret-plan'; document.querySelector('#naming button').click()")
        user.wait("document.getElementById('databases').innerText.includes('secret-plan') && document.getElementById('naming').hidden")
        assert axe(browser) == []
    assert browser.problems == []


def test_a_database_of_a_board_is_browsed_and_a_wrong_key_told(browser, site, emulator):
    with connected(browser, site, emulator) as user:
        user.click(button("Browse garden"))
        user.wait("!document.getElementById('locked').hidden && " + IDLE)
        assert browser.evaluate("document.getElementById('view').hidden")
        unlock(browser, "not the right key", user.wait)
        user.wait("document.getElementById('wrong').textContent == 'This is not its key.'")
        assert browser.evaluate("document.getElementById('view').hidden")
        unlock(browser, KEY.decode(), user.wait)
        user.wait("%s?.querySelectorAll('tbody tr').length == 50" % FRAME)
        assert "1–50 of 61" in browser.evaluate(FRAME + ".body.innerText")
        user.click(button("Browse notes"))
        user.wait("%s?.body?.innerText.includes('hello')" % FRAME)
    assert browser.problems == []


def test_copies_of_a_board_s_databases_are_files_for_the_pc(browser, site, emulator, tmp_path):
    with connected(browser, site, emulator) as user:
        browser.evaluate(CATCH)
        user.click(button("Save a copy of garden"))
        user.wait("!!window.saved")
        name, data = saved(browser)
        with Unosql("garden", KEY, storage=images.Device(bytearray(data))) as db:
            assert name == "garden.img" and db.count("plants") == 61 and db.verify() == []
        browser.evaluate("window.saved = null")
        user.click(button("Save a copy of notes"))
        user.wait("!!window.saved")
        name, data = saved(browser)
        (tmp_path / name).write_bytes(data)
        with zipfile.ZipFile(tmp_path / name) as archive:
            archive.extractall(tmp_path)
        with Unosql("notes", path=str(tmp_path)) as db:
            assert name == "notes.udb.zip" and db.find_one("lines")["text"] == "hello"
        browser.evaluate("window.saved = null")
        user.click(button("Save garden.bak"))
        user.wait("!!window.saved")
        assert saved(browser)[1][:2] == b"UQ"


def test_the_self_test_runs_on_the_board(browser, site, emulator):
    with connected(browser, site, emulator) as user:
        user.click("document.getElementById('selftest')")
        user.wait("document.getElementById('selftest-says').textContent.includes('9 of 9')")
        user.wait(IDLE)
    assert browser.problems == []


def test_a_restore_is_asked_for_twice(browser, site, emulator, tmp_path):
    (tmp_path / "garden.bak").write_bytes(backup_of(browser, site, emulator))

    def begin(user, key=KEY.decode()):
        user.click(button("Restore a backup into garden"))
        give(browser, tmp_path / "garden.bak", "backup")
        browser.evaluate("document.getElementById('backup-key').value = %r" % key)
        user.click("document.querySelector('#restoring .main')")

    with connected(browser, site, emulator) as user:
        begin(user, "not the right key")
        user.wait("document.getElementById('error').textContent.includes('another key')")
        begin(user)
        user.wait("document.getElementById('sure').open")
        assert "60 records in plants" in text(browser, "sure-text")
        browser.evaluate("document.querySelector('#sure [value=no]').click()")
        user.wait("!document.getElementById('sure').open && " + IDLE)
        assert plants(emulator, user) == 61
        begin(user)
        user.wait("document.getElementById('sure').open")
        user.click("document.getElementById('sure-yes')")
        user.wait("document.getElementById('sure').open && !document.getElementById('sure-again').hidden")
        assert browser.evaluate("document.getElementById('sure-yes').disabled")
        browser.evaluate("(i => { i.value = 'garden'; i.dispatchEvent(new Event('input')); })(document.getElementById('sure-name'))")
        user.click("document.getElementById('sure-yes')")
        user.wait("document.getElementById('facts').textContent.includes('Restored: 60 records')")
        assert "garden.push" not in text(browser, "files")
        assert plants(emulator, user) == 60


def backup_of(browser, site, emulator):
    with connected(browser, site, emulator) as user:
        browser.evaluate(CATCH)
        user.click(button("Save garden.bak"))
        user.wait("!!window.saved")
        return saved(browser)[1]


def plants(emulator, user):
    """How many records the board has, counted in a copy."""
    user.click(button("Browse garden"))
    user.wait("!document.getElementById('locked').hidden && " + IDLE)
    unlock(user._browser, KEY.decode(), user.wait)
    user.wait("!document.getElementById('view').hidden")
    return ask(user._browser, "databases")[0]["collections"][0]["records"]


def test_a_plug_pulled_in_the_middle_is_told_and_the_board_goes_on(browser, site, emulator):
    user = User(browser, emulator)
    try:
        browser.open(site)
        user.click("document.getElementById('connect')")
        user.wait("!document.getElementById('disconnect').hidden")
        user.click(button("Save a copy of garden"))
        user.wait("document.getElementById('progress').value > 1")
        browser.evaluate("unplug()")
        user.wait("!document.getElementById('error').hidden")
        assert "the board is gone" in text(browser, "error") and "is not finished" in text(browser, "error")
        assert browser.evaluate("document.getElementById('device').hidden && !document.getElementById('connect').hidden")
    finally:
        user.close()
    with connected(browser, site, emulator):
        assert "garden" in text(browser, "databases")


def test_something_else_at_the_port_is_told(browser, site):
    controller, other = os.openpty()
    tty.setraw(other)
    silent = type("Silent", (), {"port": os.ttyname(other)})
    user = User(browser, silent)
    browser.open(site)
    user.click("document.getElementById('connect')")
    user.wait("!document.getElementById('error').hidden")
    assert "no MicroPython answers there" in text(browser, "error")
    user.close()
    os.close(controller)


# -- files

ASKED = [
    ("records", {"collection": "users", "skip": 100, "limit": 7}),
    ("records", {"collection": "users", "order": "-id", "limit": 3}),
    ("records", {"collection": "users", "where": "age > 40 and name ~ 2", "limit": 500}),
    ("records", {"collection": "users", "where": '{"age": {"lt": 3}}', "order": "-age,name", "limit": 500}),
    ("records", {"collection": "users", "where": "user 23", "limit": 500}),
    ("records", {"collection": "users", "order": "-age", "skip": 5, "limit": 50}),
    ("records", {"collection": "log", "where": "on = true", "limit": 500}),
    ("history", {"collection": "users", "id": 8}),
    ("chart", {"collection": "log", "x": "id", "y": "t"}),
    ("chart", {"collection": "users", "x": "timestamp", "y": "age", "where": "age < 5"}),
]


@pytest.mark.parametrize("kind", ["flash", "zip", "backup"])
def test_files_are_browsed_as_on_a_pc(kind, browser, site, tmp_path):
    """The same answers as `unosql browse` gives, of the same page."""
    path, _ = make(tmp_path, {"zip": "directory"}.get(kind, kind), KEY)
    there, before = path, digest(path)
    if kind == "zip":
        there = shutil.make_archive(str(tmp_path / "test"), "zip", tmp_path, "test.udb")
    opened(browser, site, there, KEY.decode())
    assert len(ask(browser, "databases")) == 1
    with contextlib.closing(browsing.Shown(open_path.choose(path), KEY, Times())) as wanted:
        assert ask(browser, "databases")[0]["collections"] == wanted.summary()["collections"]
        for call, parameters in ASKED:
            found = ask(browser, "0/" + call, **parameters)
            right = json.loads(json.dumps(asked_there(wanted, call, parameters)))
            if call == "records":  # MicroPython's dicts have an order of their own
                assert set(found.pop("columns")) == set(right.pop("columns"))
            assert found == right, (call, parameters)
        facts, right = ask(browser, "0/structure"), json.loads(json.dumps(wanted.structure()))
        assert facts["collections"] == right["collections"]
        assert kind != "flash" or facts["flash"] == right["flash"] and facts["levels"] == right["levels"]
    assert digest(path) == before and browser.problems == []


def asked_there(shown, call, parameters):
    if call == "records":
        return shown.page(parameters["collection"], *[parameters.get(name, "") for name in ("where", "order")],
                          parameters.get("skip", 0), parameters["limit"])
    return getattr(shown, call)(*[parameters[name] for name in parameters if name != "where"], **(
        {"where": parameters["where"]} if "where" in parameters else {}))


def test_exports_are_what_the_pc_imports(browser, site, tmp_path):
    path, truth = make(tmp_path, "flash")
    opened(browser, site, path)
    made = browser.evaluate("Promise.all(['csv', 'jsonl'].map(form => viewer.file('0/export', {collection: 'users', form}).then(b => b.text())))")
    from unosql_pc import cli
    for form, content in zip(("csv", "jsonl"), made):
        (tmp_path / ("users." + form)).write_text(content, newline="")
        assert cli.main(["import", str(tmp_path / ("users." + form)), str(tmp_path / (form + ".udb")), "users", "--keep-ids", "--epoch", "1970"]) == 0
        with Unosql(form, path=str(tmp_path)) as db:
            found = {r["id"]: {k: v for k, v in r.items() if v is not None} for r in db.all("users")}
        wanted = {id: {k: v for k, v in r.items() if v is not None} for id, r in truth["users"].items()}
        assert found == wanted, form


@pytest.mark.parametrize("content, said", [
    (b"", "is no database"), (b"something else" * 1000, "is no database"), (b"\xff" * 65536, "is no database"), (b"PK\3\4rest", ""), (b"UQ\1\0", ""),
])
def test_what_is_no_database_is_told(content, said, browser, site, tmp_path):
    (tmp_path / "file.img").write_bytes(content)
    browser.open(site)
    give(browser, tmp_path / "file.img")
    browser.wait("!document.getElementById('error').hidden")
    assert said in text(browser, "error") and browser.evaluate("document.getElementById('view').hidden")


def test_damage_is_an_error_and_never_an_empty_database(browser, site, tmp_path):
    path, _ = make(tmp_path, "flash")
    data = bytearray(path.read_bytes())
    for block in images.blocks(bytes(data)):
        if block.kind == "s" and block.live:
            flip_in(data, block)
    path.write_bytes(data)
    opened(browser, site, path)
    said = browser.evaluate("viewer.ask('0/records', {collection: 'users', where: 'age > 1'}).then(() => 'read', (error) => error.message)")
    assert "checksum mismatch" in said and "flash:" in said
    browser.evaluate(FRAME + ".querySelector('nav a[href*=users]').click()")
    browser.wait("!%s.getElementById('error').hidden" % FRAME)


def flip_in(data, block):
    for at in range(block.at + images.HEAD, block.at + images.HEAD + 64):
        data[at] ^= 0xFF


def test_an_image_of_several_databases_asks_which(browser, site, tmp_path):
    data = bytearray(b"\xff" * (256 << 10))
    for name in ("one", "two"):
        with Unosql(name, storage=images.Device(data)) as db:
            db.insert("r", {"name": name})
    (tmp_path / "two.img").write_bytes(data)
    browser.open(site)
    give(browser, tmp_path / "two.img")
    browser.wait("document.querySelectorAll('#choice button').length == 2")
    browser.evaluate("[...document.querySelectorAll('#choice button')].find(b => b.textContent == 'two').click()")
    browser.wait("%s?.querySelector('tbody')?.innerText.includes('two')" % FRAME)


MANY = """
from unosql.core import Unosql
with Unosql("big") as db:
    assert db.insert_many("readings", ({"n": n, "odd": n * 7919 % 1000} for n in range(100000))) == 100000
"""


def test_a_hundred_thousand_records(browser, site, tmp_path):
    (tmp_path / "make.py").write_text(MANY)
    assert unix(tmp_path / "make.py", tmp_path) == 0
    opened(browser, site, shutil.make_archive(str(tmp_path / "big"), "zip", tmp_path, "big.udb"))
    assert "1–50 of 100,000" in browser.evaluate(FRAME + ".body.innerText")
    last = ask(browser, "0/records", collection="readings", skip=99990, limit=50)
    assert [row["n"] for row in last["rows"]] == list(range(99990, 100000)) and last["total"] == 100000
    found = ask(browser, "0/records", collection="readings", where="odd = 7", limit=500)
    assert [row["n"] for row in found["rows"]] == [n for n in range(100000) if n * 7919 % 1000 == 7]
    ordered = ask(browser, "0/records", collection="readings", order="-odd,-n", limit=3)
    assert [row["n"] for row in ordered["rows"]] == sorted(range(100000), key=lambda n: (n * 7919 % 1000, n))[:-4:-1]


def unix(script, folder):
    import targets as test_targets
    try:
        return test_targets.make("unix").execute([str(script)], folder, 240, lambda line: None)
    except test_targets.Missing as missing:
        pytest.skip(str(missing))


# -- everybody

def test_without_web_serial_files_can_be_opened(browser, site, tmp_path):
    path, _ = make(tmp_path, "flash")
    browser.before_load("Object.defineProperty(navigator, 'serial', {value: undefined})")
    opened(browser, site, path)
    assert "no Web Serial" in text(browser, "unsupported")
    assert browser.evaluate("document.getElementById('connect').hidden")


def test_without_scripts_it_leads_on(browser, site):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=site)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    browser.wait("document.readyState == 'complete'")
    assert "unosql pull" in browser.evaluate("document.querySelector('noscript').textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everybody_can_use_it(width, scheme, browser, site, tmp_path):
    """axe finds nothing in page and frame, and nothing runs off the page."""
    path, _ = make(tmp_path, "flash", KEY)
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(site)
    give(browser, path)
    browser.wait("!document.getElementById('locked').hidden")
    assert axe(browser) == []
    unlock(browser, KEY.decode())
    browser.wait(SEEN)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(browser) == []
    for tab in ("records", "chart", "structure"):
        browser.evaluate(FRAME + ".querySelector('[data-tab=%s]').click()" % tab)
        browser.wait(FRAME + ".body.getAttribute('aria-busy') == 'false' && !%s.getElementById('%s').hidden" % (FRAME, tab))
        assert axe(browser, frame=True) == [], tab
    browser.open(browser.evaluate("document.getElementById('view').src") + "#")  # alone it says that no database is open
    assert "go to the tab Your board" in text(browser, "error")
