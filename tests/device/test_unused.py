"""What a program does not use takes no RAM: it is not imported, and in images an import makes nothing on the heap."""
import gc
import sys

import unosql
from runner import Skip, fresh, same

MODES = ("files",)
# Of these each program may use some.
SELDOM = ("aio", "broker", "checks", "courier", "documents.aggregate", "documents.incoming", "documents.outgoing", "documents.peers",
          "documents.schema", "jsonl", "mqtt", "names", "parcel", "sync")
OFTEN = ("core", "database", "documents.backup", "documents.edits", "documents.many", "documents.queue", "documents.restore", "documents.verify",
         "documents.transaction", "kv.compaction", "kv.rekey", "kv.sealed", "storage.flash", "posts", "destroy")


def at_work():
    db = fresh()
    db.create_index("c", "n")
    db.insert_many("c", ({"n": n} for n in range(30)))
    db.update("c", "n", 3, inc={"x": 1})
    db.delete("c", "n", 7)
    with db.transaction():
        db.insert("c", {"n": 99})
    same([r["n"] for r in db.find("c", {"n": {"gt": 27}}, order_by="-n")], [99, 29, 28])
    same(len(list(db.changes())), 31)
    return db


def test_what_is_seldom_used_is_not_imported():
    at_work().close()
    same([name for name in SELDOM if "unosql." + name in sys.modules] + [name for name in ("asyncio", "ssl") if name in sys.modules], [])


def test_importing_takes_nothing():
    db = at_work()
    if hasattr(unosql, "__file__"):
        raise Skip("needs an image with unosql in it")
    taken = {}
    for name in OFTEN + SELDOM:
        gc.collect()
        before = gc.mem_alloc()
        try:
            __import__("unosql." + name)
        except ImportError:
            continue  # an image of a small board
        gc.collect()
        taken[name] = gc.mem_alloc() - before
    same([(name, n) for name, n in taken.items() if n > 0], [])
    assert len(taken) > 20, taken
    db.close()
