"""What goes down, in PostgreSQL: a downlink.Stream for each device that takes it, its items, and which of them are due."""
import json

from . import downlink, protocol

_LOAD = """
select s.device, next, confirmed, epoch, room, coalesce((select jsonb_agg(i.item order by i.number) from unosql.item i
  where i.device = s.device and (i.number > s.confirmed or i.item ->> 1 <> 'do')), '[]'), m.g
from unosql.stream s, unosql.meta m where s.device = any(%s) order by s.device for update of s
"""
_SAVE = """
insert into unosql.stream(device, next, confirmed, epoch, room) values (%s, %s, %s, %s, %s) on conflict (device) do update
  set next = excluded.next, confirmed = excluded.confirmed, epoch = excluded.epoch, room = excluded.room
"""
# Of devices that were heard of lately: to others nothing is sent, and their next hello brings it.
_DUE = """
select s.device, o.session from unosql.stream s join unosql.source o on o.device = s.device and o.epoch = s.epoch
where next - 1 > confirmed and room > 0 and coalesce(pushed < now() - interval '5 seconds', true) and seen > now() - interval '10 minutes'
order by s.device limit 200 for update of s skip locked
"""


class Stream(downlink.Stream):
    """epoch, room: of the last hello that was let in, and the bytes that the device takes."""

    epoch = None
    room = 0


def load(connection, devices):
    """Return {device: Stream} of those that have one, locked."""
    found = {}
    for device, next, confirmed, epoch, room, items, g in connection.execute(_LOAD, (sorted(devices),)):
        stream = found[device] = Stream(g, next, confirmed, {item[0]: item for item in items})
        stream.epoch, stream.room = epoch, room
        stream.before = _state(stream), set(stream.items)
    return found


def new(connection):
    """Return a Stream of a device that has none yet."""
    stream = Stream(connection.execute("select g from unosql.meta").fetchone()[0])
    stream.before = None, set()
    return stream


def _state(stream):
    return stream.next, stream.confirmed, stream.epoch, stream.room


def save(connection, device, stream):
    """Write what has changed."""
    state, numbers = stream.before
    if _state(stream) != state:
        connection.execute(_SAVE, (device, *_state(stream)))
    gone = [n for n in numbers if n not in stream.items]
    if gone:
        connection.execute("delete from unosql.item where device = %s and number = any(%s)", (device, gone))
    with connection.cursor() as cursor:
        added = [(device, n, json.dumps(item)) for n, item in stream.items.items() if n not in numbers]
        if added:
            cursor.executemany("insert into unosql.item(device, number, item) values (%s, %s, %s)", added)
    stream.before = _state(stream), set(stream.items)


def note(stream, message, answer):
    """Take what a message tells of a stream; the answer to a hello gets "d" where the device is to begin elsewhere."""
    told, say = downlink.cursor(message.header), answer.get("say")
    if message.is_hello and say in (None, "back"):
        stream.epoch, stream.room = message.header["e"], _room(message.header)
        start = stream.hello(told)
        if start:
            answer["d"] = start
    elif not message.is_hello and say != "who":
        stream.confirm(told)


def _room(header):
    room = header.get("m", 0)
    return min(room, 1 << 20) if isinstance(room, int) and not isinstance(room, bool) and room > 0 else 0


def is_told(message):
    """Whether a message is of a device that takes what goes down, and says so."""
    return "m" in message.header or "d" in message.header and not message.is_hello


def due(connection):
    """Return the messages that are to go down now, [(device, bytes)], and note that they did. In a transaction."""
    sessions = dict(connection.execute(_DUE).fetchall())
    found = [(device, message(stream, sessions[device])) for device, stream in load(connection, sessions).items()] if sessions else []
    return pushed(connection, [(device, payload) for device, payload in found if payload])


def pushed(connection, messages):
    """Note that messages go down, [(device, bytes)], and return them."""
    if messages:
        connection.execute("update unosql.stream set pushed = now() where device = any(%s)", ([device for device, _ in messages],))
    return messages


def message(stream, session):
    """Return the message of what is due, bytes, or None."""
    return downlink.message(protocol.Source(stream.epoch, session=session), stream, stream.room)
