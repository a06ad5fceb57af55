"""The site of the docs: all pages, links that lead somewhere, and a search that finds."""
import json
import os
import base64
import re

import pytest
from browser import PROGRAM, Browser, served
from here import ROOT

from firmware import deps, programs, site
from firmware.progress import Failure

pytest.importorskip("mkdocs")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return site.docs(tmp_path_factory.mktemp("site") / "site")


def test_every_page_is_there(home):
    for page in site.pages():
        assert (home / ("index.html" if page == "README.md" else page.replace("README.md", "index.html").replace(".md", ".html"))).exists()
    assert {str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")} <= set(site.pages())


def test_the_index_of_the_search_has_what_the_pages_say(home):
    found = json.loads((home / "search" / "search_index.json").read_text())["docs"]
    for text, page in (("incremental_backup", "docs/API.html"), ("salvage", "docs/PC.html"), ("tombstone", "docs/FORMAT.html")):
        assert any(entry["location"].startswith(page) and text in entry["text"] for entry in found), text


def test_every_recipe_leads_to_the_playground(home):
    found = re.findall(r'href="../../index.html#([^"]+)">Run it in the browser', (home / "docs" / "RECIPES.html").read_text())
    assert found == [one["id"] for one in programs.offered() if one["group"] == "Recipes"] and len(found) > 8
    for page, way in (("index.html", "../index.html"), ("docs/PC.html", "../../index.html")):
        assert 'href="%s" title="unosql' % way in (home / page).read_text()


def test_no_other_host_is_asked(home):
    for page in home.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe)[^>]+src=\"(https?:[^\"]+)|<link[^>]+rel=\"(?:stylesheet|preconnect)\"[^>]*href=\"(https?:[^\"]+)",
                            page.read_text())
        assert loaded == [], page


def test_npm_without_its_registry_is_told(monkeypatch, tmp_path):
    """And what was not installed whole is not taken for it the next time."""
    (tmp_path / "npm").write_text("#!/bin/sh\necho npm ERROR: network\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    monkeypatch.setattr(deps, "BUILD", tmp_path)
    for _ in range(2):
        with pytest.raises(Failure, match="npm ci --ignore-scripts .*network; npm must reach its registry this once: see `npm ping`"):
            deps.npm_packages()


def test_a_link_that_leads_nowhere_is_an_error(monkeypatch, tmp_path):
    real = site.copy_pages

    def broken(destination):
        real(destination)
        (destination / "docs" / "API.md").write_text("[gone](NOTHING.md)")

    monkeypatch.setattr(site, "copy_pages", broken)
    with pytest.raises(Failure):
        site.docs(tmp_path / "site")


@pytest.mark.skipif(not PROGRAM, reason="needs Chromium")
def test_a_reader_searches(home):
    with served(home) as url, Browser() as browser:
        browser.open(url + "index.html")
        browser.evaluate("(i => { i.focus(); i.value = 'upsert'; i.dispatchEvent(new Event('keyup', {bubbles: true})); "
                         "i.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('.md-search__input'))")
        browser.wait("document.querySelectorAll('.md-search-result__item').length > 0")
        assert "API.html" in browser.evaluate("[...document.querySelectorAll('.md-search-result__link')].map(a => a.href).join()")
        if folder := os.environ.get("UNOSQL_SHOTS"):
            with open(os.path.join(folder, "site.png"), "wb") as file:
                file.write(base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"]))
        browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1, mobile=True)
        browser.open(url + "docs/PC.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 360
        assert browser.problems == []
