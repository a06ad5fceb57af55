"""`unosql export`: collections to a file."""
from . import database, kept, odd, writing
from .terminal import Failure, counted, say, shown
from .times import Times
from unosql.documents.record import unpack


def run(source, key, form, out, name=None, keep_ids=False, times=None):
    """Write collections to a new file. form: one of writing.FORMS, or None: the file's name tells. name: only this collection.

    keep_ids: JSON lines tell of collections, too. times: Times.
    """
    form = form or writing.form_of(out)
    if keep_ids and form != "jsonl":
        raise Failure("--keep-ids is for --format jsonl; other formats have the ids, and no place for what it adds")
    with database.reading(source, key) as catalog:
        chosen = [database.collection(catalog, name)] if name else list(catalog.collections())
        remarks = odd.Remarks()
        rows = [Rows(collection, remarks, times or Times(), keep_ids) for collection in chosen]
        total = writing.write(form, out, rows, name is None)
    remarks.tell()
    say("%d records written to %s" % (total, shown(out)))
    return 0


class Rows(writing.Table):
    """The records of a collection under a progress bar. remarks: gets those with odd text."""

    def __init__(self, collection, remarks, times, keep_ids=False):
        super().__init__(collection.name, None, () if times.raw else times.fields)
        self.state = kept.state(collection) if keep_ids else None
        self._collection, self._remarks, self._shown = collection, remarks, times

    def __iter__(self):
        rows = (self._shown.record(unpack(raw, id)) for id, raw in self._remarks.looked(self._collection))
        return iter(counted(rows, shown(self.name), self._collection.count))
