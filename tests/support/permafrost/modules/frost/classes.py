"""Classes of all kinds."""

from .functions import plain


class Base:
    """The first."""

    KIND = "base"
    KINDS = (KIND, "more", 1)
    made = plain

    def __init__(self, n=0, *, step=1):
        self.n = n
        self._step = step

    def next(self):
        self.n += self._step
        return self.n

    again = next

    @property
    def square(self):
        return self.n * self.n

    @square.setter
    def square(self, value):
        self.n = int(value ** 0.5)

    @square.deleter
    def square(self):
        self.n = 0

    @staticmethod
    def static(a, b=KIND):
        return a, b

    @classmethod
    def of(cls, n):
        return cls(n)

    def __repr__(self):
        return "%s(%d)" % (type(self).__name__, self.n)

    def __add__(self, other):
        return type(self)(self.n + other.n)

    def __eq__(self, other):
        return self.n == other.n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.n + i

    def __call__(self, *args):
        return self.n, args

    def __iter__(self):
        return iter(range(self.n))

    def __contains__(self, what):
        return what == self.n

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.n = -1


class Derived(Base):
    KIND = "derived"

    def __init__(self, n):
        super().__init__(n, step=10)

    def next(self):
        return "derived %d" % super().next()

    class Nested:
        inside = Base.KIND

        def where(self):
            return self.inside


class Third(Derived):
    pass


class Mixin:
    def mixed(self):
        return "mixed"


class Two(Third, Mixin):
    pass


class Guarded:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value * 2)

    def __getattr__(self, name):
        return "no " + name


class New:
    def __new__(cls, a):
        return a + 1


class Error(Exception):
    """With an argument of its own."""

    def __init__(self, place, what):
        super().__init__("%s: %s" % (place, what))
        self.place = place


class Narrow(Error, ):
    pass


class Words(dict):
    def add(self, word):
        self[word] = self.get(word, 0) + 1
        return self


MISSING = object()
FAMILY = (Base, Derived, Exception, int)
TABLE = {"b": Base, "d": Derived, "f": lambda x: x + 1, 1: "one", (1, 2): "pair", "a long key that is no name of anything": None}
