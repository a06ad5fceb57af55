"""The first library's README: its 15 steps, each call and each result, its "Usage", and what its "Features" promise.

Only step 15 differs: nothing is lost. Encryption, logging, backups and indexes have modules of their own, too.
"""
import os
import time

from runner import Skip, column, fresh, plain, raises, same, set_clock
from unosql import core

KEY = b"1234567890abcdef"


def people():
    db = fresh(encryption_key=KEY, iterations=1000, log_level="DEBUG")
    db.insert("users", {"name": "Alice", "age": 25})
    db.insert("users", {"name": "Bob", "age": 30})
    db.insert("users", {"name": "Charlie", "age": 35})
    return db


def test_01_insert():
    assert people().count("users") == 3


def test_02_find():
    found = people().find("users", "name", "Alice")
    assert len(found) == 1 and found[0]["age"] == 25


def test_03_update():
    db = people()
    assert db.update("users", "name", "Alice", {"age": 26})
    assert db.find("users", "name", "Alice")[0]["age"] == 26


def test_04_delete():
    db = people()
    assert db.delete("users", "name", "Bob") == 1
    assert db.count("users") == 2


def test_05_all():
    assert column(people().all("users"), "name") == ["Alice", "Bob", "Charlie"]


def test_06_last_n():
    last = people().get_last_n_records("users", 1)
    assert len(last) == 1 and last[0]["name"] == "Charlie"


def test_07_timeframe():
    start = time.time() - 10
    db = people()
    found = db.get_records_in_timeframe("users", "timestamp", start, time.time() + 10)
    assert len(found) == 3
    assert db.get_records_in_timeframe("users", "timestamp", start - 100, start) == []


def test_08_clear():
    db = people()
    db.clear("users")
    assert db.count("users") == 0 and db.all("users") == []


def test_09_backup_and_restore():
    db = fresh(encryption_key=KEY, iterations=1000)
    db.insert("users", {"name": "David", "age": 40})
    db.insert("users", {"name": "Eve", "age": 28})
    db.backup("testdb_backup.db")
    db.clear("users")
    assert db.count("users") == 0
    db.restore("testdb_backup.db")
    assert plain(db.all("users")) == [{"name": "David", "age": 40}, {"name": "Eve", "age": 28}]


def test_10_record_that_is_no_dict():
    raises(ValueError, "dict", fresh().insert, "users", "not_a_dict")


def test_11_restore_of_a_missing_file():
    db = people()
    raises(OSError, "", db.restore, "non_existent_file.db")
    assert db.count("users") == 3


def test_12_multiple_collections():
    db = people()
    db.insert("products", {"name": "Laptop", "price": 1000})
    db.insert("products", {"name": "Phone", "price": 500})
    assert db.count("products") == 2 and db.count("users") == 3


def test_13_compound_index():
    db = fresh()
    db.insert("users", {"name": "Frank", "city": "NY", "age": 28})
    db.insert("users", {"name": "Grace", "city": "NY", "age": 32})
    db.create_index("users", ["city", "age"])
    found = db.find("users", ["city", "age"], ["NY", 28])
    assert len(found) == 1 and found[0]["name"] == "Frank"


def test_14_incremental_backup():
    db = fresh(encryption_key=KEY, iterations=1000)
    db.insert("users", {"name": "Ivy", "age": 50})
    db.insert("users", {"name": "Jack", "age": 55})
    db.incremental_backup("testdb_inc_backup.db", time.time() - 100)
    db.clear("users")
    db.restore("testdb_inc_backup.db")
    assert column(db.all("users"), "name") == ["Ivy", "Jack"]


def test_15_optimize_memory_loses_nothing():
    db = fresh()
    db.insert("users", {"name": "Kate", "age": 60})
    db.optimize_memory()
    db.insert("users", {"name": "Liam", "age": 65})
    assert db.count("users") == 2
    assert column(db.all("users"), "name") == ["Kate", "Liam"]


def test_all_steps_in_a_row():
    """As the README runs them: one encrypted database, 10,000 iterations, results carried from step to step."""
    db = fresh(encryption_key=KEY, log_level="DEBUG")
    for name, age in (("Alice", 25), ("Bob", 30), ("Charlie", 35)):
        db.insert("users", {"name": name, "age": age})
    assert db.count("users") == 3
    assert db.find("users", "name", "Alice")[0]["age"] == 25
    assert db.update("users", "name", "Alice", {"age": 26}) is True
    assert db.find("users", "name", "Alice")[0]["age"] == 26
    assert db.delete("users", "name", "Bob") == 1 and db.count("users") == 2
    assert len(db.all("users")) == 2
    assert column(db.get_last_n_records("users", 1), "name") == ["Charlie"]
    now = time.time()
    assert len(db.get_records_in_timeframe("users", "timestamp", now - 60, now + 10)) == 2
    db.clear("users")
    assert db.count("users") == 0
    step_9_to_12(db)
    step_13_to_15(db)


def step_9_to_12(db):
    db.insert("users", {"name": "David", "age": 40})
    db.insert("users", {"name": "Eve", "age": 28})
    db.backup("testdb_backup.db")
    db.clear("users")
    assert db.count("users") == 0
    db.restore("testdb_backup.db")
    assert db.count("users") == 2
    raises(ValueError, "", db.insert, "users", "not_a_dict")
    raises(OSError, "", db.restore, "non_existent_file.db")
    db.insert("products", {"name": "Laptop", "price": 1000})
    db.insert("products", {"name": "Phone", "price": 500})
    assert db.count("products") == 2 and db.count("users") == 2


def step_13_to_15(db):
    db.clear("users")
    db.insert("users", {"name": "Frank", "city": "NY", "age": 28})
    db.insert("users", {"name": "Grace", "city": "NY", "age": 32})
    db.create_index("users", ["city", "age"])
    assert column(db.find("users", ["city", "age"], ["NY", 28]), "name") == ["Frank"]
    db.clear("users")
    db.insert("users", {"name": "Ivy", "age": 50})
    db.insert("users", {"name": "Jack", "age": 55})
    db.incremental_backup("testdb_inc_backup.db", time.time() - 100)
    db.clear("users")
    db.restore("testdb_inc_backup.db")
    assert column(db.all("users"), "name") == ["Ivy", "Jack"]
    db.clear("users")
    db.insert("users", {"name": "Kate", "age": 60})
    db.optimize_memory()
    db.insert("users", {"name": "Liam", "age": 65})
    assert db.count("users") == 2


def test_usage_in_a_row():
    """As written there, on one database; its incremental backup is by keyword."""
    import utime

    db = fresh("my_database", encryption_key=b"16bytekey1234567", iterations=10000, log_level="DEBUG")
    db.insert("users", {"name": "Arman", "age": 29})
    same(plain(db.find("users", "name", "Arman")), [{"name": "Arman", "age": 29}])
    same(db.update("users", "name", "Arman", {"age": 30}), True)
    same(plain(db.all("users")), [{"name": "Arman", "age": 30}])
    same(db.delete("users", "name", "Arman"), 1)
    same(db.all("users"), [])
    db.clear("users")
    db.insert("users", {"name": "Bea"})
    db.backup("backup.db")
    db.incremental_backup("inc_backup.db", since_timestamp=utime.time() - 3600)
    db.clear("users")
    db.restore("backup.db")
    same(plain(db.all("users")), [{"name": "Bea"}])
    db.restore("inc_backup.db")
    same(plain(db.all("users")), [{"name": "Bea"}])


def test_calls_without_a_match():
    db = people()
    same((db.find("users", "name", "Nobody"), db.find("nothing", "a", 1), db.all("nothing")), ([], [], []))
    same((db.update("users", "name", "Nobody", {"a": 1}), db.delete("users", "name", "Nobody")), (False, 0))
    same((db.count("nothing"), db.get_last_n_records("users", 0), len(db.get_last_n_records("users", 9))), (0, [], 3))
    db.clear("nothing")
    same(db.count("users"), 3)


def test_records_get_id_timestamp_and_version():
    clock = set_clock(1000)
    db = fresh()
    db.insert("users", {"name": "Arman"})
    same(db.find("users", "name", "Arman"), [{"name": "Arman", "id": 1, "timestamp": 1000, "version": 1}])
    clock.time = 1060
    db.update("users", "name", "Arman", {"age": 30})
    same(db.all("users"), [{"name": "Arman", "age": 30, "id": 1, "timestamp": 1060, "version": 2}])
    same(column(db.history("users", 1), "version"), [2, 1])


def test_update_and_delete_take_all_that_match():
    db = people()
    db.insert("users", {"name": "Alice", "age": 70})
    same(db.update("users", "name", "Alice", {"city": "NY"}), True)
    same(column(db.find("users", "city", "NY"), "age"), [25, 70])
    same(db.delete("users", ["name", "city"], ["Alice", "NY"]), 2)
    same(column(db.all("users"), "name"), ["Bob", "Charlie"])


def test_clear_removes_indexes_too():
    db = people()
    db.create_index("users", "name")
    db.create_index("users", ["name", "age"])
    db.clear("users")
    same((db.indexes("users"), db.find("users", "name", "Bob")), ([], []))


def test_lock_with_a_timeout_to_set():
    """LOCK_TIMEOUT is 5000 ms; a database takes the one at its opening."""
    try:
        import _thread
    except ImportError:
        raise Skip("needs _thread")
    same(core.LOCK_TIMEOUT, 5000)
    core.LOCK_TIMEOUT = 30
    try:
        db = fresh()
    finally:
        core.LOCK_TIMEOUT = 5000
    found = []

    def look():
        try:
            found.append(db.count("c"))
        except core.LockTimeoutError:
            found.append("timeout")

    def from_a_thread():
        n = len(found)
        _thread.start_new_thread(look, ())
        for _ in range(500):
            if len(found) > n:
                break
            time.sleep(0.01)

    with db.transaction():
        db.insert("c", {})
        from_a_thread()
    from_a_thread()
    same(found, ["timeout", 1])


def test_log_is_bounded():
    db = fresh(log_level="DEBUG", log_size=500)
    for n in range(40):
        db.insert("users", {"n": n})
    assert all(os.stat(name)[6] < 700 for name in ("testdb.log", "testdb.log.1"))
