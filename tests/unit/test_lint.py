"""Sources and scripts that no other test runs, or not every line of, are looked through."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from firmware.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = [pytest.param(job.get("container"), step["run"], id="%s-%s-%s" % (workflow.stem, name, step.get("name")))
           for workflow in WORKFLOWS for name, job in yaml.safe_load(workflow.read_text())["jobs"].items()
           for step in job.get("steps", ()) if "run" in step]

SCRIPTS_OF_PAGES = sorted(str(file.relative_to(ROOT)) for folder in ("web", "pc/unosql_pc/page", "tests/support") for file in (ROOT / folder).glob("*.js"))


def clean(*command, text=None):
    done = subprocess.run(command, cwd=ROOT, input=text or "", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_python():
    clean(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


def test_ruff_finds_what_it_should(tmp_path):
    """The configuration has not turned it off."""
    (tmp_path / "wrong.py").write_text("def f():\n    return undefined_name\n")
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "--config", ROOT / "pyproject.toml", tmp_path],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "F821" in done.stdout


@pytest.mark.parametrize("container, script", SCRIPTS)
def test_scripts_of_workflows(container, script):
    """In a container they are run by sh, else by bash."""
    clean(Path(sys.executable).with_name("shellcheck"), "--shell", "sh" if container else "bash", "-", text=script)


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize("file", SCRIPTS_OF_PAGES)
def test_javascript(file):
    clean("node", "--check", "--input-type=module", text=(ROOT / file).read_text())
