"""What documents promise: ```python blocks of README.md and docs/RECIPES.md run as they stand, as all examples do.

firmware/programs.py tells which blocks are one program. Links lead somewhere.
"""
import re

import pytest
import targets
from here import ROOT

from firmware import programs

# Beside the repository wherever it is hosted, so that no host is named.
OF_THE_HOST = ("../../releases", "../../security/advisories/new", "../../deployments/github-pages")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]+))?\)")
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "boards" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


PROGRAMS = {**programs.of("README.md", False), **programs.of("docs/RECIPES.md", True)}


def check(target, script, directory):
    """The script ends well on the target."""
    output = []
    status = targets.make(target).execute([str(script)], directory, 120, output.append)
    assert status == 0, "\n".join(output)


@pytest.fixture(params=["host", "unix", "unix32"])
def target(request):
    if request.param not in (request.config.getoption("target") or targets.DEFAULT):
        pytest.skip("not asked for by --target")
    try:
        targets.make(request.param)
    except targets.Missing as e:
        pytest.skip("%s needs %s" % (request.param, e))
    return request.param


def test_programs_are_found():
    assert len(PROGRAMS["README.md"]) > 1000 and len(PROGRAMS) > 8


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(target, name, tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAMS[name])
    check(target, script, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(target, example, tmp_path):
    check(target, example, tmp_path)


def anchors(page):
    """What the headings of a page are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    for path, anchor in LINK.findall(page.read_text()):
        if path in OF_THE_HOST:
            continue
        there = page.parent / path if path else page
        assert there.exists(), path
        assert not anchor or anchor in anchors(there), anchor


def test_the_readme_leads_to_what_is_beside_the_repository():
    assert {path for path, _ in LINK.findall((ROOT / "README.md").read_text())} >= set(OF_THE_HOST)


def signposts():
    """[(path, name)]: what the rows of CONTRIBUTING.md's "Where to change what" name in each other's neighbourhood."""
    table = (ROOT / "CONTRIBUTING.md").read_text().split("## Where to change what")[1].split("\n## ")[0]
    for row in table.splitlines():
        for part in row.rpartition(" | ")[2].replace(", then ", ";").split(";"):
            words = re.findall(r"`([^`]+)`", part)
            paths = [word for word in words if "." in word and "/" in word or word.endswith(".py")]
            yield from ((path, name) for path in paths for name in [word for word in words if word not in paths] or [None])


def test_signposts_lead_to_what_they_name():
    found = list(signposts())
    assert ("modules/unosql/kv/compaction.py", "Compaction._pick") in found and len(found) > 10
    for path, name in found:
        file = ROOT / path if (ROOT / path).exists() else ROOT / "modules" / "unosql" / path
        for part in (name or "").split("."):
            assert re.search(r"(def|class) %s\b" % part, file.read_text()) or not part, (path, name)
