"""unosql in one page: run it on a board with `mpremote run examples/quickstart.py`."""
from unosql.core import Unosql, WrongKeyError

# A database lives in the board's own flash partition where there is one, else in
# the filesystem. With a key all of it is encrypted and authenticated.
KEY = b"16bytekey1234567"
db = Unosql("quickstart", encryption_key=KEY, iterations=1000)
db.clear("users")  # so that this example can run again

print("-- insert: durable when the call returns")
for name, city, age in (("Arman", "Yerevan", 29), ("Bea", "Lyon", 34), ("Chidi", "Lyon", 41)):
    print("id", db.insert("users", {"name": name, "city": city, "age": age}))
print("count", db.count("users"))

print("-- indexes: one field or several")
db.create_index("users", "name")
db.create_index("users", ["city", "age"])
print(db.find("users", "name", "Bea")[0]["age"])
print(db.find("users", ["city", "age"], ["Lyon", 41])[0]["name"])
print("plan:", db.explain("users", "name", "Bea")["plan"])

print("-- queries: operators, order, limit")
for user in db.iterate("users", {"age": {"gte": 30}}, order_by="-age", limit=2):
    print(user["name"], user["age"])

print("-- update, delete, history")
db.update("users", "name", "Arman", {"age": 30})
arman = db.find_one("users", "name", "Arman")
print("version", arman["version"], "ages", [old["age"] for old in db.history("users", arman["id"])])
print("deleted", db.delete("users", "name", "Chidi"))
print([user["name"] for user in db.all("users")])
db.close()

print("-- the wrong key is an error, never an empty database")
try:
    Unosql("quickstart", encryption_key=b"not the same key", iterations=1000)
except WrongKeyError as error:
    print("WrongKeyError:", error)

with Unosql("quickstart", encryption_key=KEY) as db:
    print("with the right key:", db.count("users"), "users")
