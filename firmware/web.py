"""The pages that run in a browser, from web/: bundled by esbuild, with MicroPython, unosql and the programs beside them.

web/package.json names the npm packages, web/package-lock.json pins them by hash. All of it lands in one folder, which needs no server
but one for files, and asks no other host.
"""
import hashlib
import html
import json
import os
import re
import shutil

from . import deps, info, programs
from .commands import Commands
from .paths import MODULES, ROOT

BROWSE = ROOT / "pc" / "unosql_pc" / "page"
WEB = ROOT / "web"
SCRIPTS = ("start.js", "playground.js", "playground-worker.js", "board.js", "viewer-worker.js", "flash-page.js")
PAGES = ("index.html", "board.html", "flash.html")
STYLES = ("site.css", "playground.css", "board.css")
FRAME_CSP = ("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'self'; style-src 'self'; "
             "img-src 'self' data:; base-uri 'none'; form-action 'none'\">")
MICROPYTHON = "@micropython/micropython-webassembly-pyscript"
# Kept for visits without a network; the documentation and what is looked at once are kept as they are seen.
_AT_ONCE = re.compile(r".*\.(html|js|css|json|mjs|wasm|txt)")


def build(destination, values=None, others=None):
    """Put the pages into a folder. values: {"images": HTML} for what stands in braces in them. others: {head: text} of more licences."""
    destination.mkdir(parents=True, exist_ok=True)
    packages = deps.npm_packages()
    bundled = bundle(destination, packages, Commands())
    _copy_micropython(destination, packages)
    _copy_browse(destination / "browse")
    for style in STYLES:
        shutil.copy2(WEB / style, destination)
    shutil.copy2(packages / "@xterm" / "xterm" / "css" / "xterm.css", destination)
    (destination / "modules.json").write_text(json.dumps(modules()))
    (destination / "programs.json").write_text(json.dumps(programs.offered()))
    (destination / "licences.txt").write_text(licences(packages, bundled | {MICROPYTHON}, others or {}))
    for page in PAGES:
        (destination / page).write_text(filled(page, values or {}))
    list_for_service_worker(destination)
    return destination


def bundle(destination, packages, commands):
    """Make one file of each script and what it imports; the names of the packages that are in them."""
    facts = destination / "esbuild.json"
    commands.run(packages / ".bin" / "esbuild", *[WEB / name for name in SCRIPTS], "--bundle", "--format=esm", "--minify", "--target=es2022",
                 "--external:./micropython/*", "--legal-comments=none", "--log-level=warning", "--outdir=%s" % destination,
                 "--metafile=%s" % facts, environment=dict(os.environ, NODE_PATH=str(packages)), cwd=ROOT, quiet=True)
    used = json.loads(facts.read_text())["inputs"]
    facts.unlink()
    return {match[1] for path in used if (match := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", path))}


def _copy_micropython(destination, packages):
    (destination / "micropython").mkdir(exist_ok=True)
    for name in ("micropython.mjs", "micropython.wasm"):
        shutil.copy2(packages / MICROPYTHON / name, destination / "micropython")


def _copy_browse(destination):
    """The page of `unosql browse`, which gets its data from the page around it instead of over HTTP."""
    shutil.copytree(BROWSE, destination, dirs_exist_ok=True)
    shutil.copy2(WEB / "browse-transport.js", destination / "transport.js")
    page = destination / "index.html"
    page.write_text(page.read_text().replace('<meta charset="utf-8">', '<meta charset="utf-8">\n  ' + FRAME_CSP, 1))


def modules():
    """{path: text} of what MicroPython can import there: unosql, and what stands in for a board."""
    found = {}
    for root in (MODULES, WEB / "python"):
        found.update((path.relative_to(root).as_posix(), path.read_text()) for path in sorted(root.rglob("*.py")))
    return found


def licences(packages, names, others):
    """The text of licences.txt. others: {head: text}."""
    texts = dict([_licence(packages / name) for name in sorted(names)], **{"uPlot: MIT": (BROWSE / "uplot" / "LICENSE").read_text()}, **others)
    return "\n\n".join("%s\n%s\n\n%s" % (head, "=" * len(head), text) for head, text in texts.items())


def _licence(folder):
    """(name, version and licence; text) of a package. MicroPython's does not bring the text."""
    facts = json.loads((folder / "package.json").read_text())
    own = [path for path in sorted(folder.iterdir()) if re.fullmatch(r"(?i)licen[cs]e.*", path.name)]
    texts = [path.read_text() for path in own or [WEB / "licences" / "micropython.txt"]]
    return "%s %s: %s" % (facts["name"], facts["version"], facts["license"]), "\n".join(texts)


def filled(page, values):
    """A page with what all of them have, and values, in place of what stands in braces."""
    text = (WEB / page).read_text()
    header = (WEB / "header.html").read_text().replace('href="%s">' % page, 'href="%s" aria-current="page">' % page)
    header = header.replace('class="brand" href="%s" aria-current="page"' % page, 'class="brand" href="%s"' % page)
    for name, value in {"header": header.rstrip("\n"), "footer": (WEB / "footer.html").read_text().rstrip("\n"), **values,
                        "version": html.escape(info.version())}.items():
        text = text.replace("{%s}" % name, value)
    return text


def list_for_service_worker(destination):
    """Tell the service worker what to keep, under a name that changes with any of it."""
    files = [path for path in sorted(destination.rglob("*")) if path.is_file() and _AT_ONCE.fullmatch(path.name)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    names = ["./", *[path.relative_to(destination).as_posix() for path in files]]
    script = (WEB / "service-worker.js").read_text().replace("'{files}'", json.dumps(names)).replace("{digest}", digest)
    (destination / "service-worker.js").write_text(script)
