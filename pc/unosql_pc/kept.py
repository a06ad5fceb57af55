"""Records that keep the id, timestamp and version they have, and lines that tell of a collection itself.

Such a line is {"collection": name, "next": id, "options": {...}, "indexes": [{"keys": ..., "unique": ..., "where": ...}]}.
"""
from . import engine  # noqa: F401
from unosql.documents import index, schema, steps
from unosql.jsonl import LIMIT, put, settle  # noqa: F401

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


def finish(catalog, names):
    """Store the counters of collections, and drop what a capped one has too many of."""
    for name in names:
        settle(catalog.collection(name, True))


def _is_id(value):
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LIMIT
