import os

include("../../../boards/common/usermods/permafrost", plan=os.path.abspath("plan.txt"))
freeze("modules")
