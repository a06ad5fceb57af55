"""Rewriting the whole store under another key, published by one manifest record."""

from .compaction import Output, placed
from .header import create
from .reader import Reader


def rekey(store, password, iterations):
    """Rewrite every segment. password: bytes or None (plain). The memtable must be flushed.

    The new segments lie beside the old ones until one manifest record, under the new key, names them: a cut before
    that leaves the old key, a cut after it the new one (invariant 1). Needs as much free flash as the data takes.
    """
    old = [segment.number for segment in store.manifest.segments()]
    header, envelope = create(password, iterations)
    reader = store.reader
    store.reader = Reader(store.storage, envelope, reader.limit, reader.buffers)
    try:
        levels = placed(list(_rewritten(store)))
    except BaseException:
        store.reader = reader
        store.invalidate()
        raise
    store.invalidate()  # until _adopt() is through
    store.manifest.levels = levels
    _adopt(store, header, envelope, old)
    reader.forget()  # it gives its buffers back


def _adopt(store, header, envelope, old):
    """Publish the manifest under the new key, and remove the files under the old one (numbers)."""
    store.slots.adopt(header, envelope)
    store.wal.adopt(envelope)
    store.doomed += old
    store.publish()
    store.publish()  # the other slot still has the old header
    store.invalidate()
    store.log.scrub()
    store.broken = False


def _rewritten(store):
    # segments keep the reader they were opened with: the scan reads the old key, the output gets the new
    store.space.free()
    out = Output(store, store.space.segment)
    try:
        for key, value in store.scan(b""):
            if out.due(key):
                yield store.open_segment(out.finish())
            out.add(key, value)
    except BaseException:
        out.abort()
        raise
    number = out.finish()
    if number is not None:
        yield store.open_segment(number)
