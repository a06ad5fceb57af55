"""unosql as a subject."""


class Subject:
    def __init__(self, key, storage):
        from unosql.core import Unosql

        if storage == "flash":
            storage = __import__("blockfile").BlockFile("flash.img")
        else:
            storage = None
        self._db = Unosql("bench", key, 1000, "NONE", storage=storage, memtable=self.memtable, durability=self.durability)

    memtable = None
    durability = "sync"

    def create(self):
        self._db.create_index("log", "tag")

    def insert(self, fields):
        self._db.insert("log", fields)

    def get(self, id):
        return self._db.get("log", id)

    def find(self, tag):
        return self._db.find_one("log", "tag", tag)

    def update(self, id, changes):
        self._db.update("log", {"id": id}, changes)

    def delete(self, id):
        self._db.delete("log", {"id": id})

    def scan(self):
        return self._db.iterate("log")

    def close(self):
        self._db.close()
