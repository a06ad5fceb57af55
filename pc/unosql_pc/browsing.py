"""What `unosql browse` shows: databases held open for reading, and answers about them as JSON values.

The engine is for one thread at a time: each Shown has a lock. What is read stays in memory; nothing reaches the source.
"""
import contextlib
import json
import re
import threading

from . import database, images, inspecting, messages, plotting, summing, writing
from .querying import parse
from .terminal import Failure
from unosql.documents.condition import compile, matches
from unosql.documents.query import search
from unosql.documents.record import unpack

MOST = 500  # records of a page
POINTS = 2000  # of a line in a chart
RESULTS = 8  # searches whose ids are kept
_SIMPLE = re.compile(r"\s*([\w.\- ]*[\w.\-])\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*")
_TESTS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "~": "contains"}


class Shown:
    """A database that is shown. source: open_path.Source. key: bytes or None. times: Times."""

    def __init__(self, source, key, times):
        self._source, self._times = source, times
        self._open = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._catalog, self._loaded, self._results = None, {}, {}
        self._facts = inspecting.sealing(source)
        self._key = key if self._facts.get("encrypted") else None
        if self._facts.get("encrypted") and key is None:
            raise Failure("%s is encrypted; give the key: --key, --passphrase or $UNOSQL_KEY" % source.label)
        self._catalog = self._open.enter_context(database.reading(source, self._key))

    def close(self):
        self._open.close()

    # -- answers

    def summary(self):
        """Name, kind and collections."""
        with self._lock:
            found = [{"name": c.name, "records": c.count} for c in self._catalog.collections()]
        return {"name": self._source.name, "label": self._source.label, "kind": self._source.kind, "collections": found}

    def structure(self):
        """What is stored where: facts, levels, files, erase blocks, collections with their indexes."""
        with self._lock:
            facts = inspecting.describe(self._source, self._key)
        if self._source.kind == "flash":
            facts["flash"] = wear(self._source)
        return facts

    def page(self, name, where="", order="", skip=0, limit=50):
        """{"total", "skip", "rows", "columns"} of a collection. where: what is typed as a filter. order: "a,-b"."""
        with self._lock:
            collection = database.collection(self._catalog, name)
            skip, limit = max(0, skip), min(max(1, limit), MOST)
            records, total = self._page(collection, where.strip(), order, skip, limit)
            rows = [self._times.record(record) for record in records]
        return {"total": total, "skip": skip, "rows": rows, "columns": writing.columns_of(rows)}

    def history(self, name, id):
        """The versions of a record, the newest first."""
        with self._lock:
            return [self._times.record(r) for r in database.collection(self._catalog, name).history(id)]

    def chart(self, name, x, y, by="", where=""):
        """{"time": whether x is one, "zone": to show it in, "lines": [{"label", "x", "y"}]}: x as seconds since 1970 then, thinned."""
        with self._lock:
            records = self._found(database.collection(self._catalog, name), where.strip(), "")
            lines = plotting.series(iter(records), [x, *y.split(",")], by or None, self._times)
        is_time = any(hasattr(points[0][0], "timestamp") for points in lines.values())
        lines = [_line(label, plotting.thinned(points, POINTS)) for label, points in lines.items()]
        return {"time": is_time, "zone": self._times.zone_name, "lines": lines}

    def table(self, name, where="", order=""):
        """A writing.Table of what a filter finds."""
        with self._lock:
            records = self._found(database.collection(self._catalog, name), where.strip(), order)
            return writing.Table(name, [self._times.record(r) for r in records], () if self._times.raw else self._times.fields)

    # -- finding

    def _page(self, collection, where, order, skip, limit):
        """(records, how many there are in all). By id without a filter only the page is read."""
        if not where and order in ("", "id", "-id") and collection.is_dense:
            first, end = collection.first, collection.next
            lo, hi = (first + skip, first + skip + limit) if order != "-id" else (end - skip - limit, end - skip)
            rows = collection.scan(max(lo, first), max(min(hi, end), first), order == "-id")
            return [unpack(raw, id) for id, raw in rows], collection.count
        records = self._found(collection, where, order)
        return records[skip : skip + limit], len(records)

    def _found(self, collection, where, order):
        """The records that a filter finds, in order; the last few results are kept."""
        asked = collection.name, where, order
        if asked not in self._results:
            found = self._search(collection, where, [part for part in order.split(",") if part])
            while len(self._results) >= RESULTS:
                del self._results[next(iter(self._results))]
            self._results[asked] = found
        return self._results[asked]

    def _search(self, collection, where, order):
        condition, text = filter_of(where)
        tests = compile(self._times.settled(collection).condition(condition))
        if collection.name not in self._loaded and condition and any(index.serves(tests) for index in collection.indexes()):
            return self._sorted(list(search(collection, tests)), order)
        records = self._all(collection)
        if condition:
            records = [record for record in records if matches(tests, record)]
        if text:
            records = [r for r in records if text in json.dumps(r, ensure_ascii=False).lower()]
        return self._sorted(records, order)

    def _all(self, collection):
        if collection.name not in self._loaded:
            self._loaded[collection.name] = [unpack(raw, id) for id, raw in collection.scan()]
        return self._loaded[collection.name]

    def _sorted(self, records, order):
        return summing.ordered(list(records), order) if order else records


def filter_of(text):
    """(a condition or None, text to look for or None): JSON, "age > 18 and city = Lyon", or any words."""
    if not text:
        return None, None
    if text.startswith("{"):
        return parse(text), None
    tests = [_SIMPLE.fullmatch(part) for part in re.split(r"\s+and\s+", text)]
    if not all(tests):
        return None, text.lower()
    return {"and": [{test[1]: {_TESTS[test[2]]: _typed(test[3])}} for test in tests]}, None


def _typed(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _line(label, points):
    xs = [x.timestamp() if hasattr(x, "timestamp") else x for x, _ in points]
    return {"label": label, "x": xs, "y": [y for _, y in points]}


def wear(source):
    """Of raw flash: how many erase blocks there are, and of this and other databases; how often blocks were taken."""
    found = list(images.blocks(source.data))
    mine = [block for block in found if block.database == source.database]
    total = len(source.data) // images.ERASE
    taken = max((block.counter for block in found), default=0)
    return {"erase blocks": total, "live": sum(block.live for block in mine), "freed": sum(not block.live for block in mine),
            "of other databases": len(found) - len(mine), "never taken, or something else": total - len(found),
            "blocks taken since it was blank": taken, "times each, on average": round(taken / total, 2) if total else 0,
            "map": _map(found, source.database, total)}


def _map(found, number, total):
    """A letter for each erase block: s, w, m: live; -: freed; o: of another database; .: the rest."""
    cells = ["."] * total
    for block in found:
        cells[block.at // images.ERASE] = "o" if block.database != number else block.kind if block.live else "-"
    return "".join(cells)


def line_of(error):
    """An error for the page."""
    return messages.line_of(error)
