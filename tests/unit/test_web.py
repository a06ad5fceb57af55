"""The page that flashes from a browser: in a headless Chromium, onto a stand-in for a chip."""
import base64
import os
import shutil
import time

import pytest
from here import SUPPORT
from browser import PROGRAM, Browser, axe, served
from chip import Chip
from test_flash import BOARD, make_image

from firmware import info, page
from firmware.site import docs as build_docs
from firmware.progress import Failure

pytestmark = [
    pytest.mark.skipif(not PROGRAM, reason="needs Chromium"),
    pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which fetches ESP Web Tools"),
]
SERIAL_PORT = (SUPPORT / "serial_port.js").read_text()
BUTTON = "inside('ew-text-button').find((b) => b.textContent.trim() == '%s')"
MESSAGES = "inside('ewt-page-message').map((message) => message.label).join()"
SECONDS = 60


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """An image a chip, named as in a release."""
    folder = tmp_path_factory.mktemp("images")
    return {kind: make_image(folder, kind).rename(folder / (BOARD[kind] + "-20260102-v0.1.0.bin")) for kind in BOARD}


@pytest.fixture(scope="module")
def site(images, tmp_path_factory):
    """URL of the page, served."""
    home = page.build(list(images.values()), tmp_path_factory.mktemp("site") / "page")
    with served(home) as url:
        yield url + "flash.html"


@pytest.fixture
def browser():
    with Browser() as browser:
        yield browser


def test_the_page_loads_without_errors_and_lists_the_images(browser, site, images):
    browser.open(site)
    rows = browser.evaluate("[...document.querySelectorAll('#images section')].map(row => row.innerText.split(/\\n+/))")
    assert rows == [["%s: %s" % (page.FAMILIES[kind], images[kind].name), "esptool --chip %s write-flash --flash-size detect %s %s" % (
        kind, "0x1000" if kind == "esp32" else "0x0", images[kind].name)] for kind in sorted(BOARD, key=lambda k: images[k].name)]
    assert browser.evaluate("document.getElementById('version').textContent") == info.version()
    assert browser.evaluate("document.getElementById('mip').textContent").endswith(site.removesuffix("flash.html") + "mip/package.json")
    for kind in BOARD:
        size = browser.evaluate("fetch(%r).then((r) => r.blob()).then((b) => b.size)" % images[kind].name)
        assert size == images[kind].stat().st_size
    assert browser.evaluate("document.querySelector('esp-web-install-button').hasAttribute('install-supported')")
    assert browser.problems == []


def test_a_browser_without_web_serial_is_told(browser, site):
    browser.before_load("delete Navigator.prototype.serial")
    browser.open(site)
    browser.wait("document.querySelector('esp-web-install-button').hasAttribute('install-unsupported')")
    assert browser.evaluate("document.querySelector('[slot=unsupported]').assignedSlot !== null")
    assert browser.evaluate("document.querySelector('[slot=activate]').assignedSlot === null")


def test_what_is_erased_stands_before_the_button(browser, site):
    browser.open(site)
    assert browser.evaluate("document.getElementById('erased').compareDocumentPosition(document.querySelector('[slot=activate]')) & 4")
    text = browser.evaluate("document.querySelector('main').innerText")
    assert text.index("all files on the board are lost") < text.index("Connect and install")
    assert "none has run on a chip yet" in text


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_off_the_page(width, browser, site):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=1, mobile=width < 500)
    browser.open(site)
    browser.wait("document.getElementById('mip').textContent.includes('http')")
    if folder := os.environ.get("UNOSQL_SHOTS"):
        data = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(os.path.join(folder, "flash-%d.png" % width), "wb") as file:
            file.write(base64.b64decode(data))
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(browser) == []
    wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"
    assert browser.evaluate(wide) == []


def test_without_scripts_it_says_what_to_do(browser, site, images):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.call("Page.navigate", url=site)
    time.sleep(1)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)  # of this page none has run
    assert browser.evaluate("getComputedStyle(document.querySelector('[slot=activate]')).display") == "none"
    text = browser.evaluate("document.querySelector('main').innerText")
    assert "The installer needs JavaScript" in text and "no Web Serial" not in text
    for image in images.values():
        assert image.name in text
    assert browser.evaluate("document.querySelectorAll('#images pre').length") == 4


def test_a_missing_installer_is_told(browser, images, tmp_path):
    home = page.build(list(images.values()), tmp_path / "page")
    shutil.rmtree(home / "esp-web-tools")
    with served(home) as url:
        browser.open(url + "flash.html")
        assert "The installer needs JavaScript, and its files" in browser.evaluate("document.querySelector('main').innerText")


def test_links_lead_to_what_a_release_puts_beside_the_page(browser, site, tmp_path):
    """The site of the docs is one, so that no address of a host is needed."""
    pytest.importorskip("mkdocs")
    browser.open(site)
    links = browser.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    docs = build_docs(tmp_path / "docs")
    for link in (link for link in links if link.startswith("docs/")):
        assert (docs / link.removeprefix("docs/")).exists(), link
    assert {"docs/index.html", "docs/CHANGELOG.html", "unosql-source.tar.gz", "SHA256SUMS"} <= set(links)


def test_a_missing_manifest_is_told(browser, site, images, tmp_path):
    home = page.build(list(images.values()), tmp_path / "page")
    (home / "manifest.json").unlink()
    with served(home) as url:
        browser.open(url + "flash.html")
        browser.wait("!document.getElementById('error').hidden")
        assert "404" in browser.evaluate("document.getElementById('error').textContent")


class User:
    """Somebody at the browser, with a board on the one serial port. board: has the path of its port."""

    def __init__(self, browser, board):
        self._browser = browser
        self._port = os.open(board.port, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        browser.before_load(SERIAL_PORT)
        browser.provide("sendToBoard", lambda text: os.write(self._port, base64.b64decode(text)))

    def close(self):
        os.close(self._port)

    def click(self, element):
        """Click an element, a JavaScript expression, when it is there."""
        self.wait("!!" + element)
        self._browser.evaluate(element + ".click()", gesture=True)

    def wait(self, expression):
        """Until a JavaScript expression is true, while the board's bytes get to the page; its value."""
        end = time.monotonic() + SECONDS
        while not (value := self._browser.evaluate(expression)):
            self._pass_on()
            assert time.monotonic() < end, "%s did not become true; problems: %s" % (expression, self._browser.problems)
        return value

    def _pass_on(self):
        try:
            data = os.read(self._port, 4096)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            self._browser.evaluate("deliver(%r)" % base64.b64encode(data).decode())


@pytest.mark.parametrize("kind, erase", [("esp32", True), ("esp32c3", False), ("esp32s3", False), ("esp8266", False)])
def test_a_user_installs(kind, erase, browser, site, images):
    """ESP Web Tools itself finds the chip, takes its image from our manifest and writes it to the right place."""
    with Chip(kind, 4 << 20) as chip:
        chip.flash[-4:] = b"data"
        user = User(browser, chip)
        browser.open(site)
        user.click("document.querySelector('[slot=activate]')")
        user.click("inside('ew-list-item').find((item) => item.textContent.includes('Install unosql'))")
        if erase:
            user.click("inside('ew-checkbox')[0]")
        user.click(BUTTON % "Next")
        user.click(BUTTON % "Install")
        assert user.wait(MESSAGES) == "Installation complete!"
        user.close()
        image = images[kind].read_bytes()
        start = 0x1000 if kind == "esp32" else 0
        assert chip.flash[start + 4 : start + len(image)] == image[4:]
        assert (chip.flash[-4:] == b"data") is not erase
    assert browser.problems == []


def test_without_images_the_page_says_so(browser, tmp_path):
    home = page.build([], tmp_path / "page")
    assert not (home / "manifest.json").exists() and "ESP Web Tools" in (home / "licences.txt").read_text()
    with served(home) as url:
        browser.open(url + "flash.html")
        assert "built without images" in browser.evaluate("document.getElementById('images').innerText")


def test_an_esp8266_image_that_tells_a_smaller_flash_is_refused(images, tmp_path):
    data = bytearray(images["esp8266"].read_bytes())
    data[3] = 0x20  # 1 MiB, as elf2image makes it
    (tmp_path / "small.bin").write_bytes(data)
    with pytest.raises(Failure, match="small.bin says that the flash is smaller than unosql needs"):
        page.manifest([tmp_path / "small.bin"])


def test_two_images_for_a_chip_are_refused(images, tmp_path):
    second = tmp_path / "UNOSQL_ESP32_OTHER-20260102-v0.1.0.bin"
    second.write_bytes(images["esp32"].read_bytes())
    with pytest.raises(Failure, match="two images for one chip"):
        page.manifest([*images.values(), second])
