"""What kills the parts of a fleet, one after the other, and brings them back."""
import random
import time

import psycopg

from postgres_sink import Tables


class Chaos:
    """things: servers, which are killed and started again, or functions. One is chosen some `every` seconds, those least often that were most."""

    def __init__(self, seed, every, **things):
        self.rng = random.Random(seed)
        self.every, self.things = every, things
        self.next = time.monotonic() + every
        self.killed = dict.fromkeys(things, 0)

    def __call__(self):
        if time.monotonic() < self.next:
            return
        name = min(self.killed, key=lambda name: (self.killed[name], self.rng.random()))
        self.killed[name] += 1
        act = self.things[name]
        if callable(act):
            act()
        else:
            act.kill()
            time.sleep(self.rng.random() / 4)
            act.start()
        self.next = time.monotonic() + self.every * (0.5 + self.rng.random())


class PutBack:
    """Saves the sink's database, and every second time puts that back, with the sink stopped meanwhile."""

    def __init__(self, dsn, sink):
        self.dsn, self.sink, self.saved = dsn, sink, None

    def __call__(self):
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            tables = Tables(connection)
            if self.saved is None:
                self.saved = tables.saved()
            else:
                self.sink.kill()
                tables.put_back(self.saved)
                self.saved = None
                self.sink.start()
