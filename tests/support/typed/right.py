"""A program that type checkers have nothing against."""
import unosql
import unosql.core
import unosql_board
import uzlib
from unosql import Unosql, jsonl
from unosql.core import BusyError, ConflictError, CorruptionError, StorageFullError, UniqueError, WrongKeyError
from unosql.errors import UnosqlError
from unosql.files import Files as OlderFiles
from unosql.storage import Files, Flash


def store(db: Unosql) -> int:
    id = db.insert("users", {"name": "Arman", "home": {"city": "Yerevan"}})
    db.insert_many("log", ({"t": i} for i in range(3)))
    with db.transaction():
        db.update("users", "id", id, {"home.city": "Lyon"}, inc={"visits": 1}, push={"last": 2.5}, keep={"last": 3})
        db.upsert("settings", {"name": "volume"}, {"value": 7})
    record = db.get("users", id)
    if record is not None:
        record["seen"] = True
    return db.count("users", {"home.city": "Lyon"})


def read(db: Unosql) -> list[str]:
    names = [str(user["name"]) for user in db.find("users", {"age": {"gte": 18}}, order_by=["-age", "name"], limit=3, fields=["name"])]
    for user in db.iterate("users", skip=2):
        names.append(user["name"])
    first = db.find_one("users", "name", "Arman", order_by="-id")
    if first is not None:
        names.append(first["name"])
    for row in db.aggregate("log", group_by="sensor", bucket=("t", 3600), avg="celsius"):
        names.append(str(row["avg_celsius"]))
    stats = db.get_stats()
    return names + [str(stats["free"]), *db.verify(), *db.collections()]


def keep(db: Unosql) -> None:
    since = db.last_change()
    db.backup("a.bak")
    db.incremental_backup("b.bak", since_change=since)
    print(db.restore("a.bak"), [change["id"] for change in db.changes(since, limit=5)])
    db.configure("log", capped=100, ttl=3600)
    db.create_index("users", ["city", "age"], unique=True, where={"age": {"exists": True}})
    db.rekey("a passphrase")
    db.post("log", {"t": 1})
    with open("a.jsonl", "wb") as target, open("b.jsonl", "rb") as source, open("c.jsonl") as text:
        print(jsonl.dump(db, "users", target, {"age": 5}, order_by="-age") + jsonl.load(db, "users", source, keep_ids=True))
        jsonl.load(db, "users", text)


def main() -> None:
    unosql.core.LOCK_TIMEOUT = 10000
    try:
        with Unosql("a", b"0123456789abcdef", log_level="NONE", durability="batch", path="/data") as db:
            print(store(db), read(db))
            keep(db)
    except WrongKeyError:
        raise SystemExit(1)
    except CorruptionError as error:
        print(error.where + error.why, 0 if error.offset is None else error.offset + 1)
    except UniqueError as error:
        print(error.index[0].upper(), error.id + 1)
    except ConflictError as error:
        print(error.id + error.version)
    except (BusyError, StorageFullError, UnosqlError, OSError) as error:
        print(error)
    partition = unosql_board.partition()
    if partition is not None:
        Unosql("b", storage=Flash(partition, "b")).close()
        Unosql("b", storage=partition).close()
        print(unosql.selftest(storage=partition))
    print(unosql.selftest(path="/"), unosql.__version__.split("."), unosql_board.BUILD.upper())
    Unosql("c", storage=Files("/data/c.udb")).close()
    Unosql("d", storage=OlderFiles("/data/d.udb", slots=16)).close()
    print(Unosql.destroy("c", path="/data"), uzlib.decompress(uzlib.compress(b"x", -10), -10) + b"")
