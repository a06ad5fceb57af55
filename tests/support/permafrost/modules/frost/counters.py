"""Stays in RAM: it makes what changes."""
from .classes import Base

calls = 0
seen = []
bases = {"first": Base(1)}


def count():
    global calls
    calls += 1
    return calls
