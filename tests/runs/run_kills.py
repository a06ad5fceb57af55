"""Kill the emulated board while it writes, again and again: every record it acknowledged must be there afterwards.

    python tests/runs/run_kills.py [--rounds 100] [--encrypted] [--report docs/RELIABILITY.md]
"""
import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import here  # noqa: E402, F401
import reliability  # noqa: E402

from firmware import outcome, targets  # noqa: E402
from firmware.emulator import Emulator  # noqa: E402

KEY = b"sixteen byte key"
OPEN = """
from unosql.core import Unosql
db = Unosql("kills", %r, 1000)
"""
# The serial line carries the acknowledgement only after insert() or update() has returned.
WRITE = OPEN + """
while True:
    n = db.count("c") + 1
    db.insert("c", {"n": n, "text": "x" * (n * 37 %% 120)})
    print("ack", n)
    if n %% 9 == 0:
        db.update("c", {"n": n - 4}, {"touched": n})
        print("touched", n)
"""
CHECK = OPEN + """
n = touched = 0
for r in db.iterate("c"):
    n += 1
    assert r["n"] == n and r["text"] == "x" * (n * 37 %% 120), r
    touched = max(touched, r.get("touched", 0))
assert n == db.count("c"), (n, db.count("c"))
print("found", n, touched, db.verify())
if n > 1500:
    db.clear("c")
    print("cleared")
db.close()
"""


class Lost(AssertionError):
    """An acknowledged record is not there."""


def console(board):
    from mpremote.transport_serial import SerialTransport

    time.sleep(0.3)  # MicroPython boots
    transport = SerialTransport(board.port, 115200)
    transport.enter_raw_repl(soft_reset=False)
    return transport


def write(board, key, seconds):
    """Let the board write for some seconds, kill it; return the last (insert, update) it acknowledged."""
    transport = console(board)
    transport.exec_raw_no_follow(WRITE % (key,))
    end = time.monotonic() + seconds
    heard = b""
    while time.monotonic() < end:
        heard += transport.serial.read(transport.serial.in_waiting or 1)
    board.kill()
    lines = heard.decode().split("\r\n")[:-1]  # the last may be cut
    last = {"ack": 0, "touched": 0}
    for line in lines:
        words = line.replace("OK", "").split()
        if len(words) == 2 and words[0] in last:
            last[words[0]] = int(words[1])
    if "Traceback" in heard.decode():
        raise Lost("the board failed while writing: %s" % heard.decode()[-500:])
    return last["ack"], last["touched"]


def check(board, key):
    """Return (records, last update, whether cleared) as found after a reboot."""
    transport = console(board)
    said = transport.exec(CHECK % (key,)).decode()
    words = said.split(None, 3)
    if words[3].split("\r\n")[0].strip() != "[]":
        raise Lost("verify: " + said)
    return int(words[1]), int(words[2]), "cleared" in said


def run(rounds, key=None, seed=0, progress=lambda text: None):
    """Kill the board `rounds` times; return how many records it acknowledged in all. Lost when one is gone."""
    rng = random.Random(seed)
    total = known = 0
    with Emulator(firmware=targets.qemu_firmware()) as board:
        for i in range(rounds):
            ack, touched = write(board, key, rng.uniform(0.5, 2.5))
            board.start()
            found, updated, cleared = check(board, key)
            if found < max(ack, known):  # more may be: acknowledgements that were still on the serial line
                raise Lost("round %d: %d records acknowledged, %d found" % (i, max(ack, known), found))
            if updated < touched:
                raise Lost("round %d: update %d acknowledged, %d found" % (i, touched, updated))
            total += max(0, found - known)
            known = 0 if cleared else found
            progress("round %d: %d acknowledged, %d found" % (i + 1, ack, found))
    return total


def main():
    parser = argparse.ArgumentParser(description="Kill the emulated board while it writes.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--encrypted", action="store_true")
    parser.add_argument("--report", metavar="FILE", help="write the counts into this page")
    args = parser.parse_args()
    start = time.monotonic()
    total = run(args.rounds, KEY if args.encrypted else None, progress=lambda text: print(text, flush=True))
    text = "%s: %d kills, %d records acknowledged, none lost; %d s." % (
        "Encrypted" if args.encrypted else "Plain", args.rounds, total, time.monotonic() - start)
    reliability.tell(text, "kills encrypted" if args.encrypted else "kills", args.report)


if __name__ == "__main__":
    sys.exit(outcome.status_of(main))
