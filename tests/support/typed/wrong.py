"""Mistakes, each of which a type checker has to find: the lines that end with a mark."""
from unosql import Unosql, jsonl
from unosql.core import UniqueError

db = Unosql("a", 5)  # wrong
Unosql("a", log_level="LOUD")  # wrong
Unosql("a", durability="never")  # wrong
Unosql("a", storage="/data")  # wrong
db.insert("users", [1])  # wrong
db.insert({"name": "x"})  # wrong
db.update("users", "id", 1, incr={"n": 1})  # wrong
db.find("users", order=1)  # wrong
name: str = db.get("users", 1)["name"]  # wrong
number: int = db.verify()  # wrong
db.create_index("users", 5)  # wrong
db.history("users")  # wrong
db.remove("users")  # wrong
jsonl.dump(db, "users", "users.jsonl")  # wrong
jsonl.load(db, "users", 5)  # wrong


def reason(error: UniqueError) -> str:
    return error.id  # wrong
