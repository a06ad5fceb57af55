"""What is stored while records come and go, by each way in which they go (tests/support/turnover.py): counted on CPython."""
from media import FlashMedium, LittleFsFiles
from turnover import LIVE, WAYS, Turnover
from unosql.core import Unosql

BLOCKS = 224  # of 4,096 bytes: unosql's partition of an ESP32
TURNOVERS = (1, 5, 20)  # after so many the stored bytes are noted
MEDIA = {"flash": FlashMedium, "littlefs": LittleFsFiles}
ALLOWED = 16  # erase blocks that may be stored beside twice what is live: invariant 8


def measure(way, medium, live=LIVE, turnovers=TURNOVERS):
    """Replace all live records again and again. medium: a key of MEDIA.

    Returns "stored": bytes of segments after each number of turnovers. "most": after any. "live": after compact().
    "bound": what may be stored, by invariant 8. "erases": of the flash, a turnover, and "removal": a record removed.
    """
    made = MEDIA[medium](BLOCKS)
    work = Turnover(lambda: Unosql("bench", log_level="NONE", storage=made.storage(), memtable=4096), live)
    work.fill()
    erases = made.device.erases
    stored = []
    for _ in range(turnovers[-1]):
        WAYS[way](work)
        stored.append(work.db.get_stats()["bytes"])
    erases = (made.device.erases - erases) / turnovers[-1]
    work.db.compact()
    left = work.db.get_stats()["bytes"]
    work.db.close()
    return {"stored": [stored[turn - 1] for turn in turnovers], "most": max(stored), "live": left,
            "bound": 2 * left + ALLOWED * made.device.erase, "erases": erases, "removal": erases / live}
