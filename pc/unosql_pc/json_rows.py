"""Rows of JSON: a record a line, an array of records, records one after another in any layout, a dict of collections,
a file of TinyDB, what mongoexport writes. Which of these it is, is told by what is there."""
import codecs
import itertools
import json

from . import kept, odd, strict_json
from .extended_json import plain
from .rows import Row, decoded, fail, remark
from .terminal import shown

_SPACE = " \t\r\n"
_LINES = (".jsonl", ".ndjson")  # where each line is a record, even the only one


def read(file, data, reading):
    """Yield the Rows of a file's bytes. file: its name, shown."""
    encoding = reading.encoding or json.detect_encoding(data)
    if not encoding.startswith("utf-8"):
        data = decoded(file, data, encoding).encode("utf-8", "surrogatepass")
    data = data.removeprefix(codecs.BOM_UTF8)
    values = _lines(file, data) if _is_lines(data) else _values(file, data)
    begun, first = list(itertools.islice(values, 2)), None
    alone = len(begun) == 1 and not file.endswith(_LINES)
    for where, value in itertools.chain(begun, values):
        for place, name, record in _records(where, value, reading, alone):
            name, record = _told(place, name, record)
            if reading.collection and name:
                first = first or name
                if name != first:
                    fail(place, "of %s, and those before are of %s: two collections do not go into one; leave the COLLECTION out" % (
                        shown(name), shown(first)))
            yield _row(place, reading.collection or name, record, reading)


def _is_lines(data):
    """Whether the first line is a whole object, and not the only one."""
    lines = (line for line in data.splitlines() if line.strip())
    first, second = next(lines, b""), next(lines, None)
    try:
        return second is not None and isinstance(json.loads(odd.decoded(first)[0]), dict)
    except (ValueError, RecursionError):
        return False


def _lines(file, data):
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            where = "%s:%d" % (file, number)
            text, replaced = odd.decoded(line)
            value = _parsed(where, text)
            if not isinstance(value, dict):
                fail(where, "not a JSON object")
            yield where, _mended(where, value, replaced)


def _parsed(where, text):
    try:
        return strict_json.loads(text)
    except (ValueError, RecursionError) as error:
        return fail(where, strict_json.reason(error))


def _values(file, data):
    """Yield (place, value) of values one after another."""
    text, replaced = odd.decoded(data)
    first, line = _skipped(text, 0), 1
    at, start = first, 0
    while at < len(text):
        line += text.count("\n", start, at)
        start = at
        where = "%s:%d" % (file, line)
        try:
            value, at = strict_json.DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            hint = "; of a CSV say --format csv" if error.pos == first else ""
            fail("%s:%d" % (file, error.lineno), strict_json.reason(error) + hint)
        except (ValueError, RecursionError) as error:
            fail(where, strict_json.reason(error))
        yield where, _mended(where, value, replaced and "\ufffd" in text[start:at])
        at = _skipped(text, at)


def _skipped(text, at):
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _mended(where, value, replaced):
    value, halves = odd.mended(value)
    if replaced or halves:
        remark(where)
    return value


# -- what a value is


def _records(where, value, reading, alone):
    """Yield (place, collection or None, record) of a value. alone: there is no other, and it may be a whole database."""
    if reading.form == "tinydb" and not _is_tables(value):
        fail(where, "not a file of TinyDB, tables of documents by their numbers")
    if isinstance(value, list):
        for number, record in enumerate(value, 1):
            yield "%s, record %d" % (where, number), None, record
    elif reading.form == "tinydb" or reading.form != "mongodb" and alone and _is_tinydb(value):
        for table, documents in value.items():
            for id, record in documents.items():
                place = "%s, %s %s" % (where, shown(table), id[:20])
                yield place, table, _numbered(place, int(id[:20]), record) if reading.ids else record
    elif alone and _is_collections(value):
        for name, records in value.items():
            for number, record in enumerate(records, 1):
                yield "%s, %s record %d" % (where, shown(name), number), name, record
    else:
        yield where, None, value


def _is_tinydb(value):
    """Whether nothing else can be meant: there are documents, or an empty table of the name that TinyDB gives by itself."""
    return _is_tables(value) and (any(value.values()) or "_default" in value)


def _is_tables(value):
    """Tables by names, documents by numbers."""
    return isinstance(value, dict) and all(
        isinstance(table, dict) and all(id.isdecimal() and isinstance(document, dict) for id, document in table.items())
        for table in value.values())


def _numbered(where, id, document):
    """A document of TinyDB with its number as the id."""
    if document.get("id", id) != id:
        fail(where, "the document has an id of its own, %s" % shown(document["id"]))
    return {"id": id, **document}


def _is_collections(value):
    """Lists of records by the names of collections."""
    return isinstance(value, dict) and any(value.values()) and not kept.is_state(value) and all(
        isinstance(records, list) and all(isinstance(record, dict) for record in records) for records in value.values())


def _told(where, name, record):
    """The collection, None if none is told, and the record or the State."""
    if not isinstance(record, dict):
        fail(where, "not a JSON object")
    if kept.is_state(record) and isinstance(record["collection"], str):
        return record["collection"], kept.State(record)
    if set(record) == {"collection", "record"} and isinstance(record["record"], dict) and isinstance(record["collection"], str):
        return record["collection"], record["record"]  # a line that export and salvage write
    return name, record


def _row(where, name, record, reading):
    if isinstance(record, kept.State):
        return Row(where, name, record)
    if not name:
        fail(where, "the line names no collection; give one after the database")
    return Row(where, name, plain(record, where) if reading.form == "mongodb" or "_id" in record else record)
