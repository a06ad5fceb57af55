"""`unosql salvage`: the records of a damaged database, as far as they verify.

Of several versions the one with the highest change number is the newest: those numbers rise with every write of the
whole database. The entries `S` tell which record a change was, so that lost records are known by id.
"""
import json
from typing import NamedTuple

from . import kept, odd
from .damaged_store import DEAD, Remains
from .terminal import Failure, print_json, progress, ranges, say, shown
from .times import Times
from unosql.documents import keys
from unosql.twin import unpack_uint
from unosql.documents.record import header, loads, unpack


class Version(NamedTuple):
    """A stored record. rank: of where it was found, the higher the newer; all 0 when that cannot be told."""

    change: int
    rank: int
    raw: bytes


class Mark(NamedTuple):
    """The latest change known of a record. live: no later one would have replaced it unseen."""

    change: int
    deleted: bool
    live: bool = True


class Collected:
    """Everything that was found, by (number of the collection, id)."""

    def __init__(self):
        self.records, self.history, self.marks, self.tombs = {}, {}, {}, {}
        self.states = {}  # name: [(rank, number, next, first, state or None)]
        self.counted = []  # (rank, number, records more) of the WAL
        self.strange = 0

    def add(self, key, value, rank):
        """Take an entry of the store."""
        try:
            taker = _TAKERS.get(key[:1])
            if taker:
                taker(self, key, value, rank)
        except (ValueError, IndexError, KeyError, TypeError):
            self.strange += 1

    def add_logged(self, key, value, rank):
        """Take an operation of the WAL, where a put of a record implies its change and counts."""
        self.add(key, value, rank)
        if key[:1] != keys.RECORD:
            return
        number, id = keys.parse(key)
        new = value is not None and header(value)[0] == 1
        self.counted.append((rank, number, 1 if new else -1 if value is None else 0))
        if value is not None:
            self.add(keys.make(keys.CHANGE, header(value)[2]), key[1:], rank)

    def _take_record(self, key, value, rank):
        where = keys.parse(key)
        if value is None:
            self.tombs[where] = max(rank, self.tombs.get(where, DEAD))
        else:
            self._keep(self.records, where, Version(header(value)[2], rank, value))

    def _take_history(self, key, value, rank):
        if value is not None:
            self._keep(self.history, keys.parse(key), Version(header(value)[2], rank, value))

    def _keep(self, versions, where, version):
        unpack(version.raw, 0)  # ValueError when it is none
        if where not in versions or versions[where] < version:
            versions[where] = version

    def _take_change(self, key, value, rank):
        if value is not None:
            number, i = unpack_uint(value, 0)
            id, i = unpack_uint(value, i)
            mark = Mark(unpack_uint(key, 1)[0], i < len(value), rank > DEAD)
            self.marks[number, id] = max(mark, self.marks.get((number, id), mark))

    def _take_state(self, key, value, rank):
        name = keys.named(key[1:])
        if not name:
            return
        state = loads(value) if value is not None else None
        order = (rank, state["number"], state["next"], state["first"]) if state else (rank, 0, 0, 0)
        self.states.setdefault(name, []).append((order, state))


_IN_BACKUPS = b"C"  # what keys.CATALOG is there
_TAKERS = {keys.RECORD: Collected._take_record, keys.HISTORY: Collected._take_history,
           keys.CHANGE: Collected._take_change, keys.CATALOG: Collected._take_state, _IN_BACKUPS: Collected._take_state}


class Recovered:
    """Decides what is live. trusted: ranks and deletions mean something. whole: nothing was lost."""

    def __init__(self, collected, trusted, whole):
        self._found = collected
        self._trusted = trusted
        self._whole = whole
        self.stale, self.older, self.lost, self.doubtful = [], [], [], []  # (name, id)
        self._ranks = {}  # number: rank of the state
        self._states = {}  # number: (name, state) of live collections
        self.odd = odd.Remarks()
        self._known = set()  # numbers whose collections are known, live or not
        for name, states in collected.states.items():
            self._settle(name, states)

    def _settle(self, name, states):
        self._known.update(state["number"] for _, state in states if state)
        if not self._trusted:
            states = [pair for pair in states if pair[1]]  # when a collection was dropped cannot be told
        if states:
            order, state = max(states, key=lambda pair: pair[0])
            if state:
                self._states[state["number"]] = name, state
                self._ranks[state["number"]] = order[0]

    def collections(self):
        """{name: [records by id]}, empty ones included."""
        found = {name: {} for name, _ in self._states.values()}
        for where in sorted(set(self._found.records) | set(self._found.history) | set(self._found.marks)):
            name = self._name(*where)
            if name is not None:
                record = self._record(name, where)
                if record:
                    found.setdefault(name, {})[where[1]] = record
        caps = {name: state["options"].get("capped") for name, state in self._states.values()}
        return {name: _last(list(records.values()), caps.get(name)) for name, records in found.items()}

    def _name(self, number, id):
        """The collection of a record, None when it is dead."""
        if number in self._states:
            name, state = self._states[number]
            return name if id >= state["first"] else None
        if number in self._known or self._whole and self._trusted:
            return None
        return "unnamed_%d" % number

    def _record(self, name, where):
        best, mark = self._found.records.get(where), self._found.marks.get(where)
        if self._is_deleted(where, best, mark):
            return None
        if not best:
            return self._without_record(name, where, mark)
        if mark and mark.change > best.change:
            self.stale.append((name, where[1]))
        elif best.rank <= DEAD and not (mark and mark.live):
            self.doubtful.append((name, where[1]))
        return self._unpacked(name, where[1], best.raw)

    def _unpacked(self, name, id, raw):
        self.odd.look(name, id, raw)
        return unpack(raw, id)

    def _is_deleted(self, where, best, mark):
        tomb = self._found.tombs.get(where) if self._trusted else None
        return tomb is not None and (not best or tomb > best.rank) or (
            mark and mark.deleted and (not best or mark.change > best.change))

    def _without_record(self, name, where, mark):
        """A version from the history, of a record that is known to have been there."""
        if not mark:
            return None
        old = self._found.history.get(where)
        (self.older if old else self.lost).append((name, where[1]))
        return self._unpacked(name, where[1], old.raw) if old else None

    def state(self, name):
        """What is known of a collection itself, as a line for import; None: nothing."""
        for known, state in self._states.values():
            if known == name:
                return kept.line(name, state["next"], state["options"], state["indexes"])
        return None

    def count(self, name):
        """How many records a collection should have, None when that is not known."""
        for number, (known, state) in self._states.items():
            if known == name and self._trusted:
                later = [n for rank, where, n in self._found.counted if where == number and rank > self._ranks[number]]
                return state["count"] + sum(later)
        return None


def _last(records, capped):
    return records[-capped:] if capped else records


def recover(source, key, like=None):
    """Return ({name: [records]}, Recovered, Remains) of a Source."""
    remains = Remains(source, key, like)
    collected = Collected()
    with progress("reading", sum(size for _, size in remains.sizes())) as done:
        for entry in remains.entries(done):
            collected.add(*entry)
    for entry in remains.logged():
        collected.add_logged(*entry)
    if remains.losses:
        for entry in remains.dead():
            collected.add(*entry)
    recovered = Recovered(collected, remains.trusted, not remains.losses)
    return recovered.collections(), recovered, remains


def run(source, out, key, like=None, keep_ids=False, times=None):
    """Write what can be saved to out ("-": stdout); the exit code. keep_ids: of the collections themselves, too."""
    found, recovered, remains = recover(source, key, like)
    total = sum(map(len, found.values()))
    if total:
        _write(out, _lines(found, recovered if keep_ids else None, times or Times()))
    _report(found, recovered, remains)
    if not total:
        raise Failure("%s: no record could be saved%s" % (shown(source.label), "" if key else "; if it is encrypted, "
                      "give the key"))
    say("%d records written to %s" % (total, shown(out)))
    return 0


def _lines(found, recovered, times):
    for name, records in found.items():
        if recovered and recovered.state(name):
            yield recovered.state(name)
        for record in records:
            yield {"collection": name, "record": times.record(record)}


def _write(out, lines):
    """The lines to a file, or to stdout."""
    if out == "-":
        for line in lines:
            print_json(line)
        return
    with open(out, "x", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _report(found, recovered, remains):
    for line in remains.losses:
        say("damaged: " + shown(line))
    for what, places in (("lost", recovered.lost), ("only an earlier version is left of", recovered.stale),
                         ("taken from the history, a newer version is lost:", recovered.older),
                         ("perhaps changed or deleted since:", recovered.doubtful)):
        for name in sorted({name for name, _ in places}):
            ids = [id for n, id in places if n == name]
            say("%s %s: %d records, ids %s" % (what, shown(name), len(ids), ranges(ids)))
    recovered.odd.tell()
    for name, records in sorted(found.items()):
        count = recovered.count(name)
        say("%s: %d records%s" % (shown(name), len(records), " of %d" % count if count not in (None, len(records)) else ""))
    if not remains.trusted:
        say("without a sound manifest, records of batches that were never completed may be among these")
    elif remains.losses:
        say("what is lost may have held newer versions of these records, or told that some were deleted")
