"""Prints all that modules in flash should do as others do. It runs twice, and the output must be the same."""
import sys

import frost
from frost import classes, counters, functions, settings
from frost.classes import *  # noqa: F403
from frost.inner import both, deep


def attempt(call, *args, **kw):
    try:
        return call(*args, **kw)
    except Exception as error:
        return "%s" % type(error).__name__


# What modules in flash have no names for: README.md of permafrost.
UNTOLD = ("__file__", "__module__", "__path__", "__qualname__", "_hidden", "_A", "_B", "_C", "_D", "_E", "_F", "_G")
BORROWED = ("_thread", "counters", "frost", "functions", "greet", "json", "sys")


def names(thing, untold=UNTOLD):
    return sorted(name for name in dir(thing) if name not in untold)


def show_functions():
    print(functions.plain(1), functions.plain(1, 2, 3, 4, c=5, e=6), functions.alias is functions.plain)
    print(functions.defaults(), functions.only_keywords(a=2), attempt(functions.only_keywords, 1))
    add = functions.closure(5)
    print(add(1), add(1), functions.double(4), functions.double(4, factor=3), functions.plain.__name__)
    generator = functions.generate(3)
    print(next(generator), generator.send("sent"), list(generator), functions.comprehensions(6))
    print(functions.failing(ValueError(1)), attempt(functions.failing, TypeError(2)), functions.rename("w"), functions.late(), functions.constants())
    print(attempt(functions.waiting(3).send, None), attempt(functions.plain), functions.defaults(c=dict(a=1)))
    print(functions.__name__, frost.__name__, deep.__name__, frost.__version__, frost.greet(), functions.numbers(), both[1], both[0] is functions.plain)


def show_classes():
    for kind in (classes.Base, classes.Derived, classes.Third, classes.Two):
        one = kind(3)
        print(one, one.next(), one.again(), one.square, kind.KIND, kind.KINDS, one.static(1), kind.static(2, 3), kind.of(4), one.made())
        one.square = 49
        print(one.n, len(one), one[1], one(1, 2), list(one), 7 in one, one == kind(7), one + kind(1), hasattr(one, "x"), kind.__name__)
        del one.square
        with one as same:
            print(same.n)
        print(one.n, isinstance(one, classes.Base), issubclass(kind, classes.Derived), kind.__bases__, names(kind))
        one.extra = 5
        print(one.extra, sorted(one.__dict__.items()), attempt(setattr, one, "square2", 1), one.square2)
    print(classes.Derived.Nested().where(), classes.Two(1).mixed(), classes.New(3), classes.Base(1) != classes.Base(2))
    guarded = classes.Guarded()
    guarded.a = 4
    print(guarded.a, guarded.b)
    print(classes.Words(a=1).add("a").add("b") == {"a": 2, "b": 1}, classes.MISSING is classes.MISSING, classes.FAMILY)
    table = classes.TABLE
    print(table["b"], table["f"](1), table[1], table[1, 2], len(table), "a long key that is no name of anything" in table, "no" in table)


def show_errors():
    for kind in (classes.Error, classes.Narrow):
        try:
            raise kind("here", "what")
        except Exception as error:
            print(repr(error), error, error.place, error.args, isinstance(error, classes.Error))


def show_subclasses():
    class Mine(classes.Base):
        KIND = "mine"

        def next(self):
            return "mine", super().next()

        @property
        def cube(self):
            return self.n ** 3

    class Problem(classes.Narrow):
        pass

    Mine.later = 5
    print(Mine(2), Mine(2).next(), Mine(2).cube, Mine.later, Mine(2).square, isinstance(Mine(1), classes.Base))
    try:
        raise Problem("there", "how")
    except classes.Error as error:
        print(repr(error), error.place)


def show_constants():
    print(deep.COUNT > 4, deep.LONG, deep.BYTES, deep.NUMBERS, deep.YES, deep.BRANCH, deep.LESS is functions.plain, deep.used())
    print(names(frost), names(deep, UNTOLD + BORROWED), names(functions, UNTOLD + BORROWED), names(classes))
    print([name in sys.modules for name in ("frost",)], frost.inner.deep is deep)
    import alone
    import thawed

    print(alone.VALUE, thawed.LIST)


def show_state():
    print(counters.calls, counters.count(), counters.calls, counters.seen, counters.bases)
    counters.seen.append(1)
    counters.new = "set"
    import frost.counters

    print(frost.counters.seen, frost.counters.new)
    print(settings.over(11), settings.LIMIT)
    settings.LIMIT = 20
    print(settings.over(11), settings.LIMIT)
    settings.set_limit(5)
    print(settings.over(11), settings.LIMIT, settings.other(1))


def run():
    for show in (show_functions, show_classes, show_errors, show_subclasses, show_constants, show_state):
        print("--", show.__name__)
        show()
    import gc

    gc.collect()
    show_functions()
    show_classes()
