"""Keys: the right one opens, all else is refused, and nothing of the plaintext is on the medium."""
from runner import after_cut, again, column, fresh, medium_bytes, raises, same, set_clock
from unosql.core import WrongKeyError

KEY = b"1234567890abcdef"
KW = {"encryption_key": KEY, "iterations": 1000}
SECRETS = (b"plaintext-marker", b"field-marker", b"collection-marker", b"index-marker")


def secret(**kw):
    db = fresh(**dict(KW, **kw))
    db.create_index("collection-marker", "index-marker")
    for n in range(40):
        db.insert("collection-marker", {"field-marker": "plaintext-marker", "index-marker": "plaintext-marker%d" % n})
    return db


def test_key_opens_again():
    db = secret()
    db = again(db, **KW)
    same(db.count("collection-marker"), 40)
    same(column(db.find("collection-marker", "index-marker", "plaintext-marker7"), "id"), [8])
    same(after_cut(db, **KW).count("collection-marker"), 40)


def test_iterations_are_those_it_was_made_with():
    db = secret()
    same(again(db, encryption_key=KEY).count("collection-marker"), 40)


def refused(key):
    """Opening with key fails, says so, and changes nothing."""
    db = secret()
    db.close()
    raises(WrongKeyError, "testdb", fresh, encryption_key=key)
    same(fresh(**KW).count("collection-marker"), 40)


def test_wrong_key():
    refused(b"1234567890abcdeF")


def test_wrong_passphrase():
    refused("1234567890abcdeF")


def test_no_key():
    refused(None)


def test_key_for_a_plain_database():
    db = fresh()
    db.insert("c", {"n": 1})
    db.close()
    raises(WrongKeyError, "testdb", fresh, **KW)
    same(column(fresh().all("c"), "n"), [1])


def test_passphrase():
    phrase = {"encryption_key": "correct horse battery staple", "iterations": 1000}
    db = fresh(**phrase)
    db.insert("c", {"n": 1})
    same(column(again(db, **phrase).all("c"), "n"), [1])


def test_bytes_of_another_length():
    phrase = {"encryption_key": b"a key of more than sixteen bytes", "iterations": 1000}
    db = fresh(**phrase)
    db.insert("c", {"n": 1})
    same(column(again(db, **phrase).all("c"), "n"), [1])


def test_bad_keys_are_named():
    for key in (b"", b"short", "", 5, [1] * 16, True):
        raises((TypeError, ValueError), "key", fresh, "bad", encryption_key=key)
    for iterations in (0, 999, 10_000_001, "1000", None, 1000.0):
        raises((TypeError, ValueError), "iterations", fresh, "bad", encryption_key=KEY, iterations=iterations)


def test_nothing_of_the_plaintext_is_on_the_medium():
    db = secret()
    db.update("collection-marker", "id", 3, {"field-marker": "plaintext-marker again"})
    db.optimize_memory()
    db.insert("collection-marker", {"field-marker": "plaintext-marker"})
    db.backup("copy.bak")
    db.close()
    read = 0
    for data in medium_bytes():
        read += len(data)
        for word in SECRETS + (KEY,):
            assert word not in data, word
    assert read > 1000


def test_plain_database_shows_it():
    """The search above finds something where there is something to find."""
    db = fresh()
    db.insert("c", {})
    db.compact()
    db.insert("c", {"field-marker": "plaintext-marker"})  # the first in the log since: it is there as it is
    assert any(b"plaintext-marker" in data for data in medium_bytes())


def test_two_databases_of_the_same_content_differ():
    set_clock(1000)
    blobs = []
    for name in ("one", "two"):
        db = fresh(name, **KW)
        db.insert("c", {"n": 1})
        db.backup(name + ".bak")
        with open(name + ".bak", "rb") as f:
            blobs.append(f.read())
    assert blobs[0] != blobs[1]
    same(len(blobs[0]), len(blobs[1]))


def test_rekey():
    db = secret()
    wanted = db.all("collection-marker")
    db.rekey(b"fedcba0987654321", iterations=1000)
    same(db.all("collection-marker"), wanted)
    db.insert("collection-marker", {"n": "after"})
    db.close()
    raises(WrongKeyError, "", fresh, **KW)
    db = fresh(encryption_key=b"fedcba0987654321")
    same(db.all("collection-marker")[:-1], wanted)
    same(column(db.find("collection-marker", "index-marker", "plaintext-marker7"), "id"), [8])
    same(db.verify(), [])


def test_rekey_to_plain_and_back():
    db = secret()
    wanted = db.all("collection-marker")
    db.rekey(None)
    db = again(db)
    same(db.all("collection-marker"), wanted)
    db.rekey("a passphrase", iterations=1000)
    db.close()
    raises(WrongKeyError, "", fresh)
    same(fresh(encryption_key="a passphrase").all("collection-marker"), wanted)
