"""Damaged files: an error that names the file, never an empty result. (tests/ has the same for every byte.)"""
import os

from runner import again, fresh, raises, same
from unosql.core import CorruptionError, WrongKeyError

MODES = ("files",)
KEYS = (None, b"1234567890abcdef")


def made(name, key):
    """A closed database whose records are in segments; returns its directory."""
    db = fresh(name, encryption_key=key, iterations=1000)
    for n in range(100):
        db.insert("c", {"n": n, "text": "text %d" % (n * n)})
    db.optimize_memory()
    db.close()
    return name + ".udb/"


def segments(folder):
    return [folder + name for name in sorted(os.listdir(folder)) if name.startswith("s")]


def rewrite(path, change):
    with open(path, "rb") as f:
        data = bytearray(f.read())
    with open(path, "wb") as f:
        f.write(change(data))


def flipped(at):
    def change(data):
        data[int(at * (len(data) - 1))] ^= 4
        return data

    return change


def check_damage(change):
    """After the change no read gives a wrong or an empty answer."""
    for i, key in enumerate(KEYS):
        name = "db%d" % i
        path = segments(made(name, key))[0]
        rewrite(path, change)

        def read():
            return fresh(name, encryption_key=key, iterations=1000).all("c")

        error = raises(CorruptionError, name, read)
        assert path.rsplit("/", 1)[-1] in error.where, (path, error.where)


def test_flipped_bits():
    check_damage(flipped(0.3))


def test_flipped_bit_at_the_end():
    check_damage(flipped(1))


def test_flipped_bit_at_the_start():
    check_damage(flipped(0))


def test_truncated():
    check_damage(lambda data: data[: len(data) // 2])


def test_emptied():
    check_damage(lambda data: b"")


def test_overwritten():
    check_damage(lambda data: b"\xff" * len(data))


def test_segment_missing():
    folder = made("db", None)
    os.remove(segments(folder)[0])
    raises(CorruptionError, "db", lambda: fresh("db").all("c"))


def test_swapped_segments():
    folder = made("db", KEYS[1])
    db = fresh("db", encryption_key=KEYS[1])
    db.insert("c", {"n": 1})
    db.optimize_memory()
    db.close()
    one, two = segments(folder)[:2]
    os.rename(one, "x")
    os.rename(two, one)
    os.rename("x", two)
    raises(CorruptionError, "db", lambda: fresh("db", encryption_key=KEYS[1]).all("c"))


def test_verify_reports_and_names():
    path = segments(made("db", None))[0]
    rewrite(path, flipped(0.3))
    try:
        problems = fresh("db").verify()
    except CorruptionError as e:  # so bad that it does not open
        problems = [str(e)]
    assert problems and path.rsplit("/", 1)[-1] in problems[0], problems


def test_what_is_damaged_does_not_hide_the_rest():
    folder = made("db", None)
    db = fresh("db")
    for n in range(5):
        db.insert("other", {"n": n})
    db.optimize_memory()
    db.close()
    rewrite(segments(folder)[0], flipped(0.3))
    same(len(fresh("db").all("other")), 5)


def test_files_of_others_are_left_alone():
    folder = made("db", None)
    for name in ("readme.txt", "s", "sxyz", "s1"):
        with open(folder + name, "w") as f:
            f.write("mine")
    db = fresh("db")
    same(db.count("c"), 100)
    db.compact()
    same(again(db, "db").count("c"), 100)
    for name in ("readme.txt", "s", "sxyz", "s1"):
        with open(folder + name) as f:
            same(f.read(), "mine")


def test_foreign_manifest():
    """Files that are no database are neither opened nor overwritten."""
    folder = made("db", None)
    manifests = [folder + name for name in os.listdir(folder) if name.startswith("m")]
    assert manifests
    for path in manifests:
        rewrite(path, lambda data: b"this is something else entirely")
    raises((CorruptionError, WrongKeyError), "db", fresh, "db")
    for path in manifests:
        with open(path, "rb") as f:
            same(f.read(), b"this is something else entirely")
