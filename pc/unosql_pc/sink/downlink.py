"""What goes down to a device: a stream of numbered items, and which of them are due. Without sockets or SQL; docs/FORMAT.md has the items."""
import json
from dataclasses import dataclass, field

from .protocol import Torn

ENVELOPE = 120  # bytes of a message around its items: epoch, session, life


@dataclass
class Stream:
    """Of one device. life: of this database, random. confirmed: the device has applied all items up to this number.

    items: {number: [number, kind, ...]}, the ones up to `confirmed` as well, but what newer ones of settings and records replace.
    """

    life: str
    next: int = 1
    confirmed: int = 0
    items: dict = field(default_factory=dict)

    def add(self, kind, *rest):
        """Append an item; return its number."""
        number, self.next = self.next, self.next + 1
        item = self.items[number] = [number, kind, *rest]
        if target(item):
            for old in [n for n, other in self.items.items() if n <= self.confirmed and target(other) == target(item)]:
                del self.items[old]
        return number

    def hello(self, told):
        """A device that was let in has told its cursor, or None: return the one that it must make its own, or None.

        One that has less than it had confirmed was put back, or is new: commands are not repeated, all else comes again.
        """
        life, number = told or (None, 0)
        if life == self.life and number >= self.confirmed:
            self.confirm(told)
            return None
        latest = {target(item): n for n, item in sorted(self.items.items())}
        for item in [item for n, item in sorted(self.items.items()) if n <= self.confirmed and target(item) and latest[target(item)] == n]:
            self.add(*item[1:])
        return [self.life, self.confirmed]

    def confirm(self, told):
        """A device that was let in has told its cursor. One that is above all numbers means that this database was put back."""
        life, number = told or (None, 0)
        if life == self.life and number > self.confirmed:
            again = [item for n, item in sorted(self.items.items()) if self.next <= number and self.confirmed < n and target(item)]
            self.next, self.confirmed = max(self.next, number + 1), number
            for item in again:  # numbers given twice: the device may have had others
                self.add(*item[1:])

    def due(self, room):
        """The items to send, as many as fit into a message of so many bytes."""
        found, size = [], ENVELOPE
        for number in range(self.confirmed + 1, self.next):
            item = self.items[number]
            size += len(json.dumps(item).encode()) + 2
            if size > room:
                break
            found.append(item)
        return found


def target(item):
    """What an item replaces: a setting or a record; None for a command."""
    kind = item[1]
    return None if kind == "do" else ("_config", item[2]) if kind == "set" else (item[2], item[3])


def cursor(header):
    """The [life, number] in a header, or None. Torn: it is something else."""
    told = header.get("d")
    if told is not None and not (isinstance(told, list) and len(told) == 2 and isinstance(told[0], str) and type(told[1]) is int and told[1] >= 0):
        raise Torn("'d' is no cursor")
    return told


def message(source, stream, room):
    """The message that goes down to a source, bytes, or None when nothing is due. source: a protocol.Source."""
    items = stream.due(room)
    if not items or source.session is None:
        return None
    return json.dumps({"e": source.epoch, "S": source.session, "g": stream.life, "i": items}, ensure_ascii=False).encode()
