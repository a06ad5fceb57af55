"""What things are called: the short import, reprs, and words in errors."""
import sys

import unosql
from runner import fresh, raises, same


def test_short_import():
    from unosql import Unosql
    from unosql.core import Unosql as other

    assert Unosql is other and unosql.Unosql is other
    raises(AttributeError, "" if sys.implementation.name == "micropython" else "unosq", lambda: unosql.unosq)
    raises(AttributeError, "", lambda: unosql.nothing)
    raises(ImportError, "", exec, "from unosql import nothing", {})
    assert not hasattr(unosql, "nothing")


def test_dir_and_import_of_what_is_not_there():
    assert {"Unosql", "selftest", "__version__"} <= set(dir(unosql))
    raises(ImportError, "", __import__, "unosql.nothing")


def test_repr():
    db = fresh("sensors")
    assert repr(db).startswith("<Unosql 'sensors' on ") and repr(db).endswith(": no collections>"), repr(db)
    db.insert("readings", {})
    db.insert("hours", {})
    assert repr(db).endswith(": hours, readings>") and "sensors" in repr(db).split(" on ")[1], repr(db)
    for n in range(12):
        db.insert("c%02d" % n, {})
    assert repr(db).endswith(", c06, c07, c08>"), repr(db)  # nine are enough
    same(str(db), repr(db))
    db.close()
    same(repr(db), "<Unosql: closed>")


def test_errors_in_english():
    db = fresh()
    for value, word in ((5, "an int"), ("text", "a str"), (None, "None"), ([1], "a list"), (1.5, "a float"), (object(), "an object")):
        raises(ValueError, "record: %s is not a dict" % word, db.insert, "c", value)
    raises(ValueError, "record['a']: a bytes", db.insert, "c", {"a": b""}) if sys.implementation.name == "cpython" else None
    raises(ValueError, "not a str", db.insert_many, "c", "text")
    raises(ValueError, "limit is an int from 0", db.find, "c", limit="5")
    raises(ValueError, "id is an int", db.get, "c", "5")
    id = db.insert("c", {"n": 1, "l": [1]})
    raises(ValueError, "'n', an int", db.update, "c", "id", id, push={"n": 1})
    raises(ValueError, "'l' is a list, not a dict", db.update, "c", "id", id, {"l.a": 1})
