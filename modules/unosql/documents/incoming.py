"""What a server sends down: settings, records and commands, each applied once, together with its number.

An item is a list: [number, kind, ...]. docs/FORMAT.md has the kinds.
"""

from ..errors import ConflictError, UniqueError
from . import many, peers, queue
from .arguments import called
from .condition import compile
from .query import search
from .steps import finish

SETTINGS, INBOX, RESULTS = "_config", "_inbox", "_results"


def apply(catalog, item, owned, peer, state):
    """Apply an item, and store a peer's state in the same batch. owned: names of the collections that the server may write.

    Instead of what can't be applied there is a result that says why.
    """
    try:
        with catalog.atomic():
            _effect(catalog, state["down"][0], item, owned)
            state["mark"] = mark(catalog, owned)
            peers.write(catalog, peer, state)
    except (ValueError, TypeError, IndexError, ConflictError, UniqueError) as error:
        with catalog.atomic():
            _tell(catalog, state["down"][0], item[0], "error", str(error) or repr(error))
            peers.write(catalog, peer, state)


def mark(catalog, owned):
    """Return what is another number when what came down was replaced by a backup's: the lowest one of the collections that have it, or 0."""
    return min([n for n in [catalog.collection(name).number for name in [SETTINGS, INBOX, RESULTS] + owned] if n] or (0,))


def setting(catalog, name):
    """Return the value of a setting, or None."""
    for record in search(catalog.collection(SETTINGS), compile("key", name), 1):
        return record.get("value")


def next_command(catalog):
    """Return the oldest command that has no result, as a record, or None."""
    inbox = catalog.collection(INBOX)
    for id, _ in inbox.scan():
        return inbox.get(id)


def done(catalog, command, key, value):
    """Store the result of a command, or its error, and let go of the command, in one batch. key: "result" or "error"."""
    try:
        with catalog.atomic():
            _tell(catalog, command["life"], command["n"], key, value)
            queue.ack(catalog.collection(INBOX), command["id"])
    except ValueError as error:
        if key == "error":
            raise
        done(catalog, command, "error", "its result cannot be stored: %s" % error)


def _tell(catalog, life, n, key, value):
    catalog.collection(RESULTS, True).insert({"g": life, "n": n, key: value})


def _effect(catalog, life, item, owned):
    kind, name = item[1], item[2]
    if not isinstance(name, str):
        raise ValueError("a name is a string, not %s" % called(name))
    if kind == "do":
        if not isinstance(item[4], (int, type(None))):
            raise ValueError("a command lasts until a number of seconds, or None, not %r" % (item[4],))
        command = {"life": life, "n": item[0], "name": name, "argument": item[3], "until": item[4]}
        catalog.collection(INBOX, True).insert(command)
    elif kind == "set":
        _put(catalog, SETTINGS, name, {"value": item[3]})
    elif kind in ("put", "del") and name not in owned:
        raise ValueError("collection %r is not the server's" % (name,))
    elif kind == "put":
        _put(catalog, name, item[3], item[4])
    elif kind == "del":
        finish(many.delete(catalog.collection(name), _key(item[3])))
    else:
        raise ValueError("an item of an unknown kind, %r" % (kind,))


def _put(catalog, name, key, fields):
    if not isinstance(fields, dict) or fields.get("key", key) != key:
        raise ValueError("fields of the record %r are a dict, not with another key: %r" % (key, fields))
    finish(many.upsert(catalog.collection(name, True), _key(key), {}, {"replace": fields}))


def _key(key):
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise ValueError("a key is a string or an int, not %s" % called(key))
    return compile("key", key)
