"""What an ESP8266's heap is enough for, on the emulated board with HEAP=36k: raw partition, all databases with a key.

The self-test, README.md's programs, every recipe and example, the first library's 15 steps in a row; and what is left free.
"""
import ast
import re
import subprocess

import pytest
import targets
from here import DEVICE
from test_readme import EXAMPLES, PROGRAMS

HEAP = 36 << 10  # bytes that MicroPython has on an ESP8266
FREE = 10 << 10  # that a program has at the least, with its database open
SECONDS = 60
# Who gives no key has one all the same.
SEALED = '''import unosql.core
_open = unosql.core.Unosql
def _sealed(name, encryption_key=b"sixteen byte key", *args, **kw):
    return _open(name, encryption_key, *args, **kw)
unosql.core.Unosql = _sealed
'''
SELFTEST = "import unosql\nassert unosql.selftest()\n"
# What the runner of device tests gives test_seed.py.
STEPS = '''import os, time
KEY = b"1234567890abcdef"
def fresh(**options):
    return unosql.core.Unosql("db", **options)
def column(records, field):
    return [record[field] for record in records]
def raises(error, part, function, *args):
    try:
        function(*args)
    except error as e:
        assert part in str(e)
    else:
        assert False, error
'''
IDLE = '''import gc
def opened():
    return unosql.core.Unosql("db")
db = opened()
db.create_index("c", "n")
for n in range(300):
    db.insert("c", {"n": n, "text": "some words %d" % n})
db.update("c", "n", 7, {"text": "others"})
assert db.find("c", "n", 77)[0]["text"] == "some words 77"
db.close()
db = opened()
assert db.count("c") == 300 and db.find("c", "n", 7)[0]["text"] == "others"
gc.collect()
print("free:", gc.mem_free())
'''


def steps():
    """The program that tests/device/test_seed.py runs in a row."""
    source = (DEVICE / "test_seed.py").read_text()
    wanted = "test_all_steps_in_a_row", "step_9_to_12", "step_13_to_15"
    parts = [ast.get_source_segment(source, node) for node in ast.parse(source).body if getattr(node, "name", "") in wanted]
    assert len(parts) == len(wanted)
    return "\n".join([STEPS, *parts, wanted[0] + "()\n"])


WORK = {"selftest": SELFTEST, "15 steps": steps(), **PROGRAMS, **{example.stem: example.read_text() for example in EXAMPLES}}


@pytest.fixture
def run(request, tmp_path):
    """Function: run a program on a board that was just bought, and return what it prints."""
    if "qemu" not in (request.config.getoption("target") or targets.DEFAULT):
        pytest.skip("not asked for by --target")
    try:
        targets.make("qemu")
    except targets.Missing as e:
        pytest.skip("needs %s" % e)
    from firmware.emulator import Emulator
    from firmware.paths import VENV

    def run(code):
        program = tmp_path / "program.py"
        program.write_text(SEALED + code)
        with Emulator(heap=HEAP) as board:
            done = subprocess.run([VENV / "bin" / "mpremote", "connect", board.port, "run", program], capture_output=True,
                                  text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("name", WORK)
def test_program(run, name):
    run(WORK[name])


def test_what_is_free_for_the_program(run):
    free = int(re.search(r"free: (\d+)", run(IDLE))[1])
    print("free with an encrypted database of 300 records open: %d bytes" % free)
    assert free >= FREE
