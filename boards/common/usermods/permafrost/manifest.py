# A board's manifest includes this, with plan= the file that says which frozen modules become constants: README.md.
import os
import sys

sys.path.insert(0, os.getcwd())  # MicroPython's tool works in this folder while it reads this

from freezing import hook  # noqa: E402

hook.install(options.plan)
