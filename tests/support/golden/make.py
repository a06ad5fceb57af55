"""Makes the golden images of the format version at hand: python tests/support/golden/make.py

Never for a version that was released: those images show that what users have stays readable.
"""
import json
import shutil
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent
sys.path.insert(0, str(GOLDEN.parent))

import here  # noqa: E402, F401
import reader  # noqa: E402
from unosql.core import Unosql  # noqa: E402
from unosql.kv.header import VERSION  # noqa: E402

KEY = b"sixteen byte key"


def fill(db):
    """A little of everything: indexes, versions, deletions, a capped collection, some of it in the WAL only."""
    db.create_index("users", "name", unique=True)
    db.create_index("users", ["city", "age"])
    for i in range(60):
        city = ("Oslo", "Zürich", "東京")[i % 3]
        db.insert("users", {"name": "user%d" % i, "city": city, "age": 20 + i % 50, "tags": ["a", None, {"x": i / 8}]})
    db.update("users", {"age": {"lt": 30}}, {"young": True})
    db.delete("users", {"age": {"gte": 60}})
    db.configure("log", capped=10)
    for i in range(25):
        db.insert("log", {"n": -i, "v": 1.5 ** i, "text": "line " * i})
    db.compact()
    db.insert("users", {"name": "last", "city": "", "age": None})
    db.delete("users", "name", "user3")


def make(name, key):
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    with Unosql("golden", key, 1000, path=str(GOLDEN), memtable=2048) as db:
        fill(db)
        records = {collection: db.all(collection) for collection in db.collections()}
    (GOLDEN / "golden.udb").rename(folder)
    for path in [*GOLDEN.glob("golden*"), folder / "lock"]:
        path.unlink(missing_ok=True)
    found = list(reader.Database.open(folder, key).documents())
    assert {c: [r for name, r in found if name == c] for c in records} == records
    with open(folder / "records.jsonl", "w") as out:
        for collection, record in found:
            out.write(json.dumps({"collection": collection, "record": record}, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    make("v%d-plain" % VERSION, None)
    make("v%d-encrypted" % VERSION, KEY)
