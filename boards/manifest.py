# What every unosql image freezes, whatever the board. Boards include this file.
import os

include("$(MPY_DIR)/extmod/asyncio")

# Which of the frozen modules lie in flash whole, and take no heap when they are loaded.
include("common/usermods/permafrost", plan=os.path.abspath("permafrost.txt"))

# modules/unosql and modules/uzlib.py, as bytecode.
freeze("../modules")

# firmware/build.py writes unosql_build.py (versions and digests of this build) here.
# A build by hand, without firmware/, has none: unosql_board.BUILD then says so.
if os.environ.get("UNOSQL_BUILD_INFO_DIR"):
    freeze(os.environ["UNOSQL_BUILD_INFO_DIR"])
