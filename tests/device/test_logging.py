"""The log file: levels, rotation, and nothing of a record in it."""
import os

from runner import again, fresh, raises, same
from unosql.core import UniqueError

MODES = ("files",)


def log(name="testdb.log"):
    try:
        with open(name) as f:
            return f.read()
    except OSError:
        return None


def work(db):
    db.insert("people", {"name": "Ann Secretname"})
    db.update("people", "name", "Ann Secretname", {"age": 5})
    db.create_index("people", "name", unique=True)
    raises(UniqueError, "", db.insert, "people", {"name": "Ann Secretname"})
    raises(ValueError, "", db.insert, "people", 5)


def test_debug_logs_the_calls():
    db = fresh(log_level="DEBUG")
    work(db)
    db.close()
    text = log()
    assert "DEBUG" in text and "people" in text, text
    for line in text.rstrip("\n").split("\n"):
        assert "DEBUG" in line or "INFO" in line or "ERROR" in line, line


def test_levels_leave_out_what_is_below():
    sizes = []
    for level in ("DEBUG", "INFO", "ERROR", "NONE"):
        db = fresh("db" + level, log_level=level)
        work(db)
        db.close()
        text = log("db%s.log" % level) or ""
        for other in ("DEBUG", "INFO", "ERROR")[: ("DEBUG", "INFO", "ERROR", "NONE").index(level)]:
            assert other not in text, text
        sizes.append(len(text))
    assert sizes[0] > sizes[1] >= sizes[2] >= sizes[3], sizes
    same(sizes[3], 0)
    assert log("dbNONE.log") is None


def test_error_is_the_default():
    db = fresh()
    db.insert("people", {"n": 1})
    db.close()
    same(log() or "", "")


def test_records_are_not_logged():
    db = fresh(log_level="DEBUG")
    work(db)
    db.close()
    assert "Secretname" not in log()


def test_appends_over_sessions():
    db = fresh(log_level="DEBUG")
    db.insert("people", {})
    db = again(db, log_level="DEBUG")
    db.insert("dogs", {})
    db.close()
    text = log()
    assert "people" in text and "dogs" in text and text.index("people") < text.index("dogs")


def test_rotation_bounds_the_size():
    db = fresh(log_level="DEBUG", log_size=1024)
    for n in range(150):
        db.insert("c%d" % (n % 3), {"n": n})
    db.close()
    logs = [name for name in os.listdir() if name.startswith("testdb.log")]
    assert 1 < len(logs) <= 2, logs
    for name in logs:
        assert os.stat(name)[6] <= 1024 + 200, (name, os.stat(name)[6])
    assert os.stat("testdb.log")[6] > 0


def test_logging_never_fails_a_call():
    """A log that cannot be written must not cost data."""
    os.mkdir("testdb.log")
    db = fresh(log_level="DEBUG")
    db.insert("c", {"n": 1})
    same(again(db, log_level="DEBUG").count("c"), 1)


def test_the_log_does_not_fill_its_medium():
    from ram import Medium
    from unosql.logger import Logger

    with Medium("VfsFat", 512, 128):
        with open("/ram/other", "w") as file:
            for _ in range((os.statvfs("/ram")[0] * os.statvfs("/ram")[3] - 35000) // 512):
                file.write("x" * 512)
        logger = Logger("/ram/t.log", 8192)
        for _ in range(40):
            logger.write("ERROR", "x" * 100)
        with open("/ram/t.log") as file:
            assert len(file.read()) < 5000
        assert os.statvfs("/ram")[1] * os.statvfs("/ram")[3] > 30000
        os.remove("/ram/other")
        logger.write("ERROR", "the last")
        assert "the last" in log("/ram/t.log")
