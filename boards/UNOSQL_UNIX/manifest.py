include("../manifest.py", everything=True)
