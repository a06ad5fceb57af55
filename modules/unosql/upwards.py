"""Imports some modules from the lowest up, so that each finds what it needs and no import nests deep in others.

That would take more C stack than some boards have, where unosql is no part of the firmware.
"""
# ruff: noqa: F401, I001

from . import port, shared
from .documents import index, catalog
from .kv import reading, archive, rekey
from . import database
