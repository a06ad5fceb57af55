# What every unosql image freezes, whatever the board. Boards include this file.
# everything=True: what only PCs need as well, as the unix ports do.
import os
from pathlib import Path

options.defaults(everything=False)

include("$(MPY_DIR)/extmod/asyncio")

# Which of the frozen modules lie in flash whole, and take no heap when they are loaded.
include("common/usermods/permafrost", plan=os.path.abspath("permafrost.txt"))

# modules/unosql and modules/uzlib.py, as bytecode. A board has one process, and _unosql in C: twins of that in Python stay out.
_modules = [str(file.relative_to("../modules")) for file in sorted(Path("../modules").rglob("*.py"))]
# unosql/aio.py and those of unosql/sync.py have no room in the budget of images yet.
_no_room = "unosql/aio.py", "unosql/sync.py", "unosql/documents/outgoing.py", "unosql/documents/peers.py"
_pc_only = () if options.everything else _no_room + ("unosql/processes.py", "unosql/kv/crypto.py", "unosql/twin.py")
freeze("../modules", [name for name in _modules if name not in _pc_only])

# firmware/build.py writes unosql_build.py (versions and digests of this build) here.
# A build by hand, without firmware/, has none: unosql_board.BUILD then says so.
if os.environ.get("UNOSQL_BUILD_INFO_DIR"):
    freeze(os.environ["UNOSQL_BUILD_INFO_DIR"])
