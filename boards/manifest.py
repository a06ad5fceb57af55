# What every unosql image freezes, whatever the board. Boards include this file.
# everything=True: what only PCs need as well, as the unix ports do. small=True: without those of large.txt.
import os
from pathlib import Path

options.defaults(everything=False, small=False)

include("$(MPY_DIR)/extmod/asyncio")

# Which of the frozen modules lie in flash whole, and take no heap when they are loaded.
include("common/usermods/permafrost", plan=os.path.abspath("permafrost.txt"))

# modules/unosql and modules/uzlib.py, as bytecode. Twins in Python of what is in C, what
# keeps processes apart, and the interface that tests alone derive from stay out of boards.
_modules = [str(file.relative_to("../modules")) for file in sorted(Path("../modules").rglob("*.py"))]
_pc_only = () if options.everything else ("unosql/processes.py", "unosql/kv/crypto.py", "unosql/kv/observer.py", "unosql/twin.py")
_large = Path("large.txt").read_text().splitlines() if options.small else ()
freeze("../modules", [name for name in _modules if name not in _pc_only and name not in _large])

# firmware/build.py writes unosql_build.py (versions and digests of this build) here.
# A build by hand, without firmware/, has none: unosql_board.BUILD then says so.
if os.environ.get("UNOSQL_BUILD_INFO_DIR"):
    freeze(os.environ["UNOSQL_BUILD_INFO_DIR"])
