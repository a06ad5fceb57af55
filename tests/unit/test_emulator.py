"""The emulated board: its flash, its clock, its entropy, its console."""
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from here import ROOT

from firmware import board as remote, deps, session, targets
from firmware.emulator import FLASH_SIZE, Emulator
from firmware.progress import Failure


@pytest.fixture(scope="module", autouse=True)
def only_when_asked(request):
    asked = request.config.getoption("target")
    if asked and "qemu" not in asked:
        pytest.skip("not asked for by --target")


@pytest.fixture(scope="module")
def board():
    """A running board on flash of its own."""
    with Emulator() as emulator:
        yield Console(emulator)


class Console:
    """Runs code on an emulator, each time in a fresh interpreter."""

    def __init__(self, emulator):
        self.emulator = emulator

    def mpremote(self, *arguments):
        command = [str(deps.venv_python()), "-m", "mpremote", "connect", self.emulator.port, *arguments]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)

    def run(self, code):
        done = self.mpremote("exec", code)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def cut_power(self):
        self.emulator.kill()
        self.emulator.start()


def test_empty_filesystem_and_import(board):
    assert board.run("import os, unosql; print(os.listdir('/'), unosql.__version__)").startswith("[] ")


def test_image_has_what_unosql_promises(board):
    board.run("""
import asyncio, binascii, cryptolib, deflate, gc, hashlib, io, json, os, select, sys, time, utime, uzlib, vfs
assert hashlib.sha256(b"abc").digest()[:4] == b"\\xba\\x78\\x16\\xbf"
assert len(cryptolib.aes(bytes(16), 2, bytes(16)).encrypt(bytes(16))) == 16
stream = io.BytesIO()
with deflate.DeflateIO(stream, deflate.RAW, 10) as d: d.write(b"text" * 100)
assert len(stream.getvalue()) < 20 and uzlib.decompress(stream.getvalue(), -10) == b"text" * 100
assert sys.stdin.buffer and vfs.VfsLfs2 and vfs.VfsFat
async def main():
    await asyncio.sleep_ms(1)
    return 5
assert asyncio.run(main()) == 5
""")


def test_make_looks_for_unosql_on_the_board(board, capsys, monkeypatch):
    remote.check(board.emulator.port)
    assert re.search("has unosql [0-9.]+$", capsys.readouterr().err)
    monkeypatch.setattr(remote, "VERSION", "import not_in_this_firmware")
    with pytest.raises(Failure, match="has no unosql in its firmware; type: make flash PORT=" + board.emulator.port):
        remote.check(board.emulator.port)


def test_image_says_what_it_was_built_from(board):
    assert re.match(r"unosql \S+.*, modules sha256 [0-9a-f]{16}; MicroPython 1\.\d+\.\d from ",
                    board.run("import unosql_board; print(unosql_board.BUILD)"))


def test_clock_is_the_host_s(board):
    assert abs(int(board.run("import time; print(time.time())")) + 946684800 - time.time()) < 5
    year = time.gmtime().tm_year
    assert board.run("import time; print(time.localtime()[0], time.time_ns() // 10**9 - time.time())") == "%d 0" % year


def test_sleep_lasts_as_long_as_it_should(board):
    took = int(board.run("import time; t = time.ticks_ms(); time.sleep(0.5); print(time.ticks_diff(time.ticks_ms(), t))"))
    assert 500 <= took < 1500


def test_files_survive_power_cuts(board):
    board.run("with open('/kept', 'w') as f: f.write('x' * 5000)")
    board.cut_power()
    assert board.run("import os; print(os.stat('/kept')[6])") == "5000"
    board.run("import os; os.remove('/kept')")


def test_partition_survives_power_cuts(board):
    code = "import unosql_board; p = unosql_board.partition(); b = bytearray(4); "
    board.run(code + "p.ioctl(6, 0); p.writeblocks(0, b'kept', 6)")
    board.cut_power()
    assert board.run(code + "p.readblocks(0, b, 6); print(bytes(b)); p.ioctl(6, 0)") == "b'kept'"


def test_machine_reset_restarts_the_board(board):
    board.run("with open('/kept', 'w') as f: f.write('x')")
    board.mpremote("exec", "--no-follow", "import machine; machine.reset()")
    assert board.emulator.running
    assert board.run("import os; print(os.listdir('/'))") == "['kept']"
    board.run("import os; os.remove('/kept')")


def test_flash_only_clears_bits(board):
    """A random series of programs and erases, against a model of NOR flash."""
    board.run("""
import os, random
from norflash import NORFlash
device = NORFlash(start=0x200000, len=0x4000)
model = bytearray(0x4000)
device.readblocks(0, model)
piece = bytearray(4096)
refused = 0
for i in range(600):
    block, at, size = random.randrange(4), random.randrange(4096 - 600), random.randrange(1, 600)
    data = os.urandom(size)
    old = model[block * 4096 + at:block * 4096 + at + size]
    fits = all(new & ~now & 255 == 0 for new, now in zip(data, old))
    if i % 3:
        data = bytes(new & now for new, now in zip(data, old))
        fits = True
    if i % 8 == 0:
        device.ioctl(6, block)
        model[block * 4096:block * 4096 + 4096] = b"\\xff" * 4096
        fits = True
    try:
        device.writeblocks(block, data, at)
        assert fits, "a program that sets bits was accepted"
        model[block * 4096 + at:block * 4096 + at + size] = data
    except OSError:
        assert not fits
        refused += 1
    device.readblocks(block, piece, 0)
    assert piece == model[block * 4096:block * 4096 + 4096]
assert refused > 20, refused
""")


def test_flash_refuses_what_is_outside(board):
    board.run("""
from norflash import NORFlash
device = NORFlash(start=0, len=0x4000)
for block, data, at in ((4, b"x", 0), (-1, b"x", 0), (0, b"x", -1), (0, b"x", 0x4000), (3, bytes(5000), 0)):
    for call in (device.writeblocks, lambda block, data, at: device.readblocks(block, bytearray(data), at)):
        try:
            call(block, data, at)
            assert False, (block, at)
        except OSError as e:
            assert e.errno == 22
for start, size in ((1, 4096), (0, 0), (0, 5), (0, -4096), (0x2000000 - 4096, 8192), (-4096, 4096)):
    try:
        NORFlash(start, size)
        assert False, (start, size)
    except ValueError:
        pass
""")


def test_entropy_differs_from_boot_to_boot(board):
    code = "import os, random; print(os.urandom(16), random.getrandbits(30), len(os.urandom(5000)))"
    said = set()
    for _ in range(3):
        board.cut_power()
        said.add(board.run(code))
    assert len(said) == 3
    drawn = [board.run("import os; print(os.urandom(16).hex())") for _ in range(3)]  # soft resets
    assert len(set(drawn)) == 3


def test_boot_and_main_run_and_can_be_interrupted(board):
    board.run("""
with open("/boot.py", "w") as f: f.write("booted = 1")
with open("/main.py", "w") as f: f.write("print('main', booted)\\nwhile True: pass")
""")
    board.cut_power()
    time.sleep(1)
    assert board.run("print(booted)") == "1"
    board.run("import os; os.remove('/boot.py'); os.remove('/main.py')")


def test_heap_of_a_small_board():
    with Emulator(heap=36 * 1024) as emulator:
        free = int(Console(emulator).run("import gc; gc.collect(); print(gc.mem_free())"))
        assert 30 * 1024 < free < 36 * 1024


def test_idle_board_leaves_the_processor_alone(board):
    def used():
        return sum(map(int, open("/proc/%d/stat" % board.emulator._process.pid).read().rsplit(")")[1].split()[11:13]))

    board.run("pass")
    time.sleep(0.5)
    before = used()
    time.sleep(2)
    assert (used() - before) / os.sysconf("SC_CLK_TCK") < 0.5


def test_foreign_flash_is_not_formatted(tmp_path):
    image = tmp_path / "flash.img"
    image.write_bytes(b"something of someone's" + b"\xff" * (FLASH_SIZE - 22))
    with Emulator(flash=image) as emulator:
        board = Console(emulator)
        assert board.run("import vfs; print(vfs.mount())") == "[]"
        assert image.read_bytes()[:22] == b"something of someone's"
        board.run("import vfs, unosql_board; vfs.VfsLfs2.mkfs(unosql_board.filesystem())")
        assert board.run("import os; print(os.listdir('/'))") == "[]"


def test_flash_image_of_another_size(tmp_path):
    (tmp_path / "flash.img").write_bytes(b"short")
    with pytest.raises(Failure, match="is no flash image: it has 5 bytes"):
        Emulator(flash=tmp_path / "flash.img").start()


def test_firmware_that_is_not_there(tmp_path):
    with pytest.raises(Failure, match="no firmware at .*nothing.elf; `make firmware` builds it"):
        Emulator(firmware=tmp_path / "nothing.elf").start()


def test_no_entropy_device_is_an_error():
    """Rather than random numbers that are none."""
    emulator = Emulator(targets.qemu_firmware())
    whole = emulator._command
    emulator._command = lambda: [word for word in whole() if "virtio" not in word and word != "-device"]
    with emulator:
        done = Console(emulator).mpremote("exec", "import os; os.urandom(1)")
    assert done.returncode and "no entropy" in done.stdout + done.stderr


STARTER = """
import sys
from firmware import emulator, outcome
def main():
    board = emulator.Emulator(%r, %r)
    board.start()
    print(board._process.pid, board.flash, board.port, flush=True)
    sys.stdin.read()
sys.exit(outcome.status_of(main))
"""


@pytest.fixture
def starter(tmp_path):
    """Function: flash image or None -> (process, QEMU's pid, flash, port) of a board that another process started."""
    started = []

    def start(flash):
        code = STARTER % (str(targets.qemu_firmware()), flash and str(flash))
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, start_new_session=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a job in the background ignores it
        started.append(process)
        pid, image, port = process.stdout.readline().split()
        return process, int(pid), Path(image), port

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def ended(pid):
    try:
        return open("/proc/%d/stat" % pid).read().rsplit(")")[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_board_ends_with_whoever_started_it(number, starter, tmp_path):
    process, pid, image, _ = starter(tmp_path / "my.img")
    temporary, other, blank, _ = starter(None)
    assert (tmp_path / "my.tty").is_symlink() and blank.exists() and not ended(pid)
    for one in (process, temporary):
        one.send_signal(number)
        one.wait(10)
    assert until(lambda: ended(pid) and ended(other) and not blank.parent.exists() and not os.path.lexists(tmp_path / "my.tty"))
    assert image.exists()


def test_a_second_signal_leaves_no_board_behind(tmp_path):
    """`timeout 60 make emulator` sends one to the whole group, and make one more: it may come wherever the end of the first waits."""
    board = Emulator(flash=tmp_path / "my.img")
    board.start()
    pid, wait = board._process.pid, board._watch.wait

    def interrupted():
        wait()
        raise SystemExit(143)

    board._watch.wait = interrupted
    with pytest.raises(SystemExit):
        board.close()
    assert until(lambda: ended(pid))
    board._watch.wait = wait
    board.close()


def test_two_signals_end_a_board_as_one_does(tmp_path):
    flash = tmp_path / "my.img"
    with subprocess.Popen([sys.executable, "-m", "firmware", "emulator"], cwd=ROOT, env=dict(os.environ, FLASH=str(flash)),
                          stdout=subprocess.PIPE, text=True) as process:
        assert any("stop:" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
    assert until(lambda: not who_has(flash)) and not os.path.lexists(tmp_path / "my.tty")


def who_has(flash):
    """The processes with this flash image among their arguments."""
    def arguments(process):
        try:
            return process.read_bytes()
        except OSError:
            return b""

    return [process for process in Path("/proc").glob("[0-9]*/cmdline") if b"file=%s" % str(flash).encode() in arguments(process)]


def test_a_flash_image_in_use_is_refused(starter, tmp_path):
    process, pid, image, _ = starter(tmp_path / "flash.img")
    with pytest.raises(Failure, match="flash.img is the flash of an emulated board that runs already; stop it"):
        Emulator(flash=image).start()
    assert not ended(pid) and (tmp_path / "flash.tty").is_symlink()  # the first one's is left alone
    process.kill()
    process.wait()
    assert until(lambda: ended(pid))
    with Emulator(flash=image) as board:
        assert board.running


def test_the_port_has_a_name_that_stays(tmp_path):
    (tmp_path / "flash.tty").symlink_to("/dev/nowhere")  # left by a machine that was switched off
    with Emulator(flash=tmp_path / "flash.img") as board:
        assert board.link == tmp_path / "flash.tty" and os.readlink(board.link) == board.port
        command = [deps.venv_python(), "-m", "mpremote", "connect", board.link, "exec", "print(5)"]
        assert subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip() == "5"
        board.kill()
        assert not os.path.lexists(board.link)
        board.start()
        assert os.readlink(board.link) == board.port
    assert not os.path.lexists(tmp_path / "flash.tty")


@pytest.mark.parametrize("flash, message", [
    ("none/deep/flash.img", "there is no folder .*none/deep for the flash image"), ("", "is no flash image: it is no file"),
    ("file/flash.img", "no flash image can be made at .*: Not a directory"),
])
def test_no_folder_is_made_for_a_flash_image(flash, message, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=message):
        Emulator(targets.qemu_firmware(), tmp_path / flash).start()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("text", ["abc", "36kk", "-5", "0", "4k", "3m", "9" * 40 + "k", "٣٦k", " "])
def test_a_heap_that_is_none_is_refused_at_once(text):
    with pytest.raises(Failure, match="HEAP="):
        session.session(None, text)
