"""The sink's side of the protocol: what a message is answered, and what is to be stored, without sockets or SQL.

A device's database in one life is a *source*: its device's name and its epoch. For each the sink has a cursor `h`: all changes up
to it are applied. Rows and cursor are stored in one transaction, then the answer goes out. docs/FORMAT.md has the messages,
docs/DESIGN.md the rules and why they suffice.
"""
import json
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

LARGEST = 1 << 20  # bytes of a message, unpacked
MOST = 1000  # collections in a message
ALL = 1 << 62  # above all numbers
_LONGEST = 640  # characters of a collection's name, with what stands for surrogates


class Torn(ValueError):
    """A message that is none: cut off, damaged, or of something else."""


class Line(NamedTuple):
    """A change of a record. fields: its JSON as bytes, None for a deletion."""

    number: int
    id: int
    version: int
    change: int
    timestamp: int
    fields: bytes | None


class Message(NamedTuple):
    """A message from a device. header: as it came. known: {number: (name, oldest id, whether it is a log)}."""

    header: dict
    lines: list
    known: dict

    @property
    def is_hello(self):
        return "hello" in self.header


@dataclass
class Known:
    """A collection of a source. next_id: above all ids that came or are announced as missing. first: the oldest there is."""

    name: str
    is_log: bool
    next_id: int = 1
    first: int = 1


@dataclass
class Source:
    """What the sink knows of one life of a database, durably.

    h: see above. session: the last one let in. came: the session before it that had sent data, as the device told when it was
    let in. is_virgin: nothing has come in this session. parent, fork: the epoch whose past this one shares, up to that change.
    collections: {number: Known}.
    """

    epoch: str
    h: int = 0
    session: str | None = None
    came: str | None = None
    is_virgin: bool = True
    parent: str | None = None
    fork: int = 0
    collections: dict = field(default_factory=dict)


class Decision(NamedTuple):
    """answer: a dict for the device, or None. lines: to be stored, in order. gaps: [(number, first id, id behind)] that never came.

    found: ids that came although later ones had: [(number, id)]; of a gap, perhaps. removed: [(number, id)]: state with smaller
    ids is gone from the device, as a newer collection of the same name or the oldest id tells.
    """

    answer: dict | None
    lines: list = ()
    gaps: list = ()
    found: list = ()
    removed: list = ()


# -- messages


def parse(payload):
    """Return the Message of some bytes. Torn: says what is wrong with them."""
    head, *rest = _unpacked(bytes(payload)).split(b"\n")
    header = _object(head)
    for name in "efbtn":
        if name not in header:
            raise Torn("the header has no %r" % name)
    lines = [_line(line) for line in rest]
    if len(lines) != header["n"]:
        raise Torn("%d lines, and the header tells of %s" % (len(lines), header["n"]))
    _check(header, lines)
    return Message(header, lines, _known(header))


def _unpacked(payload):
    if len(payload) > LARGEST:
        raise Torn("%d bytes, and %d are the most" % (len(payload), LARGEST))
    if payload[:1] == b"{":
        return payload
    if payload[:1] != b"x":
        raise Torn("it starts with %r" % payload[:1])
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(payload, LARGEST)
    except zlib.error as error:
        raise Torn("not deflated: %s" % error) from None
    if not unpacking.eof:
        raise Torn("cut off, or larger than %d bytes" % LARGEST)
    return data


def _object(data):
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Torn("the header is no JSON: %s" % error) from None
    if not isinstance(value, dict):
        raise Torn("the header is no object")
    return value


def _line(data):
    """Split a line at its commas: the fields stay as they are, for the database to look at."""
    if data[:1] != b"[" or data[-1:] != b"]":
        raise Torn("a line is cut off")
    parts = data[1:-1].split(b",", 5)
    try:
        numbers = [int(part) for part in parts[:5]]
    except ValueError:
        raise Torn("a line without numbers") from None
    if len(numbers) < 5 or min(numbers) < 0 or max(numbers) >= ALL:
        raise Torn("a line without its five numbers")
    return Line(*numbers, parts[5] if len(parts) == 6 else None)


def _check(header, lines):
    for name in "fbt":
        if not _is_number(header[name]):
            raise Torn("%r is no number" % name)
    for name in "lwz":
        if not _is_number(header.get(name, 0)):
            raise Torn("%r is no number" % name)
    for name in "eSs":
        if not _is_word(header.get(name)):
            raise Torn("%r is no string of 1 to 64 characters" % name)
    if "hello" in header and "C" not in header or header.get("C") is not None and not _is_word(header["C"]):
        raise Torn("'C' is no string")
    if not header["b"] <= header["f"] <= header["t"]:
        raise Torn("it is about changes from %(f)d to %(t)d on base %(b)d" % header)
    changes = [line.change for line in lines]
    if changes != sorted(set(changes)) or changes and not header["f"] < changes[0] <= changes[-1] <= header["t"]:
        raise Torn("changes out of order")
    fork = header.get("x")
    if fork is not None and not (isinstance(fork, list) and len(fork) == 2 and _is_word(fork[0]) and _is_number(fork[1])):
        raise Torn("'x' is no fork")


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < ALL


def _is_word(value):
    """Whether a value is an epoch, a session or a nonce."""
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isascii() and value.isprintable()


def _is_name(value):
    """Whether a value can be the name of a collection, and a text of a database."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def _known(header):
    collections = header.get("c", {})
    known = {}
    if not isinstance(collections, dict):
        raise Torn("'c' is no object")
    if len(collections) > MOST:
        raise Torn("it is about more than %d collections" % MOST)
    for number, told in collections.items():
        if not (number.isdecimal() and len(number) < 19 and isinstance(told, list) and len(told) == 3 and _is_name(told[0]) and _is_number(told[1])):
            raise Torn("'c' tells nothing of collection %r" % number)
        known[int(number)] = told[0], told[1], bool(told[2])
    return known


# -- decisions


def decide(message, source, sources):
    """Return (Source, Decision) for a Message. source: as stored, which may be changed here; None: it is not known.

    sources: gives get(epoch), a Source or None; next_id(Source, number), the id above all that its parents have of a collection, or
    miss, up to their forks; and is_missing(Source, number, id), whether one of its parents misses it.
    """
    if message.is_hello:
        source = source or _made(message, sources)
        return source, _hello(message, source)
    if source is None:
        return None, Decision(_answer(message, 0, "who"))
    return source, _batch(message, source, sources)


def _answer(message, h, say=None):
    answer = {"e": message.header["e"], "s": message.header["s"], "h": h}
    return dict(answer, say=say) if say else answer


def _made(message, sources):
    source = Source(message.header["e"])
    fork = message.header.get("x")
    parent = sources.get(fork[0]) if fork else None
    if parent:
        # Not below the parent's own fork: what that one shares with its parent, this one does.
        source.parent, source.fork = parent.epoch, max(parent.fork, min(fork[1], parent.h))
    return source


def _hello(message, source):
    header = message.header
    if header["b"] <= source.h and not _continues(header, source):
        return Decision(_answer(message, source.h, "fork"))
    if header["S"] != source.session:
        source.session, source.came, source.is_virgin = header["S"], header["C"], True
    return Decision(_answer(message, source.h, "back" if header["b"] > source.h else None))


def _continues(header, source):
    """Whether the device's past is the one known here: it has lost nothing that it once sent."""
    return (
        source.session is None  # nobody was ever let in
        or header["S"] == source.session  # the same hello again
        or header["C"] == source.session
        or source.is_virgin and header["C"] == source.came  # the answer to the last hello was lost
    )


def _batch(message, source, sources):
    header = message.header
    if header["S"] != source.session:
        return Decision(_answer(message, source.h, "who"))
    source.is_virgin = False
    if header["b"] > source.h:
        return Decision(_answer(message, source.h, "back"))
    if header["f"] > source.h:
        return Decision(_answer(message, source.h, "ahead"))
    if header["t"] <= source.h:
        return Decision(_answer(message, source.h))
    return _apply(message, source, sources)


def _apply(message, source, sources):
    missing = [line.number for line in message.lines if line.number not in message.known]
    if missing:
        raise Torn("the header tells nothing of collection %d" % missing[0])
    decision = Decision(None, [], [], [], [])
    _learn(message, source, sources, decision)
    tops = {}
    for line in message.lines:
        if line.change > source.h:
            known = source.collections[line.number]
            if known.is_log:
                _note(line, known, decision)
            known.next_id = max(known.next_id, line.id + 1)
            if not known.is_log or line.change > source.fork or _is_new(line, source, sources, tops):
                decision.lines.append(line)  # else a parent has it
    source.h = message.header["t"]
    return decision._replace(answer=_answer(message, source.h))


def _is_new(line, source, sources, tops):
    """Whether no parent has a log's line from before the fork: it misses the id, or all that it has up to the fork lies below.

    The latter where a sink that was put back has the id with a later change only. tops: {number: the first id above}, as far as it was asked for.
    """
    if line.number not in tops:
        tops[line.number] = sources.next_id(source, line.number)
    return line.id >= tops[line.number] or sources.is_missing(source, line.number, line.id)


def _learn(message, source, sources, decision):
    for number, (name, first, is_log) in message.known.items():
        known = source.collections.get(number)
        if known is None:
            known = source.collections[number] = Known(name, is_log, sources.next_id(source, number))
            decision.removed.extend((n, ALL) for n, old in source.collections.items() if n < number and _is_state(old, name))
        known.name = name
        known.is_log = known.is_log or is_log  # from now on what is acknowledged goes from the device
        _shortened(number, known, first, decision)


def _is_state(known, name):
    return known.name == name and not known.is_log


def _shortened(number, known, first, decision):
    """The device has nothing below its first id any more."""
    if known.is_log and first > known.next_id:
        decision.gaps.append((number, known.next_id, first))
        known.next_id = first
    if not known.is_log and first > known.first:
        decision.removed.append((number, first))
    known.first = max(known.first, first)


def _note(line, known, decision):
    """The ids that a line of a log jumps over are missing; one that comes late, since it was changed before it was sent, is not."""
    if line.id > known.next_id:
        decision.gaps.append((line.number, known.next_id, line.id))
    elif line.id < known.next_id:
        decision.found.append((line.number, line.id))
