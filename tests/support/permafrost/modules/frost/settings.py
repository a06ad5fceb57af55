"""Names of it may be set."""
from .functions import plain

LIMIT = 10


def over(n):
    return n > LIMIT


def set_limit(n):
    global LIMIT
    LIMIT = n


def other(a):
    return plain(a)
