"""The playground: MicroPython and unosql in a headless Chromium, on a flash that the browser keeps."""
import base64
import contextlib
import gzip
import random
import shutil
import time
from urllib.request import urlopen

import pytest
from browser import PROGRAM, Browser, axe, served
from test_pc import images

from firmware import programs, web
from unosql.core import Unosql
from unosql.storage.flash import Flash

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="needs Chromium"),
    pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which fetches what the pages are made of"),
]
COMPRESSED = 1_500_000  # bytes of all that the page loads
SOON = 3000  # milliseconds to the prompt, where other tests take the processor; it was 0.9 to 1.0 s with two cores for eleven processes
READY = "document.body.dataset.state == 'ready'"
ROWS = "[...document.querySelectorAll('.xterm-rows > div')].map(row => row.textContent).join('\\n').replaceAll('\\u00a0', ' ')"
CALLS = "[...document.querySelectorAll('#calls tbody tr')].map(row => row.made)"
SEED = random.randrange(1 << 30)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return web.build(tmp_path_factory.mktemp("site") / "site", {"images": ""})


@pytest.fixture(scope="module")
def site(home):
    with served(home) as url:
        yield url


@pytest.fixture
def browser():
    with Browser() as browser:
        yield browser


def opened(browser, url, width=1280):
    """The page, at a size at which the prompt is seen: a terminal that is not draws nothing."""
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    browser.open(url)
    browser.wait(READY + " && document.getElementById('programs').length > 1")


def edit(browser, code):
    """Put a program into the editor, as a user types it."""
    browser.evaluate("document.querySelector('.cm-content').focus()")
    browser.evaluate("document.execCommand('selectAll')")
    browser.call("Input.insertText", text=code)


def start(browser, code):
    # one line: the editor would indent lines as they come
    edit(browser, "exec(%r)" % code)
    browser.wait("document.getElementById('run').disabled == false")
    browser.evaluate("document.getElementById('run').click()")


def run(browser, code):
    """Run a program to its end; what the terminal shows."""
    start(browser, code)
    browser.wait(READY + " && 'ok' in document.body.dataset")
    return shown(browser)


def shown(browser, wanted=">>>"):
    """What the terminal shows, once that is in it; it draws in the next frames."""
    time.sleep(0.2)
    browser.wait("(%s).includes(%r)" % (ROWS, wanted))
    return browser.evaluate(ROWS)


def test_it_is_ready_soon_small_and_without_errors(browser, site):
    opened(browser, site)
    assert browser.evaluate("document.querySelector('.cm-content').textContent").startswith('"""unosql in one page')
    assert browser.evaluate("performance.getEntriesByName('ready')[0].startTime") < SOON
    assert ">>>" in shown(browser)
    assert browser.problems == []
    names = browser.evaluate("performance.getEntriesByType('resource').map(e => e.name).concat(location.href)")
    assert all(name.startswith(site) for name in names)
    worker = ["playground-worker.js", "modules.json", "micropython/micropython.mjs", "micropython/micropython.wasm"]
    loaded = {name.partition("#")[0] for name in names} | {site + name for name in worker}
    assert sum(len(gzip.compress(urlopen(name).read())) for name in loaded) < COMPRESSED


def test_every_program_of_the_documents_runs(browser, site):
    offered = programs.offered()
    assert {one["group"] for one in offered} == {"Start", "Recipes", "Examples"} and len(offered) >= 20
    assert len({one["id"] for one in offered}) == len(offered)
    opened(browser, site)
    for one in offered * 2:  # on one flash, and again
        browser.wait("!document.getElementById('run').disabled")
        browser.evaluate("(s => { s.value = %r; s.dispatchEvent(new Event('change')); document.getElementById('run').click(); })"
                         "(document.getElementById('programs'))" % one["id"])
        browser.wait(READY + " && 'ok' in document.body.dataset", 120)
        assert browser.evaluate("document.body.dataset.ok") == "true", one["title"] + ": " + shown(browser)
    assert browser.problems == []


def test_an_address_leads_to_a_program_and_what_is_edited_stays(browser, site):
    opened(browser, site + "#recipes-backups")
    code = next(one["code"] for one in programs.offered() if one["title"] == "Backups")
    text = "[...document.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n')"
    assert code.startswith(browser.evaluate(text)[:200]) and browser.evaluate("document.getElementById('programs').value") == "recipes-backups"
    edit(browser, "print('mine')")
    assert browser.evaluate("document.getElementById('programs').value") == ""
    opened(browser, site)
    assert browser.evaluate(text) == "print('mine')"


def test_an_error_is_shown_and_the_prompt_goes_on(browser, site):
    opened(browser, site)
    text = run(browser, "from unosql import Unosql\ndb = Unosql('a')\ndb.insert('r', {'id': 7})")
    assert "ValueError" in text and browser.evaluate("document.body.dataset.ok") == "false"
    browser.evaluate("document.querySelector('.xterm-helper-textarea').focus()")
    for character in "db.insert('r', {'n': 20 + 3}); print('there:', db.find_one('r')['n'])\r":
        browser.call("Input.dispatchKeyEvent", type="char", text=character)
    assert "\nthere: 23" in shown(browser, "\nthere: 23")


def test_what_is_stored_stays(browser, site):
    opened(browser, site)
    key = "encryption_key=b'16bytekey1234567', iterations=1000"
    run(browser, "from unosql import Unosql\nUnosql('kept', %s).insert('r', {'n': 1})" % key)  # and not closed
    browser.close_tab()
    opened(browser, site)
    text = run(browser, "from unosql import Unosql\ndb = Unosql('kept', %s)\nprint(db.count('r'), db.verify())" % key)
    assert "1 []" in text
    assert "WrongKeyError" in run(browser, "from unosql import Unosql\nUnosql('kept', encryption_key=b'another key12345', iterations=1000)")


WRITES = """
from unosql import Unosql
db = Unosql('cut')
assert db.verify() == []
print('before', db.count('r'))
while True:
    db.insert('r', {'text': 'x' * 100})
"""
INSERTED = "(%s).reduce((sum, row) => sum + (row.name.startsWith('insert(') ? row.count : 0), 0)" % CALLS


@pytest.mark.parametrize("way", ["tab", "power", "browser"])
def test_what_a_call_has_stored_outlasts_a_tab_closed_at_random(way, site, tmp_path):
    """Each insert that the page was told of is there afterwards, in whatever moment the end came."""
    chance, told = random.Random(SEED), 0
    with contextlib.ExitStack() as stack:
        browser = stack.enter_context(Browser(tmp_path / "profile"))
        opened(browser, site)
        for _ in range(4):
            before = run_until_it_writes(browser)
            assert before >= told, "seed %d: %d records are there, %d were acknowledged" % (SEED, before, told)
            time.sleep(chance.random())
            told = before + browser.evaluate(INSERTED)
            assert told > before
            if way == "power":
                browser.evaluate("document.querySelector('#calls tbody').replaceChildren(); document.getElementById('cut').click()")
                continue
            if way == "tab":
                browser.close_tab()
            else:
                browser.kill()
                browser = stack.enter_context(Browser(tmp_path / "profile"))
            opened(browser, site)


def run_until_it_writes(browser):
    """How many records it has found there."""
    start(browser, WRITES)
    browser.wait(INSERTED + " > 0")
    return int(shown(browser, "before ").split("before")[1].split()[0])


def test_the_picture_tells_what_each_call_did(browser, site):
    opened(browser, site)
    run(browser, "from unosql import Unosql\ndb = Unosql('p')\nfor n in range(400): db.insert('r', {'n': n, 'text': 'some text'})\n"
                 "db.find_one('r', {'n': 7})\ndb.close()\nkept = Unosql('q')\nkept.insert('r', {})")
    calls = browser.evaluate(CALLS)
    assert [call["name"] for call in calls] == [
        'insert("r")', 'Unosql("q")', "close()", 'find_one("r")', 'insert("r")', 'Unosql("p")']
    inserts = calls[4]
    assert inserts["count"] == 400 and inserts["programmed"] > 400 * 20 and 0 < inserts["erased"] < 100
    assert calls[3]["read"] > 0 and calls[3]["programmed"] == calls[3]["erased"] == 0
    kinds = browser.evaluate("[...document.querySelectorAll('#map i')].map(cell => cell.className.split(' ')[0])")
    assert len(kinds) == 384 and {"s", "w", "m", "freed", ""} == set(kinds)
    assert " hold records" in browser.evaluate("document.getElementById('map').getAttribute('aria-label')")
    assert browser.evaluate("document.getElementById('levels').innerText").startswith("q: ")


def test_an_image_of_it_is_what_the_pc_reads(browser, site):
    """The same bytes as on a board: the flash model is no format of its own."""
    opened(browser, site)
    run(browser, "from unosql import Unosql\ndb = Unosql('shared', encryption_key='a passphrase', iterations=1000)\n"
                 "for n in range(300): db.insert('r', {'n': n, 'text': 'as on a board'})")
    browser.evaluate("URL.createObjectURL = (blob) => { window.saved = blob; return '#'; }")
    browser.evaluate("document.getElementById('image').click()")
    browser.wait("!!window.saved")
    text = browser.evaluate("saved.arrayBuffer().then(b => [...new Uint8Array(b)].map(n => String.fromCharCode(n)).join('')).then(btoa)")
    device = images.Device(bytearray(base64.b64decode(text)))
    with Unosql("shared", encryption_key="a passphrase", storage=Flash(device, "shared")) as db:
        assert [record["n"] for record in db.iterate("r")] == list(range(300)) and db.verify() == []


def test_a_second_tab_says_that_it_keeps_nothing(browser, site):
    opened(browser, site)
    assert browser.evaluate("document.getElementById('note').hidden")
    browser.another_tab()
    opened(browser, site)
    assert "another tab has the playground open" in browser.evaluate("document.getElementById('note').textContent")


def test_the_flash_is_erased_only_when_asked(browser, site):
    opened(browser, site)
    run(browser, "from unosql import Unosql\nUnosql('gone').insert('r', {})")
    used = "document.querySelectorAll('#map .m').length"
    assert browser.evaluate(used) == 1
    browser.evaluate("window.confirm = () => false; document.getElementById('erase').click()")
    assert browser.evaluate(used) == 1
    browser.evaluate("window.confirm = () => true; document.getElementById('erase').click()")
    browser.wait(used + " == 0")


def test_it_works_without_a_network_once_loaded(browser, site):
    opened(browser, site)
    browser.wait("navigator.serviceWorker.ready.then(() => true)")
    browser.wait("!!navigator.serviceWorker.controller")
    browser.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    opened(browser, site)
    assert "5" in run(browser, "print(2 + 3)")
    browser.open(site + "flash.html")
    assert browser.evaluate("document.querySelector('h1').textContent") == "Install unosql"


def test_a_missing_part_is_told(browser, home, tmp_path):
    shutil.copytree(home, tmp_path / "site")
    (tmp_path / "site" / "modules.json").unlink()
    with served(tmp_path / "site") as url:
        browser.open(url)
        browser.wait("document.body.dataset.state == 'failed'")
        assert "MicroPython does not run" in browser.evaluate("document.getElementById('note').textContent")


def test_without_scripts_it_leads_on(browser, site):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=site)
    time.sleep(1)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)  # of this page none has run
    assert "needs JavaScript" in browser.evaluate("document.querySelector('noscript').textContent")


@pytest.mark.parametrize("width", [360, 820, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(width, scheme, browser, site):
    """axe finds nothing, and nothing runs off the page."""
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    opened(browser, site, width)
    browser.evaluate("document.getElementById('run').click()")
    browser.wait(READY + " && 'ok' in document.body.dataset")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(browser) == []


def test_the_keyboard_reaches_everything_and_is_caught_nowhere(browser, site):
    """Tab goes through editor and prompt, which would take it for themselves, to the calls at the end, and Ctrl-Enter runs."""
    opened(browser, site)
    browser.evaluate("document.querySelector('.brand').focus()")
    seen = []
    for _ in range(25):
        press(browser, "Tab")
        seen.append(browser.evaluate("(e => e.id || e.getAttribute('aria-label') || e.textContent)(document.activeElement)"))
        if seen[-1] == "Program":
            press(browser, "Enter", modifiers=2)
            browser.wait(READY + " && document.body.dataset.ok == 'true'")
    places = ["Your board", "programs", "run", "Program", "cut", "MicroPython prompt", "image", "erase", "calls"]
    assert [place for place in seen if place in places][: len(places)] == places


def press(browser, key, modifiers=0):
    code = {"Tab": 9, "Enter": 13}[key]
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, modifiers=modifiers)


def test_licences_of_all_that_is_bundled_are_listed(home):
    text = (home / "licences.txt").read_text()
    for name in ("@codemirror/view", "@xterm/xterm", "@noble/ciphers", "@micropython/micropython-webassembly-pyscript"):
        assert name in text
    assert text.count("Permission is hereby granted") >= 15
