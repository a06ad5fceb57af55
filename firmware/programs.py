"""The programs that the documents hold: their ```python blocks, which the tests run and the playground offers.

README.md's blocks are one program, those of each section of RECIPES.md are one. A block after a line
`<!-- not run: why -->` is left out.
"""
import re

from .paths import ROOT

_PART = re.compile(r"^## ([^\n]+)|(<!-- not run: .+? -->\n+)?^```python\n(.*?)^```", re.M | re.S)


def of(document, split):
    """{name: code} of a document's blocks, taken together or split by its sections."""
    found, name = {}, document
    for heading, skipped, code in _PART.findall((ROOT / document).read_text()):
        name = heading if split and heading else name
        if code and not skipped:
            found[name] = found.get(name, "") + code + "\n"
    return found


def offered():
    """[{"group", "title", "id", "code"}]: what the playground has, in its order."""
    quickstart = (ROOT / "examples" / "quickstart.py").read_text()
    return [_offer("Start", "Quickstart", quickstart), _offer("Start", "All of README.md", of("README.md", False)["README.md"]),
            *[_offer("Recipes", title, code) for title, code in of("docs/RECIPES.md", True).items()],
            *[_offer("Examples", path.stem.replace("_", " ").capitalize(), path.read_text())
              for path in sorted((ROOT / "examples").glob("*.py")) if path.stem != "quickstart"]]


def _offer(group, title, code):
    return {"group": group, "title": title, "id": re.sub(r"[^a-z0-9]+", "-", (group + " " + title).lower()).strip("-"), "code": code.rstrip() + "\n"}
