"""help(unosql) on MicroPython, at heap sizes with which modules are forgotten and ones with which they are not."""
import subprocess

import pytest
from firmware import targets

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


@pytest.mark.parametrize("heap", ["120k", "240k", "2M"])
@pytest.mark.parametrize("bits", [32, 64])
def test_help(bits, heap, tmp_path):
    done = subprocess.run([str(targets.unix(bits)), "-X", "heapsize=" + heap, "-c", PROGRAM], cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and done.stdout.endswith("fine\n"), done.stdout[-2000:]
    assert "selftest" in done.stdout
