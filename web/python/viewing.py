"""What the page of `unosql browse` asks for, answered in the browser, over a copy of a database. On a PC browsing.py does that.

An answer is made in steps, each some hundred records: between them the page can be told how far it is, and garbage is collected.
"""
import json

from unosql.documents import restore
from unosql.documents.steps import finish
from unosql.documents.catalog import Catalog
from unosql.documents.condition import compile, lookup
from unosql.documents.ordering import complement, encode
from unosql.documents.query import walk
from unosql.documents.record import unpack
from unosql.errors import WrongKeyError
from unosql.kv.store import Store
from unosql.storage.files import Files
from unosql.storage.flash import Flash
from unosql_board import partition

_STEP = 300  # records
_MEMTABLE = 32768  # no board takes larger records
_RESULTS = 4  # searches whose ids are kept
_WHOLE = 1 << 62  # of a text, rather than its first bytes
_shown = None
_steps = None


class Shown:
    """A database open for reading: what the engine writes stays in this copy. Nothing has expired: the board's clock is not here."""

    def __init__(self, storage, key):
        self.catalog = Catalog(clock=lambda: 0)
        self.catalog.store = Store(storage, self.catalog, _MEMTABLE)
        self.catalog.store.open(key)
        self._results = {}

    def collection(self, name):
        found = self.catalog.collection(name)
        if not found.number:
            raise ValueError("no collection %s" % name)
        return found

    def summary(self):
        yield
        return [{"name": one.name, "records": one.count} for one in self.catalog.collections()]

    def structure(self):
        yield
        stats, levels = self.catalog.store.stats(), self.catalog.store.version.levels
        return {
            "change": self.catalog.change, "bytes": stats["bytes"], "wal": stats["wal"],
            "levels": [[{"number": s.number, "bytes": s.size, "partly merged": s.floor is not None} for s in level] for level in levels],
            "collections": [{"name": one.name, "records": one.count, "next id": one.next, "options": one.options, "indexes": [
                {"keys": index["keys"], "unique": index["unique"], "where": index["where"]} for index in one.definitions]}
                for one in self.catalog.collections()],
        }

    def records(self, collection, where, text, order, skip, limit):
        """{"total", "rows"}. where: a condition or None. text: lower case, to be found in a record, or None. order: fields."""
        found = self.collection(collection)
        if not where and not text and order in ([], ["id"], ["-id"]) and found.is_dense:
            yield
            return {"total": found.count, "rows": self._by_place(found, order == ["-id"], skip, limit)}
        ids = yield from self._ids(found, where, text, order)
        return {"total": len(ids), "rows": [found.get(id) for id in ids[skip : skip + limit]]}

    def _by_place(self, found, backwards, skip, limit):
        lo, hi = found.first + skip, found.first + skip + limit
        if backwards:
            lo, hi = max(found.next - skip - limit, found.first), found.next - skip
        return [unpack(raw, id) for id, raw in found.scan(lo, hi, backwards)]

    def _ids(self, found, where, text, order):
        """Steps: the ids of what is asked for; the last few results are kept."""
        asked = json.dumps([found.name, where, text, order])
        if asked not in self._results:
            ids = []
            for record in self._walk(found, where):
                if record is None:
                    yield
                elif not text or text in json.dumps(record).lower():
                    ids.append((_place(record, order), record["id"]) if order else record["id"])
            if order:  # RAM is no matter here, as it is to the engine, which reads all records again and again
                ids.sort()
                ids = [id for _, id in ids]
            while len(self._results) >= _RESULTS:
                del self._results[list(self._results)[0]]
            self._results[asked] = ids
        return self._results[asked]

    def _walk(self, found, where):
        """Yield records, and None once in a while."""
        n = 0
        for record in walk(found, compile(where)):
            if record is not ...:
                yield record
            n += 1
            if n % _STEP == 0:
                yield None

    def history(self, collection, id):
        yield
        return self.collection(collection).history(id)

    def chart(self, collection, x, y, by, where, text):
        """[{"label", "x", "y"}] in the order of the records."""
        found, lines = self.collection(collection), {}
        ids = None
        if text:
            ids = yield from self._ids(found, where, text, [])
        for record in ((found.get(id) for id in ids) if ids is not None else self._walk(found, where)):
            if record is None:
                yield
                continue
            for field in y:
                self._point(lines, record, x, field, by, len(y) > 1)
        return [{"label": label, "x": line[0], "y": line[1]} for label, line in sorted(lines.items())]

    def _point(self, lines, record, x, field, by, several):
        at, value = lookup(record, x), lookup(record, field)
        if not _is_number(at) or not _is_number(value):
            return
        parts = [field] if several or not by else []
        if by:
            parts.append(str(lookup(record, by)))
        line = lines.setdefault(" ".join(parts), ([], []))
        line[0].append(at)
        line[1].append(value)

    def table(self, collection, where, text, order, skip):
        """Some rows from there on, for an export."""
        found = self.collection(collection)
        ids = yield from self._ids(found, where, text, order)
        return [found.get(id) for id in ids[skip : skip + 1000]]


def _place(record, order):
    """Bytes that sort as records do in an order: fields, with "-" for the other way round."""
    parts = []
    for name in order:
        encoded = encode(lookup(record, name[1:] if name[0] == "-" else name), _WHOLE)
        parts.append(complement(encoded) if name[0] == "-" else encoded)
    return b"".join(parts)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _open(kind, number, key):
    """Steps. kind: "flash", "files" (in view.udb) or "backup" (in view.bak). number: the database's on raw flash."""
    global _shown
    yield
    password = bytes(key) if key else None
    if kind == "flash":
        storage = Flash(partition(), "%08x" % number)
        storage._blocks._database = number  # blocks do not tell names, and nothing else depends on them
    else:
        storage = Files("/flash/view.udb") if kind == "files" else Flash(partition(), "view")
    if kind != "backup":
        _shown = Shown(storage, password)
        return None
    _shown = Shown(storage, None)
    return finish(restore.restoring(_shown.catalog, "/flash/view.bak", password))


def begin(call, arguments):
    """Start an answer. arguments: JSON of a dict."""
    global _steps
    arguments = json.loads(arguments)
    _steps = _open(**arguments) if call == "open" else getattr(_shown, call)(**arguments)


def step():
    """Go on; JSON of {"value"} when it is done, of {"error", "kind"} when it failed, else of {}."""
    try:
        next(_steps)
        return "{}"
    except StopIteration as end:
        return json.dumps({"value": end.value})
    except WrongKeyError as error:
        return json.dumps({"error": str(error), "kind": "WrongKeyError"})
    except Exception as error:
        return json.dumps({"error": str(error) or type(error).__name__, "kind": type(error).__name__})
