"""Text that is not Unicode: earlier versions stored it, and files may have it. It is read with U+FFFD, and named."""
import json

from . import engine  # noqa: F401
from .terminal import ranges, say, shown
from unosql.documents import keys, text
from unosql.documents.index import is_odd
from unosql.documents.record import header


class Remarks:
    """Which records have such text."""

    def __init__(self):
        self._ids = {}  # by the collection's name
        self._names = set()

    def look(self, collection, id, raw):
        """Note a stored record if it has. collection: its name."""
        if is_odd(raw) and _is_lossy(raw[header(raw)[3] :]):
            self._ids.setdefault(collection, set()).add(id)

    def look_at_name(self, collection):
        """Note a Collection if its name is such a text."""
        if "\ufffd" in collection.name and not text.is_sound(keys.collection(collection.name)):
            self._names.add(collection.name)

    def looked(self, collection):
        """Yield (id, raw) of a Collection's records, and note those."""
        self.look_at_name(collection)
        for id, raw in collection.scan():
            self.look(collection.name, id, raw)
            yield id, raw

    def found(self, collection, records):
        """Yield the records of a search, and note those."""
        for record in records:
            if "\ufffd" in json.dumps(record, ensure_ascii=False):
                self.look(collection.name, record["id"], collection.raw(record["id"]))
            yield record

    def tell(self):
        """Print a remark for each collection."""
        for name in sorted(self._names):
            say("remark: the name of collection %s is not Unicode; U+FFFD stands before what is none, in hex" % shown(name))
        for name, ids in sorted(self._ids.items()):
            say("remark: %s: %d records have text that is not Unicode, U+FFFD is in its place: ids %s" % (
                shown(name), len(ids), ranges(ids)))


def mended(value):
    """Return (a JSON value as Unicode, whether anything was replaced): halves of surrogate pairs are U+FFFD."""
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if text.is_sound(data):
        return value, False
    return json.loads(text.mended(data)), _is_lossy(data)


def _is_lossy(data):
    """Whether text.mended() replaces anything, rather than only joining pairs."""
    return text.mended(data).count(text.REPLACEMENT) > data.count(text.REPLACEMENT)


def decoded(data):
    """Return (bytes as a str, whether anything was replaced)."""
    try:
        return data.decode(), False
    except UnicodeDecodeError:
        return text.mended(data).decode(), _is_lossy(data)
