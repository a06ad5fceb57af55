"""Functions of all kinds."""
import json


def plain(a, b=2, *args, c=3, d="d", **kwargs):
    return a, b, args, c, d, sorted(kwargs.items())


def defaults(a=None, b=(1, (2, "x")), c={"k": 1, "other": (2,)}, d=b"\x00\xff", e=1.5, f=1 << 70, g=-(1 << 70), h=...):
    return a, b, sorted(c.items()), d, e, f, g, h


def only_keywords(*, a, b=5):
    return a * b


def closure(n):
    def add(m):
        nonlocal n
        n += m
        return n

    return add


def generate(n):
    for i in range(n):
        got = yield i
        if got:
            yield got


def comprehensions(n):
    return [x * x for x in range(n) if x % 2], {x: -x for x in range(n)}, {x % 3 for x in range(n)}, sum(x for x in range(n))


def failing(what):
    try:
        raise what
    except (ValueError, KeyError) as error:
        return "caught %r" % error
    finally:
        plain(1)


async def waiting(n):
    return n + 1


def late():
    from . import classes
    from .inner.deep import NAME

    return classes.Base.KIND, NAME


_hidden = 1 << 40


def constants():
    """Globals of all kinds: of this module and of others, numbers large and small, text, types, nothing."""
    return _hidden, deep_names(), late is alias, json.dumps([]), sorted is len, plain is alias, EMPTY, isinstance(_hidden, NUMBER)


def deep_names():
    return [name for name in ("a", "b") if name in TEXT and name is not None]


NUMBER = int
_A, _B, _C, _D = -64, 63, 64, -65  # the least and the most of one byte's operand, and those beyond
_E, _F, _G = -1, 0, True


def numbers():
    return [_A, _B, _C, _D, _E, _F, _G, _A + _B * _C]
TEXT = "text with an a, of more than one word"
EMPTY = ()


def rename(word):
    global_word = word.upper()
    return global_word


double = lambda x, factor=2: x * factor  # noqa: E731
alias = plain
