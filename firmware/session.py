"""`make emulator`: a board to play with, on flash that stays."""
import re

from . import deps
from .board import mpremote
from .emulator import Emulator
from .paths import FLASH, VENV, shown
from .progress import Failure, say

SIZE = re.compile(r"(\d{1,9})([kKmM]?)", re.ASCII)
SMALLEST, LARGEST = 8 << 10, 2 << 20  # bytes of heap: board_main.c, virt.ld


def session(flash, heap):
    """Run a board until Ctrl-C. flash: path of its image or None. heap: text like "36k" or None."""
    heap = _size(heap)
    deps.venv_python()
    if not flash:
        FLASH.mkdir(parents=True, exist_ok=True)
    with Emulator(flash=flash or FLASH / "emulator.img", heap=heap) as board:
        build = mpremote(board.port, "exec", "import unosql_board; print(unosql_board.BUILD)", capture=True)
        say(build.strip())
        say("the board runs on %s, its flash is %s" % (board.port, shown(board.flash)))
        remote = "%s/bin/mpremote connect %s" % (shown(VENV), shown(board.link))
        print("REPL:       %s" % remote)
        print("a program:  %s run examples/quickstart.py" % remote)
        print("files:      %s fs ls" % remote)
        print("stop:       Ctrl-C here (the flash stays)", flush=True)
        status = board.wait()
        raise Failure("QEMU ended with status %d" % status)


def _size(text):
    if not text:
        return None
    match = SIZE.fullmatch(text)
    if not match:
        raise Failure("HEAP=%s is no size; write HEAP=36k" % text)
    size = int(match[1]) * {"": 1, "k": 1024, "m": 1024 * 1024}[match[2].lower()]
    if not SMALLEST <= size <= LARGEST:
        raise Failure("HEAP=%s: the board takes %dk to %dm" % (text, SMALLEST >> 10, LARGEST >> 20))
    return size
