"""Which databases there are: by name in a directory and on raw flash, where the manifest tells it, sealed as all else."""
from runner import Skip, medium, mode, raises, same
from unosql.core import Unosql

try:
    from unosql import names
except ImportError:  # an image of a small board
    names = None

KEY = b"1234567890abcdef"
OURS = ("weather", "a", "door-2", "one", "two", "plain", "secret", "other")


def place():
    return {"path" if mode() == "files" else "storage": medium("testdb")}


def on_one_medium(name, **options):
    return Unosql(name, log_level="NONE", **dict(place(), **options))


class Names:
    """Called, it returns the names of what this test has made: a board's flash may hold more."""

    def __init__(self):
        if not names:
            raise Skip("needs unosql.names")
        for name in OURS:
            Unosql.destroy(name, **place())
        self.before = Unosql.names(**place())

    def __call__(self, **options):
        return [name for name in Unosql.names(**dict(place(), **options)) if name not in self.before]


def on_flash():
    if mode() == "files":
        raise Skip("needs raw flash")


def number(name):
    """What stands for a name that is not told."""
    import hashlib

    return "#%08x" % int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def test_names_of_all_that_are_there():
    names = Names()
    same(names(), [])
    kept = [on_one_medium(name) for name in ("weather", "a", "door-2")]
    same(names(), ["a", "door-2", "weather"])
    for db in kept:
        for i in range(40):
            db.insert("c", {"i": i})
        db.compact()
        same(names(), ["a", "door-2", "weather"])
        db.close()
    for name in ("weather", "a", "door-2"):
        with on_one_medium(name) as db:
            same([db.count("c"), db.verify()], [40, []])
    same(names(), ["a", "door-2", "weather"])


def test_what_was_destroyed_has_no_name():
    names = Names()
    for name in ("one", "two"):
        on_one_medium(name).close()
    same(Unosql.destroy("one", **place()), True)
    same(names(), ["two"])


def test_reading_names_changes_nothing():
    names = Names()
    with on_one_medium("one") as db:
        db.insert("c", {"i": 1})
        with db.transaction():
            db.insert("c", {"i": 2})
            same(names(), ["one"])
        same(db.count("c"), 2)
        same(db.verify(), [])


def test_names_of_encrypted_databases_take_the_key():
    on_flash()
    names = Names()
    for name, options in (("plain", {}), ("secret", {"encryption_key": KEY, "iterations": 1000}),
                          ("other", {"encryption_key": "a passphrase", "iterations": 1000})):
        on_one_medium(name, **options).close()
    secret, other = number("secret"), number("other")
    same(names(), sorted(["plain", secret, other]))
    same(names(encryption_key=KEY), sorted(["plain", "secret", other]))
    same(names(encryption_key="a passphrase"), sorted(["plain", secret, "other"]))


def test_names_are_encrypted_when_the_key_changes():
    on_flash()
    names = Names()
    with on_one_medium("secret", encryption_key=KEY, iterations=1000) as db:
        db.rekey(None)
        same(names(), ["secret"])
        db.rekey("a passphrase", 1000)
        same(names(), [number("secret")])
        same(names(encryption_key="a passphrase"), ["secret"])


def test_what_is_no_place():
    raises(ValueError, "storage is", Unosql.names, storage=5)
    raises(ValueError, "encryption_key", Unosql.names, encryption_key=b"x", **place())
    raises(OSError, "", Unosql.names, path="/no/such/place")
