"""Records that keep the id, timestamp and version they have, and lines that tell of a collection itself.

Such a line is {"collection": name, "next": id, "options": {...}, "indexes": [{"keys": ..., "unique": ..., "where": ...}]}.
"""
from . import engine  # noqa: F401
from unosql.documents import index, schema, steps
from unosql.documents.record import META, check, pack

_INDEX = ("keys", "unique", "where")


class State(dict):
    """What such a line holds."""


def state(collection):
    """What such a line tells of a Collection."""
    return line(collection.name, collection.next, collection.options, collection.definitions)


def line(name, following, options, indexes):
    """The same from its parts."""
    return {"collection": name, "next": following, "options": options,
            "indexes": [{part: definition[part] for part in _INDEX} for definition in indexes]}


def is_state(entry):
    """Whether a line's dict tells of a collection, rather than being a record."""
    return set(entry) == {"collection", "next", "options", "indexes"}


def configure(collection, entry):
    """Give a Collection its indexes, options and next id, after its records. ValueError when the line is not like that."""
    following, options, indexes = entry["next"], entry["options"], entry["indexes"]
    if not _is_id(following) or not isinstance(options, dict) or not isinstance(indexes, list):
        raise ValueError("not what --keep-ids writes of a collection")
    _check_options(options)
    for definition in indexes:
        if not isinstance(definition, dict) or set(definition) != set(_INDEX):
            raise ValueError("not what --keep-ids writes of an index")
        steps.finish(index.creating(collection, index.fields(definition["keys"]), bool(definition["unique"]), definition["where"]))
    collection.save_state(next=max(collection.next, following))
    collection.configure(options)


def _check_options(options):
    for name, value in options.items():
        if name == "schema":
            schema.checked(value)
        elif name not in ("capped", "ttl", "history") or not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError("no option of a collection: %s=%r" % (name, value))


def put(collection, record):
    """Insert a record under its own id, with its timestamp and version: now and 1 where it has none. ValueError.

    Within a transaction, at whose end finish() must be called.
    """
    for field in META:
        if field in record and not _is_id(record[field], field != "timestamp"):
            raise ValueError("record[%r] is %r; --keep-ids takes whole numbers" % (field, record[field]))
    if "id" not in record:
        raise ValueError("the record has no id to keep")
    id = record["id"]
    check(record, own=True)
    if id < collection.first or collection.raw(id) is not None:
        raise ValueError("id %d is taken in %s" % (id, collection.name))
    if not collection.number:
        collection.configure({})
    _put(collection, id, record)


def _put(collection, id, record):
    """The version tells no insert from an update here: the counters are set as restoring sets them."""
    count, following, first = collection.count + 1, max(collection.next, id + 1), collection.first
    catalog = collection.catalog
    raw = pack(record.get("version", 1), record.get("timestamp", catalog.now()), catalog.change + 1, record)
    collection.replace(id, None, raw, [])
    collection.count, collection.next, collection.first = count, following, first


def finish(catalog, names):
    """Store the counters of collections, and drop what a capped one has too many of."""
    for name in names:
        catalog.collection(name, True).configure({})


def _is_id(value, least=1):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
