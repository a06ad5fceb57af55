"""JSON lines: a record a line, out of a database and into one, through files, sockets and other streams, in bounded RAM.

    from unosql import jsonl

    with open("readings.jsonl", "wb") as file:
        jsonl.dump(db, "readings", file)
    with open("readings.jsonl", "rb") as file:
        jsonl.load(db, "copies", file)

A line is a record as get() returns it, with its id, timestamp (seconds since the port's epoch) and version. On a PC `unosql import`
reads such lines, and `unosql export --collection readings --format jsonl --raw-times` writes them.

The ESP8266's image lacks it, for want of room.
"""

import json

from .core import database_of
from .documents.record import META, check, dumps, pack
from .documents.expiry import unwind
from .errors import UniqueError

# Bytes that are read at a time; a longer line takes more.
_PIECE = 256


def dump(db, collection, stream, where=None, value=..., **options):
    """Write records as lines to a stream, those that iterate() yields of these arguments, and return how many.

    stream: has write(), as a file open for writing ("wb") or a socket that blocks. Its errors are raised: what it took has whole
    lines but for the last.
    """
    n = 0
    for record in db.iterate(collection, where, value, **options):
        _write(stream, dumps(record) + b"\n")
        n += 1
    return n


def load(db, collection, stream, keep_ids=False):
    """Insert the records of lines, all or none, and return how many. Empty lines are passed over.

    stream: has readinto(), as a file open for reading ("rb") or a socket that blocks, recv_into(), or else readline().
    keep_ids: records keep the id that each of them must have, and timestamp and version where they have these. An id that is taken is
    refused. Otherwise they get new ones, as insert() gives them.

    Raises ValueError, which names the line: no JSON, longer than four times the memtable, or refused by insert(); UniqueError,
    which does, too; StorageFullError, and what the stream raises. An error changes nothing.
    """
    at = [0]
    with database_of(db) as catalog:
        records = _records(stream, 4 * catalog.store.memtable.capacity, at)
    try:
        return _kept(db, collection, records) if keep_ids else db.insert_many(collection, records)
    except (ValueError, RuntimeError) as error:  # the latter for what is too deep
        raise ValueError("line %d: %s" % (at[0], error)) if at[0] else error
    except UniqueError as error:
        raise UniqueError(error.index, error.id, "line %d: " % at[0])


def put(collection, record):
    """Insert a record under its own id, with its timestamp and version: now and 1 where it has none. ValueError.

    Within a transaction, at whose end settle() must be called.
    """
    for field in META:
        n = record.get(field, 1)
        if not isinstance(n, int) or isinstance(n, bool) or n < (field != "timestamp"):
            raise ValueError("record[%r] is %r: what is kept is a whole number" % (field, n))
    if "id" not in record:
        raise ValueError("the record has no id to keep")
    id, version, catalog = record["id"], record.get("version", 1), collection.catalog
    check(record, own=True)
    if id < collection.first or collection.raw(id) is not None:
        raise ValueError("id %d is taken in %s" % (id, collection.name))
    if not collection.number:
        collection.configure({})
    raw = pack(version, record.get("timestamp", catalog.now()), catalog.change + 1, record)
    collection.put(id, None, raw, unwind(collection, id, version))


def settle(collection):
    """Store the counters, and drop what a capped collection has too many of."""
    collection.configure({})
    collection.save_state()


def _write(stream, data):
    data = memoryview(data)
    while len(data):
        n = stream.write(data)
        if not n:
            raise OSError("the stream tells that it took %r bytes; it must block" % (n,))
        data = data[n:]


def _kept(db, name, records):
    n = 0
    with database_of(db) as catalog:
        with catalog.atomic():
            collection = catalog.collection(name, True)
            for record in records:
                put(collection, record)
                n += 1
            if n:
                settle(collection)
    return n


def _records(stream, most, at):
    """Yield the value of each line. most: bytes of one. at: a list with the number of the line that was read last."""
    read = getattr(stream, "readinto", None) or getattr(stream, "recv_into", None)
    for line in _cut(read, most, at) if read else _read(stream):
        at[0] += 1
        if line.strip():
            record = json.loads(line)
            if isinstance(record, dict) and _is_other(record):
                raise ValueError("not a record: it tells of collections, as `unosql export` writes; `unosql import` reads it")
            yield record


def _read(stream):
    while True:
        line = stream.readline()
        if not line:
            break
        yield line


def _cut(read, most, at):
    """Yield the lines of what read() puts into a buffer."""
    buf, start, end = bytearray(_PIECE), 0, 0
    while True:
        newline = buf.find(b"\n", start, end)
        if newline >= 0:
            yield buf[start:newline]
            start = newline + 1
            continue
        buf[: end - start] = buf[start:end]
        start, end = 0, end - start
        if end == len(buf):
            if end >= most:
                at[0] += 1
                raise ValueError("longer than %d bytes" % most)
            buf.extend(bytes(end))
        n = read(memoryview(buf)[end:])
        if n is None:
            raise OSError("the stream tells that there is nothing yet; it must block")
        if not n:
            break
        end += n
    if end:
        yield buf[:end]


def _is_other(record):
    """Whether a dict is one that `unosql export` writes: of several collections, or of a collection itself."""
    names = sorted(record)
    return names == ["collection", "record"] and isinstance(record["record"], dict) or names == ["collection", "indexes", "next", "options"]
