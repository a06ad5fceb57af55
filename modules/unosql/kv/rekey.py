"""Rewriting the whole store under another key, published by one manifest record."""

from .compaction import Output, placed
from .header import create
from .merge import Merging, fed
from .version import Version


def rewriting(store, password, iterations):
    """Generator: rewrite every segment, yields at each block. password: bytes or None (plain). The memtable must be flushed.

    The new segments lie beside the old ones until one manifest record, under the new key, names them: a cut before
    that leaves the old key, a cut after it the new one (invariant 1). Needs as much free flash as the data takes.
    """
    old = list(store.version.segments())
    header, envelope = create(password, iterations)
    reader = store.segments.unlock(envelope, store.policy.cache)
    rewritten, segments = _rewritten(store), []
    try:
        for segment in rewritten:
            if segment:
                segments.append(segment)
            yield
        version = Version(store.version.wal, placed(segments))
    except BaseException:
        rewritten.close()
        store.segments.reader = reader
        store.suspect()
        raise
    store.suspect()  # until all has the new key
    store.manifest.adopt(header, envelope)
    store.wal.adopt(envelope)
    store.install(version, old)
    store.install(version)  # the other slot still has the old header
    store.wal.log.scrub()
    store.trust()
    reader.forget()  # it gives its buffers back


def _rewritten(store):
    """Yield the new segments, and None at each block."""
    # segments keep the reader they were opened with: the scan reads the old key, the output gets the new
    space = store.segments.space
    space.free()
    out = Output(store, space.segment)
    try:
        merging, due = Merging([fed(store.scan(b""))]), False
        while due is not None:
            due = out.pour(merging)
            yield store.segments.open(out.finish()) if due else None
    except BaseException:
        out.abort()
        raise
    number = out.finish()
    if number is not None:
        yield store.segments.open(number)
