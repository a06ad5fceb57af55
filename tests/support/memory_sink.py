"""A sink that keeps in RAM what `unosql sink` keeps in PostgreSQL, by the same decisions: for the model of the protocol."""
import copy
import json
import sys

import here

sys.path.insert(0, str(here.ROOT / "pc"))
from unosql_pc.sink import downlink, protocol  # noqa: E402

NEVER = 1 << 62  # above all changes


class MemorySink:
    """Of one device. sources: {epoch: Source}. rows: [(epoch, Line)] of logs, in order. state: {(epoch, number, id): Line}.

    gaps: {(epoch, number, id): [change it was told at, change at which it came after all]}. stream: what goes down. latest: the epoch
    of the last hello that was let in, and the bytes that it takes.
    """

    def __init__(self):
        self.sources, self.rows, self.state, self.gaps = {}, [], {}, {}
        self.stream, self.latest = downlink.Stream("life"), (None, 0)

    def saved(self):
        return copy.deepcopy((self.sources, self.rows, self.state, self.gaps, self.stream, self.latest))

    def put_back(self, saved):
        self.sources, self.rows, self.state, self.gaps, self.stream, self.latest = copy.deepcopy(saved)

    def receive(self, payload):
        """Take a message; return the answer as bytes, or None. Nothing stays of what raises."""
        message = protocol.parse(payload)
        epoch = message.header["e"]
        source, decision = protocol.decide(message, copy.deepcopy(self.sources.get(epoch)), self)
        if source:
            self.sources[epoch] = source
            self._store(epoch, source, decision)
            self._note_downlink(message, decision.answer)
        return decision.answer and json.dumps(decision.answer).encode()

    def push(self):
        """Return what is to go down to the device that was let in last, bytes, or None."""
        epoch, room = self.latest
        return downlink.message(self.sources[epoch], self.stream, room) if epoch else None

    def _note_downlink(self, message, answer):
        told, say = downlink.cursor(message.header), answer.get("say")
        if message.is_hello and say in (None, "back"):
            self.latest = answer["e"], message.header.get("m", 0)
            start = self.stream.hello(told) if "m" in message.header else None
            if start:
                answer["d"] = start
        elif "d" in message.header and not message.is_hello and say != "who":
            self.stream.confirm(told)

    def _store(self, epoch, source, decision):
        for number, lo, hi in decision.gaps:
            self.gaps.update({(epoch, number, id): [source.h, NEVER] for id in range(lo, hi)})
        for number, id in decision.found:
            gap = self.gaps.get((epoch, number, id), [0, 0])
            gap[1] = min(gap[1], source.h)
        for number, first in decision.removed:
            for key in [key for key in self.state if key[:2] == (epoch, number) and key[2] < first]:
                del self.state[key]
        for line in decision.lines:
            if source.collections[line.number].is_log:
                self.rows.append((epoch, line))
            else:
                self.state[epoch, line.number, line.id] = line

    # -- what decide() asks

    def get(self, epoch):
        return self.sources.get(epoch)

    def next_id(self, source, number):
        if not source.parent:
            return 1
        ids = [line.id for line in self.lineage(source.parent, number, source.fork)]
        return max(ids + list(self.missing(source.parent, number, source.fork)), default=0) + 1

    def is_missing(self, source, number, id):
        upto = NEVER
        while source and source.parent:
            upto = min(upto, source.fork)
            if self.gaps.get((source.parent, number, id), [0, 0])[1] > upto:
                return True
            source = self.sources.get(source.parent)
        return False

    def lineage(self, epoch, number, upto=NEVER - 1):
        """The rows of a collection under an epoch, and of its parents up to the forks."""
        rows = [line for e, line in self.rows if e == epoch and line.number == number and line.change <= upto]
        source = self.sources.get(epoch)
        return rows + (self.lineage(source.parent, number, min(upto, source.fork)) if source and source.parent else [])

    def missing(self, epoch, number, upto=NEVER - 1):
        """The same of the ids that are told to be gone."""
        found = {key[2] for key, (told, found) in self.gaps.items() if key[:2] == (epoch, number) and told <= upto < found}
        source = self.sources.get(epoch)
        return found | (self.missing(source.parent, number, min(upto, source.fork)) if source and source.parent else set())
