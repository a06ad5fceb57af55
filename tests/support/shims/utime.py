"""MicroPython's old name for time."""
from time import *  # noqa: F401,F403
