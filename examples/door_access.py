"""A door: who may pass, and a record of every try, allowed or not, that no power cut loses or tears from its effect."""
import time

from unosql import Unosql


def open_door():
    db = Unosql("door_access", "a passphrase", 1000)
    db.create_collection("cards", schema={
        "card": {"type": "str", "required": True}, "name": {"type": "str", "required": True}, "doors": {"type": "list", "required": True},
    })
    db.create_collection("audit", capped=1000, schema={"card": "str", "door": "str", "ok": {"type": "bool", "required": True}})
    db.create_index("cards", "card", unique=True)
    db.create_index("audit", ["card", "ok"])
    return db


def try_door(db, card, door):
    """Whether a card opens a door. The count of its uses and the audit's record are written together, or neither."""
    allowed = db.find_one("cards", {"card": card, "doors": {"contains": door}}) is not None
    with db.transaction():
        db.insert("audit", {"card": card, "door": door, "ok": allowed, "at": int(time.time())})
        if allowed:
            db.update("cards", "card", card, inc={"uses": 1}, push={"last": door}, keep={"last": 3})
    return allowed


db = open_door()
db.insert("cards", {"card": "04a2", "name": "Ada", "doors": ["front", "lab"]})
db.insert("cards", {"card": "09ff", "name": "Bob", "doors": ["front"]})
tries = [("04a2", "lab"), ("09ff", "lab"), ("09ff", "front"), ("dead", "front"), ("04a2", "front"), ("09ff", "lab")]
print([try_door(db, card, door) for card, door in tries])
refused = {row["card"]: row["count"] for row in db.aggregate("audit", "ok", False, group_by="card", count=True)}
print("refused:", refused, "doors tried:", list(db.distinct("audit", "door")))
assert refused == {"09ff": 2, "dead": 1} and db.find_one("cards", "card", "04a2")["uses"] == 2
db.update("cards", "card", "09ff", pull={"doors": "front"})  # Bob has left
assert not try_door(db, "09ff", "front") and db.count("audit") == 7
assert [old["doors"] for old in db.history("cards", 2)][:2] == [[], ["front"]]
db.close()
Unosql.destroy("door_access")
