"""Memory errors: a bounded share of the heaps that tests/runs/memory.py sweeps, and cases argued one by one."""
import memory
import pytest

from firmware.progress import Failure
from media import MemFiles
from unosql.documents.catalog import Catalog
from unosql.core import Unosql, UnosqlError
from unosql.kv.memtable import Memtable
from unosql.kv.store import Store



def opened(medium):
    return Unosql("t", None, 1000, "NONE", storage=medium.storage(), memtable=1024)


def test_a_rollback_short_of_memory_forgets_nothing(monkeypatch):
    """The catalogue is read again: with half of it in RAM, compaction took all records for those of dropped collections."""
    medium = MemFiles()
    db = opened(medium)
    for i in range(60):
        db.insert("c", {"i": i})
    get = Store.get

    def failing(*args):
        monkeypatch.setattr(Store, "get", get)
        raise MemoryError

    with pytest.raises((MemoryError, ZeroDivisionError)):
        with db.transaction():
            db.insert("c", {"i": -1})
            monkeypatch.setattr(Store, "get", failing)
            1 / 0
    assert Store.get is get
    for i in range(60, 120):
        db.insert("c", {"i": i})
    db.compact()
    assert [r["i"] for r in db.iterate("c")] == list(range(120)) and db.verify() == []
    db.close()
    assert opened(medium).count("c") == 120


@pytest.mark.parametrize("where", ["put", "replay"])
def test_half_a_call_in_a_transaction_is_never_committed(monkeypatch, where):
    """Whoever goes on after a MemoryError within a transaction gets it whole, without the call, or not at all."""
    medium = MemFiles()
    db = opened(medium)
    db.create_index("c", "i")
    db.insert("c", {"i": 0})
    kind, name = (Memtable, "put") if where == "put" else (Catalog, "replay")
    call, left = getattr(kind, name), [1 if where == "put" else 0]

    def failing(*args):
        left[0] -= 1
        if left[0] < 0:
            monkeypatch.setattr(kind, name, call)
            raise MemoryError
        return call(*args)

    try:
        with db.transaction():
            db.insert("c", {"i": 1})
            monkeypatch.setattr(kind, name, failing)
            with pytest.raises(MemoryError):
                db.insert("c", {"i": 2})
            db.insert("c", {"i": 3})
    except UnosqlError:
        wanted = [0]
    else:
        wanted = [0, 1, 3]
    for _ in range(2):
        assert db.verify() == [] and [r["i"] for r in db.iterate("c")] == wanted
        assert [db.find("c", "i", i) != [] for i in range(4)] == [i in wanted for i in range(4)]
        db.close()
        db = opened(medium)


def test_a_share_of_the_heaps(request):
    wanted = request.config.getoption("--target")
    if wanted and "unix32" not in wanted:
        pytest.skip("needs MicroPython's 32-bit unix port: --target unix32")
    try:
        binary = memory.binary()
    except Failure as error:
        pytest.skip(str(error))
    total = memory.sweep(binary, range(memory.FIRST, memory.LAST, 4 * memory.STEP))
    assert total["not started"] and total["errors"] > 2 and total["whole"] > 2 and total["records"] > 500
