"""Checks of a board: unosql.selftest() runs each on a database of its own, which it removes, and prints a report."""

import gc
import os
import sys

import unosql

from .core import Unosql, WrongKeyError
from .port import ms

_NAME = "unosql-selftest"
_KEY = b"selftest key 16b"
_BACKUP = _NAME + ".bak"
_RECORDS = 60


def run(path=None, storage=None):
    """Print a line for each check; return whether all passed. path, storage: as for core.Unosql."""
    print("unosql %s on %s %s" % (unosql.__version__, sys.platform, ".".join(map(str, sys.implementation.version[:3]))))
    options = {"path": path, "storage": storage, "encryption_key": _KEY, "iterations": 1000, "log_level": "NONE"}
    failed = 0
    _destroy(path, storage)  # left by a run that was cut off
    try:
        for check in _CHECKS:
            failed += not _passes(check, options)
    finally:
        _destroy(path, storage)
    print("%d of %d checks passed, %d failed" % (len(_CHECKS) - failed, len(_CHECKS), failed))
    return not failed


def _destroy(path, storage):
    Unosql.destroy(_NAME, path=path, storage=storage)
    try:
        os.remove(_BACKUP)
    except OSError:
        pass


def _passes(check, options):
    gc.collect()
    start = ms()
    try:
        with Unosql(_NAME, **options) as db:
            check(db, options)
    except Exception as error:
        print("FAIL %s: %r" % (check.__name__[1:], error))
        return False
    print("ok   %s (%d ms)" % (check.__name__[1:], ms(start)))
    return True


def _same(found, wanted):
    if found != wanted:
        raise AssertionError("%r is not %r" % (found, wanted))


def _record(n):
    return {"n": n, "text": "Zo\xeb %d" % n, "list": [n, None, True, 1.5]}


def _insert(db, options):
    for n in range(_RECORDS):
        _same(db.insert("a", _record(n)), n + 1)
    _same(db.count("a"), _RECORDS)


def _read_after_opening_again(db, options):
    _same(db.get("a", 3)["text"], "Zo\xeb 2")
    _same([record["n"] for record in db.iterate("a")], list(range(_RECORDS)))


def _wrong_key(db, options):
    db.close()
    try:
        Unosql(_NAME, **dict(options, encryption_key=b"another key 16by"))
    except WrongKeyError:
        return
    raise AssertionError("a wrong key opened the database")


def _index(db, options):
    db.create_index("a", "n", unique=True)
    _same(db.explain("a", "n", 7)["plan"], "index")
    _same([record["id"] for record in db.find("a", {"n": {"gte": 7, "lt": 9}})], [8, 9])


def _update_and_history(db, options):
    _same(db.update("a", "n", 7, {"text": "new"}), True)
    _same([record["text"] for record in db.history("a", 8)], ["new", "Zo\xeb 7"])


def _transaction(db, options):
    try:
        with db.transaction():
            db.delete("a", {})
            raise KeyError
    except KeyError:
        pass
    _same(db.count("a"), _RECORDS)


def _queue(db, options):
    _same(db.pop("a")[0]["n"], 0)
    _same(db.count("a"), _RECORDS - 1)


def _backup_and_restore(db, options):
    _same(db.backup(_BACKUP), _RECORDS - 1)
    db.clear("a")
    _same(db.restore(_BACKUP), _RECORDS - 1)
    _same(db.find("a", "n", 7)[0]["version"], 2)


def _compact_and_verify(db, options):
    db.compact()
    _same(db.verify(), [])
    _same(db.count("a"), _RECORDS - 1)


_CHECKS = (
    _insert,
    _read_after_opening_again,
    _wrong_key,
    _index,
    _update_and_history,
    _transaction,
    _queue,
    _backup_and_restore,
    _compact_and_verify,
)
