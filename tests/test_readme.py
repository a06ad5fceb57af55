"""Every ```python block of README.md runs as it stands, one after the other, and so does every example.

A block after a line `<!-- not run: why -->` is left out.
"""
import re

import pytest
import targets
from conftest import ROOT

BLOCK = re.compile(r"(<!-- not run: .+? -->\n+)?^```python\n(.*?)^```", re.M | re.S)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks():
    return [code for skipped, code in BLOCK.findall((ROOT / "README.md").read_text()) if not skipped]


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


def test_readme_has_examples():
    assert len(blocks()) > 3


def test_readme(target, tmp_path):
    script = tmp_path / "readme.py"
    script.write_text("\n".join(blocks()))
    check(target, script, tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(target, example, tmp_path):
    check(target, example, tmp_path)
