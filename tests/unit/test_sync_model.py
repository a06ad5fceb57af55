"""The protocol of store and forward against a model: real databases, a wire that does its worst, a sink in RAM, and faults of all kinds.

tests/support/sync_world.py has the world. Each rule is needed: without it some schedule ends wrong.
UNOSQL_STEPS: how many steps the state machine takes in all (default 4,000).
"""
import os
import random

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import sync_world
from memory_sink import MemorySink
from sync_world import World
from unosql.documents import incoming
from unosql.kv.store import Store
from unosql.sync import Session
from unosql_pc.sink import downlink, protocol

STEPS = int(os.environ.get("UNOSQL_STEPS", 4000))
PER_RUN = 100
seeds = st.integers(0, 1 << 30).map(random.Random)


class Machine(RuleBasedStateMachine):
    @initialize(keep=st.sampled_from((0, 5, 1000)), capped=st.sampled_from((0, 8)), durability=st.sampled_from(("sync", "batch")))
    def begin(self, keep, capped, durability):
        self.world = World(keep, capped, durability)

    @rule(n=st.integers(1, 4))
    def insert(self, n):
        self.world.insert(n)

    @rule(rng=seeds, name=st.sampled_from(("set", "unset", "correct", "remove", "take", "lose")))
    def act(self, rng, name):
        getattr(self.world, name)(rng)

    @rule(rng=seeds)
    def carry_up(self, rng):
        self.world.carry_up(rng)

    @rule(rng=seeds)
    def carry_down(self, rng):
        self.world.carry_down(rng)

    @rule()
    def send(self):
        self.world.send()

    @rule()
    def send_again(self):
        self.world.session.resend()
        self.world.send()

    @rule(rng=seeds)
    def want(self, rng):
        self.world.want(rng)

    @rule(name=st.sampled_from(("order", "push")))
    def send_down(self, name):
        getattr(self.world, name)()

    @rule(name=st.sampled_from(("transaction", "crash", "take_image", "put_image_back", "back_up_sink", "restore_sink",
                                  "clear", "drop", "back_up_device", "restore_device")))
    def disturb(self, name):
        getattr(self.world, name)()

    @rule()
    def reconnect(self):
        self.world.session.connect()

    @rule()
    def be_calm(self):
        assert list(self.world.problems()) == []


TestSync = Machine.TestCase
TestSync.settings = settings(max_examples=max(1, STEPS // PER_RUN), stateful_step_count=PER_RUN, deadline=None,
                             suppress_health_check=list(HealthCheck))


def test_random_schedules_end_well():
    wrong = {seed: problems for seed in range(600) if (problems := sync_world.run(seed))}
    assert wrong == {}


def test_a_record_that_came_with_a_later_change_only():
    assert sync_world.changed_before_all_is_put_back() == []


# -- what happens when a rule is left out: (object, name, what replaces it, given the original)


def without_skipping(original):
    def apply(message, source, sources):
        source.h = 0
        return original(message, source, sources)

    return apply


def of_any_session(original):
    def batch(message, source, sources):
        message.header["S"] = source.session
        return original(message, source, sources)

    return batch


def without_back(original):
    return lambda message, h, say=None: original(message, h, None if say == "back" else say)


def with_any_nonce(original):
    def receive(self, data):
        self.waiting = self.waiting and protocol.json.loads(data).get("s", self.waiting)
        return original(self, data)

    return receive


def with_a_session_in_ram(original):
    def store(self, catalog, logs=(), **changes):
        if list(changes) == ["came"]:
            self._state = dict(self._state, **changes)
        else:
            original(self, catalog, logs, **changes)

    return store


def of_any_number(original):
    def come_down(self, catalog, told, cursor):
        n = (cursor or ("", 0))[1]
        original(self, catalog, dict(told, i=[[n + 1 + i, *item[1:]] for i, item in enumerate(told["i"])]), cursor)

    return come_down


def without_repeating(original):
    return lambda self, told: None if told == [self.life, self.confirmed] else [self.life, self.confirmed]


RULES = {
    "the device's past must be the known one": (protocol, "_continues", lambda _: lambda header, source: True),
    "only the let in session's data count": (protocol, "_batch", of_any_session),
    "lines that are stored are skipped": (protocol, "_apply", without_skipping),
    "a sink that has lost says so": (protocol, "_answer", without_back),
    "what is gone from the device is announced": (protocol, "_shortened", lambda _: lambda *args: None),
    "what a parent misses is stored": (MemorySink, "is_missing", lambda _: lambda *args: False),
    "only the answer to the last message counts": (Session, "receive", with_any_nonce),
    "a session is durable before its data": (Session, "_store", with_a_session_in_ram),
    "what comes down counts if its number is the next": (Session, "_come_down", of_any_number),
    "a device that was put back goes on behind what it had confirmed": (downlink.Stream, "hello", lambda _: downlink.Stream.confirm),
    "settings and records come again to a device that was put back": (downlink.Stream, "hello", without_repeating),
    "what came down comes again when a backup is restored": (incoming, "mark", lambda _: lambda *args: 0),
    "a cursor above all numbers is heeded": (downlink.Stream, "confirm", lambda _: lambda self, told: None),
    "only what is durable is sent": (Store, "flush_buffered", lambda _: lambda self: None),
}


@pytest.mark.parametrize("left_out", RULES)
def test_each_rule_is_needed(left_out, monkeypatch):
    owner, name, mutant = RULES[left_out]
    monkeypatch.setattr(owner, name, mutant(getattr(owner, name)))
    # without the faults that may make a device begin anew, and without what makes others rarer
    faults = [sync_world.FAULTS, ("corrections", "batch"), sync_world.FAULTS[:-2]]
    assert any(sync_world.run(seed, faults[seed % 3]) for seed in range(6000))
