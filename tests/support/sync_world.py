"""A device, a wire and a sink: the wire loses, doubles, delays, reorders and replays; either end crashes, or is put back to what it was."""
import json
import random
import tempfile
from pathlib import Path

import here  # noqa: F401
from media import FlashMedium
from memory_sink import MemorySink
from unosql import shared, state
from unosql.core import Unosql
from unosql.sync import Session

LOG, STATE, PRICES = "readings", "settings", "prices"


class World:
    """One device with a log and a state collection. keep: records of the log that stay when the sink has them.

    ran: arguments of the commands that the device has run, in order. ordered: {argument: number} of
    those that were given. unsure: of those that had run in a life that ended before the sink knew. wanted: {(collection, key): token}
    of what the server has set. orderly: the wire loses and doubles, but keeps the order. written: {id: token} of the log's records as inserted or updated
    last, in this life of the device. removed: ids deleted from the log.
    """

    def __init__(self, keep=0, capped=0, durability="sync", orderly=False, sink=None):
        self.medium = FlashMedium(48)
        self.durability = durability
        self.keep = keep
        self.sink = sink or MemorySink()
        self.up, self.down = [], []
        self.has_downlink = hasattr(self.sink, "push")
        self.ran, self.ordered, self.wanted, self.unsure = [], {}, {}, set()
        self.n = 0
        self.orderly = orderly
        self.restored, self.was_put_back, self.evicting = False, False, bool(capped)
        self.written, self.removed, self.image, self.backup = {}, set(), None, None
        self.folder = None  # with a backup of the device
        self.open()
        if capped:
            self.db.configure(LOG, capped=capped)
            self.db.flush()
        self.epoch = self.session.status()["epoch"]

    def open(self):
        """As after a reset, of what is durable."""
        shared.databases.clear()
        state.held.clear()
        self.medium.device.restart()
        self.db = Unosql("device", storage=self.medium.storage(), log_level="NONE", memtable=2048, durability=self.durability)
        self.session = Session(self.db, "pump", {LOG: self.keep}, chunk=200, down=[PRICES] if self.has_downlink else None)

    # -- what the application does

    def token(self):
        self.n += 1
        return self.n

    def insert(self, n=1):
        for _ in range(n):
            token = self.token()
            self.written[self.db.insert(LOG, {"token": token})] = token

    def correct(self, rng):
        """Update a record of the log."""
        ids = [record["id"] for record in self.db.all(LOG)]
        if ids:
            id, token = rng.choice(ids), self.token()
            self.db.update(LOG, "id", id, {"token": token})
            self.written[id] = token

    def remove(self, rng):
        """Delete a record of the log."""
        ids = [record["id"] for record in self.db.all(LOG)]
        if ids:
            id = rng.choice(ids)
            self.db.delete(LOG, "id", id)
            self.removed.add(id)

    def take(self, rng):
        """Remove the oldest records of the log, sent or not: as a cap or a TTL does."""
        self.db.pop(LOG, rng.randrange(1, 6))
        self.evicting = True

    def set(self, rng):
        self.db.upsert(STATE, "name", rng.randrange(5), {"token": self.token()})

    def unset(self, rng):
        self.db.delete(STATE, "name", rng.randrange(5))

    def churn(self):
        """So many changes of state that deletions are forgotten."""
        for n in range(150):
            self.db.upsert(STATE, "name", 5, {"token": self.token()})
            self.db.delete(STATE, "name", 5)

    def clear(self):
        """Remove all of the log and of the state, sent or not: no loss, as it was asked for."""
        self._replace(lambda: (self.db.clear(LOG), self.db.clear(STATE)))

    def drop(self):
        """The same; ids begin at 1 again."""
        self._replace(lambda: (self.db.drop(LOG), self.db.drop(STATE)))

    def back_up_device(self):
        self.folder = self.folder or tempfile.TemporaryDirectory()
        self.db.backup(str(Path(self.folder.name) / "backup"))

    def restore_device(self):
        """All that it has is what it had, what came down as well; commands that the sink does not know to be here run again."""
        if self.folder:
            self.was_put_back = True
            self.note_unsure()
            self._replace(lambda: self.db.restore(str(Path(self.folder.name) / "backup")))

    def _replace(self, call):
        call()
        self.db.flush()
        self.written, self.removed = {record["id"]: record["token"] for record in self.db.all(LOG)}, set()

    def transaction(self):
        with self.db.transaction():
            self.insert(2)
            assert self.session.message() is None  # nothing of it is durable yet
            self.db.upsert(STATE, "name", 1, {"token": self.token()})

    # -- what the server does

    def order(self):
        token = self.token()
        self.ordered[token] = self.sink.stream.add("do", "run", token, None)

    def want(self, rng):
        """Set, put or remove something."""
        key, token = rng.randrange(4), self.token()
        if rng.random() < 0.4:
            self.sink.stream.add("set", "s%d" % key, token)
            self.wanted["_config", "s%d" % key] = token
        elif rng.random() < 0.7:
            self.sink.stream.add("put", PRICES, key, {"token": token})
            self.wanted[PRICES, key] = token
        else:
            self.sink.stream.add("del", PRICES, key)
            self.wanted.pop((PRICES, key), None)

    def push(self):
        message = self.sink.push()
        if message:
            self.down.append(message)

    def work(self):
        while self.session.work({"run": self.ran.append}):
            pass

    # -- the wire

    def send(self):
        message = self.session.message()
        if message:
            self.up.append(bytes(message))

    def carry_up(self, rng):
        """Let a message arrive, the next or any, and lose its answer at times."""
        if self.up:
            answer = self.sink.receive(self.pick(self.up, rng))
            if answer and rng.random() < 0.8:
                self.down.append(answer)

    def carry_down(self, rng):
        if self.down:
            self.session.receive(self.pick(self.down, rng))
            self.work()

    def pick(self, wire, rng):
        i = 0 if self.orderly else rng.choice((0, rng.randrange(len(wire))))
        return wire.pop(i) if rng.random() < 0.75 else wire[i]

    def lose(self, rng):
        for wire in (self.up, self.down):
            if wire:
                wire.pop(rng.randrange(len(wire)))

    # -- faults

    def crash(self):
        """With durability "batch" the last calls may be lost: then what the sink has must be in what is left."""
        self.open()
        self.forget_lost()

    def forget_lost(self):
        if self.durability == "batch":
            there = {record["id"]: record["token"] for record in self.db.all(LOG)}
            first = self.db._database._catalog.collection(LOG).first
            next_id = self.db._database._catalog.collection(LOG).next
            self.written = {id: there.get(id, token) for id, token in self.written.items() if id < next_id}
            self.removed = {id for id in self.removed if id < next_id and (id < first or id not in there)}

    def take_image(self):
        """Of the flash. What does so resets the board."""
        self.db.flush()
        self.image = bytes(self.medium.device.image), dict(self.written), set(self.removed)
        self.open()

    def put_image_back(self):
        if self.image:
            image, written, removed = self.image
            self.medium.device.image[:] = image
            self.written, self.removed = dict(written), set(removed)
            self.was_put_back = True
            self.note_unsure()
            self.open()

    def note_unsure(self):
        """Commands that ran may run again: the sink did not know, or does not any more."""
        self.unsure |= {token for token in self.ran if self.restored or self.ordered[token] > self.sink.stream.confirmed}

    def back_up_sink(self):
        self.backup = self.sink.saved()

    def restore_sink(self):
        if self.backup:
            self.sink.put_back(self.backup)
            self.restored = True
            if self.was_put_back:
                self.note_unsure()

    # -- a calm end, and what must hold then

    def calm(self):
        """Lose nothing more; return whether all arrives. A new session finds out whether the sink was put back meanwhile."""
        self.session.connect()
        for _ in range(400):
            message = self.session.message()
            pushed = self.sink.push() if self.has_downlink else None
            if not message and not pushed:
                return self.session.status()["waiting"] == 0
            for told in (message and self.sink.receive(message), pushed):
                if told:
                    self.session.receive(told)
            self.work()
            self.session.resend()
        return False

    def problems(self):
        """Yield what is wrong after a calm end."""
        if not self.calm():
            yield "does not drain"
            return
        epoch = self.session.status()["epoch"]
        if epoch != self.epoch and self.orderly and not self.restored and not self.was_put_back:
            yield "a needless fork"
        yield from self._log_problems(epoch)
        yield from self._state_problems(epoch)
        if self.has_downlink:
            yield from self._downlink_problems()

    def _log_problems(self, epoch):
        collection = self.db._database._catalog.collection(LOG)
        number, kept = collection.number, {record["id"]: record for record in self.db.all(LOG)}
        rows = [line for line in self.sink.lineage(epoch, number) if line.fields is not None]
        versions = [(line.id, line.version) for line in rows]
        if len(set(versions)) < len(versions):
            yield "a row twice"
        found = {}
        for line in sorted(rows, key=lambda line: line.change):
            found[line.id] = json.loads(line.fields)["token"]
        gone = self.sink.missing(epoch, number) | self.removed
        if missing := set(self.written) - set(found) - gone:
            yield "silent loss of %s" % sorted(missing)[:5]
        if wrong := [id for id, record in kept.items() if found.get(id) != record["token"]]:
            yield "not as on the device: %s" % wrong[:5]
        stale = [id for id, token in self.written.items() if id in found and id not in gone and found[id] != token]
        if stale and not self.restored and not self.evicting:  # else the newer one was dropped: the id is all that is promised
            yield "an old version of %s" % stale[:5]

    def _state_problems(self, epoch):
        number = self.db._database._catalog.collection(STATE).number
        device = {record["id"]: record["token"] for record in self.db.all(STATE)}
        sink = {key[2]: json.loads(line.fields)["token"] for key, line in self.sink.state.items() if key[:2] == (epoch, number) and line.fields}
        if device != sink:
            yield "state differs: %s, %s" % (device, sink)


    def _downlink_problems(self):
        there = {(name, record["key"]): record.get("token", record.get("value")) for name in ("_config", PRICES) for record in self.db.all(name)}
        if there != self.wanted and not self.restored:  # a sink that was put back has forgotten what was wanted
            yield "what came down differs: %s, %s" % (there, self.wanted)
        if twice := {token for token in self.ran if self.ran.count(token) > 1} - self.unsure:
            yield "run twice: %s of %s" % (twice, self.ran)
        first = sorted(set(self.ran), key=self.ran.index)
        if first != [token for token in self.ordered if token in first]:
            yield "out of order: %s" % self.ran
        if not self.restored and first != list(self.ordered):
            yield "not run: %s of %s" % (self.ran, list(self.ordered))


def changed_before_all_is_put_back(sink=None):
    """What is wrong when a sink that was put back has heard only of a log's record as changed, and then the device is put back to before that."""
    world = World(5, sink=sink)
    world.back_up_sink()
    world.insert(2)
    found = list(world.problems())
    world.take_image()
    world.correct(random.Random(0))
    world.restore_sink()
    found += world.problems()
    world.put_image_back()
    return found + list(world.problems())


FAULTS = ("corrections", "evicting", "restores", "images", "batch", "disorder", "churning", "replacing", "downlink")


def run(seed, faults=FAULTS, sink=None):
    """One random schedule; return what is wrong in the end, as a list. sink: an empty one; None: one in RAM."""
    rng = random.Random(seed)
    world = World(rng.choice((0, 0, 5, 1000)), 8 if "evicting" in faults and rng.random() < 0.7 else 0,
                  "batch" if "batch" in faults and rng.random() < 0.3 else "sync", "disorder" not in faults, sink)
    for _ in range(rng.randrange(20, 160)):
        step(world, rng, faults)
    return list(world.problems())


def step(world, rng, faults):
    x = rng.random()
    if world.has_downlink and "downlink" in faults and rng.random() < 0.15:
        rng.choice((world.order, lambda: world.want(rng), world.push, world.push))()
    if "replacing" in faults and rng.random() < 0.012:
        rng.choice((world.clear, world.drop, world.back_up_device, world.restore_device, world.restore_device))()
    if x < 0.2:
        world.insert(rng.choice((1, 1, 3)))
    elif x < 0.28:
        world.set(rng)
    elif x < 0.31:
        world.unset(rng)
    elif x < 0.33 and "corrections" in faults:
        world.correct(rng) if rng.random() < 0.6 else world.remove(rng)
    elif x < 0.34:
        world.transaction()
    elif x < 0.35 and "evicting" in faults:
        world.take(rng)
    elif x < 0.52:
        world.send()
    elif x < 0.72:
        world.carry_up(rng)
    elif x < 0.89:
        world.carry_down(rng)
    elif x < 0.92:
        world.session.resend()
    elif x < 0.93:
        world.lose(rng)
    elif x < 0.94:
        world.session.connect()
    elif x < 0.949:
        world.crash()
    elif x < 0.95 and "churning" in faults:
        world.churn()
    elif x < 0.975 and "images" in faults:
        world.take_image() if world.image is None or rng.random() < 0.3 else world.put_image_back()
    elif x < 0.99 and "restores" in faults:
        world.back_up_sink() if world.backup is None or rng.random() < 0.3 else world.restore_sink()
