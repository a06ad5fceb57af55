"""`make site`: playground, your board, flash (page.py), and README.md and docs/ with search, by MkDocs with the Material theme.

It is all files, and asks no other host.
"""
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

from . import deps, info, mip, page, programs
from .commands import Commands
from .paths import BUILD, ROOT, shown
from .progress import say

HOME = BUILD / "site"
# What there is to read, in the order of the menu.
NAV = [
    ("Start", "README.md"), ("Recipes", "docs/RECIPES.md"), ("All calls", "docs/API.md"), ("In the browser", "docs/BROWSER.md"), ("On a PC", "docs/PC.md"),
    ("A fleet", "docs/FLEET.md"),
    ("Editors", "docs/EDITORS.md"), ("Power loss", "docs/RELIABILITY.md"), ("Security", "docs/SECURITY.md"), ("What it costs", "docs/BENCH.md"),
    ("Beside others", "docs/PEERS.md"), ("How it works", "docs/DESIGN.md"),
    ("On the flash", "docs/FORMAT.md"), ("What was run", "docs/STATUS.md"), ("Boards", "boards/README.md"), ("Changes", "CHANGELOG.md"),
    ("How to change it", "CONTRIBUTING.md"),
]
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def build(destination=HOME):
    """Make the site anew, with the images that were built here; its folder."""
    destination = Path(destination)
    say("the site: npm packages and the pages first, then the documentation")
    page.build(page.images_here(), destination)
    mip.copy_to(destination / "mip")
    page.add_source(destination)
    docs(destination / "docs")
    say("the site is in %s; look at it: python3 -m http.server -b 127.0.0.1 -d %s" % (shown(destination), shown(destination)))
    return destination


def docs(destination, commands=None):
    """Make the documentation anew; its folder. Failure when a link leads nowhere."""
    source = BUILD / "site-pages"
    shutil.rmtree(source, ignore_errors=True)
    copy_pages(source)
    offer_to_run(source / "docs" / "RECIPES.md")
    config = source.with_suffix(".json")  # JSON is YAML
    config.write_text(json.dumps(configuration(source, Path(destination))))
    (commands or Commands()).run(_python(), "-m", "mkdocs", "build", "--strict", "--clean", "-f", config, quiet=True)
    return Path(destination)


def _python():
    """One that has MkDocs."""
    return sys.executable if importlib.util.find_spec("mkdocs") else deps.venv_python()


def pages():
    """Paths of all pages, from the root: those of the menu, and what else docs/ has."""
    return [page for _, page in NAV] + [page for page in _found() if page not in dict(map(reversed, NAV))]


def _found():
    return sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))


def copy_pages(destination):
    """The pages where they are in the repository, with what they link to."""
    for name in pages():
        text = (ROOT / name).read_text()
        _copy(name, destination)
        for link in _LINK.findall(text):
            target = (ROOT / name).parent.joinpath(link).resolve()
            if target.is_file():
                _copy(str(target.relative_to(ROOT.resolve())), destination)


def offer_to_run(recipes):
    """Lead from each recipe to the playground, which is two folders above the page."""
    text = recipes.read_text()
    for one in programs.offered():
        if one["group"] == "Recipes":
            text = text.replace("## %s\n" % one["title"], '## %s\n\n<a href="../../index.html#%s">Run it in the browser</a>\n' % (one["title"], one["id"]))
    recipes.write_text(text)


def _copy(path, destination):
    (destination / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(ROOT / path, destination / path)


def configuration(source, destination):
    """MkDocs' configuration as a dict."""
    palette = [{"media": "(prefers-color-scheme: %s)" % scheme, "scheme": name, "primary": "indigo",
                "toggle": {"icon": icon, "name": "Use %s colours" % other}}
               for scheme, name, icon, other in (("light", "default", "material/weather-night", "dark"),
                                                 ("dark", "slate", "material/weather-sunny", "light"))]
    more = [page for page in pages() if page not in dict(map(reversed, NAV))]
    return {
        "site_name": "unosql " + info.version(), "docs_dir": str(source), "site_dir": str(destination), "use_directory_urls": False,
        "theme": {"name": "material", "font": False, "palette": palette,
                  "features": ["search.suggest", "search.highlight", "content.code.copy", "navigation.top", "toc.follow"]},
        "plugins": ["search"], "extra": {"homepage": "../index.html"},  # the book in the corner leads to the playground
        "markdown_extensions": ["tables", "fenced_code", {"toc": {"permalink": True}}, "pymdownx.highlight", "pymdownx.superfences"],
        "nav": [{title: page} for title, page in NAV] + [{Path(page).stem.capitalize(): page} for page in more],
        "validation": {"links": {"not_found": "warn", "anchors": "warn", "unrecognized_links": "info"}},
    }
