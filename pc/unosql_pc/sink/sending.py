"""`unosql sink send|sent`: puts items into the stream that goes down to a device, and tells what became of them."""
import json
import time

from psycopg import sql

from ..terminal import Failure, say, shown
from . import asking, downlink, schema, streams

ROOM = 512  # bytes of a message that every device takes
_SENT = """
select i.device, i.number, i.item, i.made, case when i.number <= s.confirmed then 'applied' else 'waits' end as state
from unosql.item i join unosql.stream s using (device) where %(device)s::text is null or i.device = %(device)s order by i.device, i.number
"""


def send(dsn, device, kind, words, seconds):
    """Append an item. words: what follows on the kind, as typed. seconds: for which a command is to be run, or None."""
    item = item_of(kind, words, seconds)
    with asking.opened(dsn) as connection:
        if not connection.execute("select 1 from unosql.source where device = %s", (device,)).fetchone():
            raise Failure("no device %s was ever here" % shown(device))
        connection.execute("insert into unosql.stream(device, next, confirmed, room) values (%s, 1, 0, 0) on conflict do nothing", (device,))
        stream = streams.load(connection, [device])[device]
        size = len(json.dumps([stream.next, *item]).encode()) + downlink.ENVELOPE
        room = stream.room or ROOM
        if size > room:
            raise Failure("%s takes messages of %d bytes, this needs %d" % (shown(device), room, size))
        number = stream.add(*item)
        streams.save(connection, device, stream)
        say("number %d%s" % (number, "" if stream.room else "; %s has not told that it takes anything" % shown(device)))
    return 0


def item_of(kind, words, seconds=None):
    """Return an item without its number, a list. Failure when the words do not fit."""
    shapes = {"set": "NAME JSON", "put": "COLLECTION KEY {...}", "del": "COLLECTION KEY", "do": "NAME [JSON]"}
    least = {"set": 2, "put": 3, "del": 2, "do": 1}[kind]
    if not least <= len(words) <= least + (kind == "do"):
        raise Failure("after %s comes %s" % (kind, shapes[kind]))
    if seconds is not None and kind != "do":
        raise Failure("--for is for commands")
    if kind == "set":
        return ["set", words[0], _json(words[1])]
    if kind == "do":
        return ["do", words[0], _json(words[1]) if len(words) > 1 else None, None if seconds is None else int(time.time() + seconds)]
    rest = [_json(words[2])] if kind == "put" else []
    if rest and not isinstance(rest[0], dict):
        raise Failure("a record is an object, {...}, not %s" % shown(words[2]))
    return [kind, words[0], _key(words[1]), *rest]


def _json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure("%s is no JSON: %s" % (shown(text), error)) from None


def _key(text):
    return int(text) if text.lstrip("-").isdecimal() else text


def sent(dsn, device, as_json):
    """Print the items of devices: which are applied, and what commands gave back."""
    with asking.opened(dsn) as connection:
        cursor = connection.execute(_SENT, {"device": device})
        names, found = [column.name for column in cursor.description], cursor.fetchall()
        results = _results(connection)
    rows = [[d, n, json.dumps(item[1:]), made, state, results.get((d, n))] for d, n, item, made, state in found]
    asking.show([*names, "result"], rows, as_json)
    return 0


def _results(connection):
    """{(device, number): what a device told of an item}, of this database's life."""
    relation = schema.Relations(connection, 0).find("_results", True)
    if not relation:
        return {}
    query = sql.SQL("select device, doc from {} join unosql.source using (source), unosql.meta where doc ->> 'g' = g").format(schema.table(relation))
    return {(device, doc.get("n")): json.dumps(_outcome(doc)) for device, doc in connection.execute(query)}


def _outcome(doc):
    return {name: value for name, value in doc.items() if name in ("result", "error")}
