"""help(unosql) on MicroPython, at heap sizes with which modules are forgotten and ones with which they are not."""
import os
import subprocess

import pytest
from conftest import ROOT

BINARIES = sorted(map(str, ROOT.glob("build/*/unix*/micropython")))
PROGRAM = """
import unosql
from unosql.core import Unosql
db = Unosql("h")
db.insert_many("a", ({"n": n} for n in range(100)))
db.create_index("a", "n")
assert db.find("a", "n", 3)
names = dir(unosql)
db.optimize_memory()
db.close()
help(unosql)
for name in dir(unosql):
    help(getattr(unosql, name))
assert set(names) <= set(dir(unosql))
with Unosql("h") as db:
    assert db.verify() == [] and db.find("a", "n", 3)
print("fine")
"""


@pytest.mark.skipif(not BINARIES, reason="needs MicroPython for unix")
@pytest.mark.parametrize("heap", ["240k", "2M"])
@pytest.mark.parametrize("binary", BINARIES)
def test_help(binary, heap, tmp_path):
    environment = dict(os.environ, MICROPYPATH="%s:.frozen" % (ROOT / "modules"))
    done = subprocess.run([binary, "-X", "heapsize=" + heap, "-c", PROGRAM], cwd=tmp_path, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and done.stdout.endswith("fine\n"), done.stdout[-2000:]
    assert "selftest" in done.stdout
