"""JSON lines: a record a line, out of a database and into one, through files, sockets and other streams, in bounded RAM.

    from unosql import jsonl

    with open("readings.jsonl", "wb") as file:
        jsonl.dump(db, "readings", file)
    with open("readings.jsonl", "rb") as file:
        jsonl.load(db, "copies", file)

A line is a record as get() returns it, with its id, timestamp (seconds since the port's epoch) and version. On a PC `unosql import`
reads such lines, and `unosql export --collection readings --format jsonl --raw-times` writes them.

Lines of several collections tell theirs: {"collection": "readings", "record": {...}}. So do those of `unosql export` without --collection.

    with open("all.jsonl", "wb") as file:
        jsonl.dump(db, None, file)
    with open("all.jsonl", "rb") as file:
        jsonl.load(other, None, file)

The ESP8266's image lacks it, for want of room.
"""

import json

from .core import database_of
from .documents.record import META, check, dumps, pack
from .documents.expiry import unwind
from .errors import UniqueError

# Bytes that are read at a time; a longer line takes more.
_PIECE = 256
# Above all numbers that a record may bring along: what is inserted after it has room below 2**62, where ids end.
LIMIT = 1 << 61


def dump(db, collection, stream, where=None, value=..., **options):
    """Write records as lines to a stream, those that iterate() yields of these arguments, and return how many.

    collection: a name; or a list of names, or None for all collections, in whose lines they are told.
    stream: has write(), as a file open for writing ("wb") or a socket that blocks. Its errors are raised: what it took has whole
    lines but for the last.
    """
    n = 0
    for name in (collection,) if isinstance(collection, str) else db.collections() if collection is None else collection:
        for record in db.iterate(name, where, value, **options):
            _write(stream, dumps(record if name is collection else {"collection": name, "record": record}) + b"\n")
            n += 1
    return n


def load(db, collection, stream, keep_ids=False):
    """Insert the records of lines, all or none, and return how many. Empty lines are passed over.

    collection: a name; or None, where the lines tell theirs.
    stream: has readinto(), as a file open for reading ("rb") or a socket that blocks, recv_into(), or else readline().
    keep_ids: records keep the id that each of them must have, and timestamp and version where they have these. An id that is taken is
    refused. Otherwise they get new ones, as insert() gives them.

    Raises ValueError, which names the line: no JSON, longer than four times the memtable, or refused by insert(); UniqueError,
    which does, too; StorageFullError, and what the stream raises. An error changes nothing.
    """
    at = [0]
    with database_of(db) as catalog:
        records = _records(stream, 4 * catalog.store.memtable.capacity, at, collection is None)
    try:
        if keep_ids or collection is None:
            return _put_all(db, collection, records, keep_ids)
        return db.insert_many(collection, records)
    except (ValueError, RuntimeError) as error:  # the latter for what is too deep
        raise ValueError("line %d: %s" % (at[0], str(error) or "not UTF-8")) if at[0] else error
    except UniqueError as error:
        raise UniqueError(error.index, error.id, "line %d: " % at[0])


def put(collection, record):
    """Insert a record under its own id, with its timestamp and version: now and 1 where it has none. ValueError.

    Within a transaction, at whose end settle() must be called.
    """
    check(record, own=True)
    for field in META:
        n, least = record.get(field, 1), int(field != "timestamp")
        if not isinstance(n, int) or isinstance(n, bool) or not least <= n < LIMIT:
            raise ValueError("record[%r] is %r: what is kept is a whole number from %d to 2**61 - 1" % (field, n, least))
    if "id" not in record:
        raise ValueError("the record has no id to keep")
    id, version, catalog = record["id"], record.get("version", 1), collection.catalog
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


def _put_all(db, name, records, keep_ids):
    """name: None: each record is with the name of its collection."""
    database, n, kept = database_of(db), 0, None
    with database as catalog:
        with catalog.atomic():
            for record in database.pulled(records):
                told, record = (record["collection"], record["record"]) if name is None else (name, record)
                if kept and kept.name != told:
                    settle(kept)
                    kept = None
                collection = catalog.collection(told, True)
                if keep_ids:
                    put(collection, record)
                    kept = collection
                else:
                    collection.insert(record)
                n += 1
            if kept:
                settle(kept)
    return n


def _records(stream, most, at, several):
    """Yield the value of each line. most: bytes of one. at: a list with the number of the line that was read last."""
    read = getattr(stream, "readinto", None) or getattr(stream, "recv_into", None)
    for line in _cut(read, most, at) if read else _read(stream):
        at[0] += 1
        if line.strip():
            record = json.loads(line)
            if isinstance(record, dict) and sorted(record) == ["collection", "indexes", "next", "options"]:
                raise ValueError("not a record, but what `unosql export` tells of a collection; `unosql import` reads it")
            if _is_told(record) != several:
                raise ValueError("no collection is told" if several else "a collection is told: load it with None for its name")
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


def _is_told(line):
    """Whether the value of a line is a record with the name of its collection."""
    return isinstance(line, dict) and sorted(line) == ["collection", "record"] and isinstance(line["record"], dict)
