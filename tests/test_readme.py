"""The ```python blocks of README.md and docs/RECIPES.md run as they stand, and so does every example.

README.md's are one program, those of each section of RECIPES.md are one. A block after a line
`<!-- not run: why -->` is left out.
"""
import re

import pytest
import targets
from conftest import ROOT

PART = re.compile(r"^## ([^\n]+)|(<!-- not run: .+? -->\n+)?^```python\n(.*?)^```", re.M | re.S)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def programs(document, split):
    """{name: code} of a document's blocks, taken together or split by its sections."""
    found, name = {}, document
    for heading, skipped, code in PART.findall((ROOT / document).read_text()):
        name = heading if split and heading else name
        if code and not skipped:
            found[name] = found.get(name, "") + code + "\n"
    return found


PROGRAMS = {**programs("README.md", False), **programs("docs/RECIPES.md", True)}


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
