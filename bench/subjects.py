"""What is compared: unosql, and two ways of keeping JSON in a file that need no library.

Each subject has  open()  insert(fields)  get(id)  find(tag)  update(id, changes)  delete(id)  scan() -> generator
close(), every change durable on return, and keeps records numbered from 1.
"""
import json

from media import LittleFs
from unosql.core import Unosql
from unosql.storage.files import Files
from unosql.storage.flash import Flash
from unosql.kv.memory import free_caches

from .records import line

COLLECTION = "log"
KEY = b"1234567890abcdef"


class Database:
    """unosql. medium: "littlefs" or "flash". key: bytes or None. indexed: with an index on the tag."""

    def __init__(self, device, medium, key=None, indexed=False, memtable=4096):
        self._storage = Flash(device, "bench") if medium == "flash" else Files("bench.udb", fs=LittleFs(device))
        self._options = {"encryption_key": key, "iterations": 1000, "log_level": "NONE", "memtable": memtable}
        self._indexed = indexed

    def open(self):
        self._db = Unosql("bench", storage=self._storage, **self._options)
        self.store = self._db._database._store

    def create(self):
        """The collection, empty."""
        if self._indexed:
            self._db.create_index(COLLECTION, "tag")

    def close(self):
        self._db.close()

    def insert(self, fields):
        self._db.insert(COLLECTION, fields)

    def get(self, id):
        return self._db.get(COLLECTION, id)

    def find(self, tag):
        return self._db.find(COLLECTION, "tag", tag)

    def update(self, id, changes):
        return self._db.update(COLLECTION, {"id": id}, changes)

    def delete(self, id):
        return self._db.delete(COLLECTION, {"id": id})

    def scan(self):
        return self._db.iterate(COLLECTION)

    @property
    def block_reads(self):
        return self.store.segments.reader.reads

    def forget(self):
        """Drop the cached blocks: the next lookup is a cold one."""
        free_caches(self.store)

    def stored(self):
        """Bytes of its segments."""
        return self._db.get_stats()["bytes"]


class _File:
    """A peer: one file on littlefs."""

    path = "bench.json"

    def __init__(self, device):
        self._fs = LittleFs(device)

    def close(self):
        pass

    def create(self):
        with self._fs.open(self.path, "wb"):
            pass

    def find(self, tag):
        return [fields for fields in self.scan() if fields["tag"] == tag]

    def get(self, id):
        return next((fields for fields in self.scan() if fields["id"] == id), None)

    def update(self, id, changes):
        self._rewrite(fields if fields["id"] != id else dict(fields, **changes) for fields in self.scan())

    def delete(self, id):
        self._rewrite(fields for fields in self.scan() if fields["id"] != id)

    def stored(self):
        return self._fs.stat(self.path)[6]


class JsonLines(_File):
    """A line of JSON a record, appended and synced. Anything but an insert goes through the whole file."""

    def open(self):
        """The next id: from the last line."""
        try:
            size = self.stored()
            with self._fs.open(self.path, "rb") as file:
                file.seek(max(0, size - 256))
                lines = file.read().splitlines()
        except OSError:
            lines = []
        self._next = json.loads(lines[-1])["id"] + 1 if lines else 1

    def insert(self, fields):
        with self._fs.open(self.path, "ab") as file:
            file.write(self._line(dict(fields, id=self._next)))
        self._next += 1

    def _line(self, fields):
        return line(fields).encode() + b"\n"

    def scan(self):
        rest = b""
        with self._fs.open(self.path, "rb") as file:
            while part := file.read(256):
                *lines, rest = (rest + part).split(b"\n")
                yield from map(json.loads, lines)

    def _rewrite(self, records):
        data = b"".join(map(self._line, records))
        with self._fs.open(self.path, "wb") as file:
            file.write(data)

    def fill(self, records):
        """Put them there without counting what each insert costs."""
        self._rewrite(dict(fields, id=i) for i, fields in enumerate(records, 1))


class WholeFile(_File):
    """The seed's manner: the collection is one JSON list, read whole when opened, kept in RAM, written whole at each change."""

    def open(self):
        try:
            with self._fs.open(self.path, "rb") as file:
                self._records = json.loads(file.read() or b"[]")
        except OSError:
            self._records = []

    def scan(self):
        return iter(self._records)

    def insert(self, fields):
        self._records.append(dict(fields, id=self._records[-1]["id"] + 1 if self._records else 1))
        self._save()

    def _rewrite(self, records):
        self._records = list(records)
        self._save()

    def _save(self):
        with self._fs.open(self.path, "wb") as file:
            file.write(line(self._records).encode())

    def fill(self, records):
        """Put them there without counting what each insert costs."""
        self._rewrite(dict(fields, id=i) for i, fields in enumerate(records, 1))


PEERS = {"JSON lines": JsonLines, "JSON file": WholeFile}
