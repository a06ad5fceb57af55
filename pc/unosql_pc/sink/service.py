"""The sink at work: groups from the carrier go to the store, answers go back. It ends when told to, or when nothing would help."""
import json
import logging
import threading
import time

import psycopg

from ..terminal import Failure
from .protocol import Torn, parse
from .store import REFUSED, last_line

log = logging.getLogger("unosql.sink")
GROUP = 1000  # messages in a transaction, at most
PATIENCE = 0.01  # seconds that the first of a group waits for others
TORN = 3  # torn messages of a device, one after the other, until one of them is kept as a dead letter
LOOK = 1  # seconds between looks at what others have put into the streams that go down
HOUR = 3600


class Service:
    """inbox: an Inbox. carrier: has answer(device, bytes) and failure. metrics: told of each group, or None. envelope: to seal, or None."""

    def __init__(self, inbox, store, carrier, metrics=None, envelope=None):
        self._inbox, self._store, self._carrier, self._metrics = inbox, store, carrier, metrics
        self._envelope = envelope
        self._stopping = threading.Event()
        self._torn = {}  # {device: [torn messages since one was whole, when one was kept]}

    def stop(self):
        """End after the group at hand. May be called from a handler of a signal, or another thread."""
        self._stopping.set()

    def run(self):
        """Work until stop(). Failure: nothing would help but people."""
        self._connect()
        looked = 0
        while not self._stopping.is_set():
            if self._carrier.failure:
                raise Failure(self._carrier.failure)
            group = self._inbox.group(GROUP, PATIENCE, 0.2)
            if group:
                self._take(group)
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                self._send(self._kept_trying(self._store.due))

    def _connect(self):
        """Connect to PostgreSQL, however long it is away."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                return self._store.connect()
            except psycopg.Error as error:
                log.warning("PostgreSQL: %s; trying again", last_line(error))
            self._stopping.wait(pause)
            pause = min(pause * 2, 10)

    def _take(self, group):
        started = time.monotonic()
        messages = self._parsed(group)
        if messages:
            self._send(self._taken(messages))
        if self._metrics:
            self._metrics.took(len(group), time.monotonic() - started)

    def _taken(self, messages):
        """Return what the store gives. A fault of this program that one message finds keeps nobody else."""
        try:
            return self._kept_trying(self._store.take, messages) or []
        except Failure:
            raise
        except Exception as error:
            if len(messages) == 1:
                self._store.counts["refused"] += 1
                log.error("%s: a fault of the sink, please report it: %r", messages[0][0], error)
                return []
        half = len(messages) // 2
        return self._taken(messages[:half]) + self._taken(messages[half:])

    def _send(self, messages):
        """messages: [(device, dict or bytes)], or None."""
        for device, message in messages or ():
            payload = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
            self._carrier.answer(device, self._envelope.seal(device, payload) if self._envelope else payload)

    def _kept_trying(self, take, *arguments):
        """Return what take() does, once PostgreSQL lets it; None when that is refused, or the sink ends meanwhile."""
        pause = 0.2
        while not self._stopping.is_set():
            try:
                return take(*arguments)
            except REFUSED as error:
                log.error("PostgreSQL refuses a message: %s", last_line(error))
                return None
            except psycopg.Error as error:
                log.warning("PostgreSQL: %s; connecting again", last_line(error))
            self._store.close()
            self._stopping.wait(pause)
            pause = min(pause * 2, 10)
            self._reconnect()
        return None

    def _reconnect(self):
        """As at the beginning; what would have ended the sink then may be mended now."""
        while not self._stopping.is_set():
            try:
                return self._connect()
            except Failure as failure:
                log.error("%s; trying again", failure)
                self._stopping.wait(5)

    def _parsed(self, group):
        messages = []
        for device, payload in group:
            try:
                messages.append((device, parse(self._envelope.open(device, payload) if self._envelope else payload)))
                self._torn.pop(device, None)
            except Torn as error:
                self._note_torn(device, payload, str(error))
        return messages

    def _note_torn(self, device, payload, error):
        self._store.counts["torn"] += 1
        seen = self._torn.setdefault(device, [0, -HOUR])
        seen[0] += 1
        if seen[0] % TORN == 1:
            log.warning("%s: torn: %s", device, error)
        if seen[0] % TORN == 0 and time.monotonic() - seen[1] >= HOUR:
            seen[1] = time.monotonic()
            self._kept_trying(self._store.bury, device, payload, "torn: " + error)
