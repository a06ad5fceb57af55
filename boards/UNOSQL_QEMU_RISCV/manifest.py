include("../manifest.py")
freeze("modules")
