"""When the messages of a Session go, over any carrier: one at a time, the same again later and later, a hello now and then.

    courier = Courier(Session(db, "pump-7", {"readings": 0}))
    courier.connect()            # the carrier is there, or there again
    while True:
        message = courier.due()  # what to send now, or None: call it often
        ...
        courier.take(data)       # bytes that came
"""

import os

from .port import ms

# Seconds between two tries, at the most.
_LONGEST = 300
# Answers in a row that say what is wrong, and are heeded at once.
_MANY = 2


def later(seconds, tries):
    """Return the milliseconds to wait after so many tries in vain: each time twice as long, and by chance up to a half less."""
    most = int(min(seconds * (1 << min(tries, 9)), _LONGEST) * 1000)
    return most - most * os.urandom(1)[0] // 512


def check_seconds(name, n, least=0):
    if isinstance(n, bool) or not isinstance(n, (int, float)) or not least <= n <= 86400:
        raise ValueError("%s is a number of seconds from %r to 86,400, not %r" % (name, least, n))


class Countdown:
    """Milliseconds that are left. One that is not looked at for days ends late, by what was left then."""

    def __init__(self, left=0):
        self.set(left)

    def set(self, left):
        self._left = left
        self._seen = ms()

    def is_over(self):
        passed = ms(self._seen)
        if self._left > 0 and passed:
            self._left -= max(0, passed)
            self._seen = ms()
        return self._left <= 0


class Courier:
    """session: a sync.Session. heartbeat: seconds without news after which the sink is asked whether it still has all.

    patience: seconds to wait for an answer, the first time. every: seconds for which news are collected when all was sent.
    """

    def __init__(self, session, heartbeat=120, patience=5, every=0):
        check_seconds("heartbeat", heartbeat, 0.1)
        check_seconds("patience", patience, 0.01)
        check_seconds("every", every)
        self._session = session
        self._heartbeat = int(heartbeat * 1000)
        self._patience = patience
        self._every = int(every * 1000)
        self._rest = Countdown()
        self._beat = Countdown(self._heartbeat)
        self._waits = False  # for an answer
        self._words = 0  # answers in a row that said what is wrong
        self.tries = 0  # messages that have had no answer, in a row

    def connect(self):
        """Begin a session."""
        self._session.connect()
        self._waits = False
        self._rest.set(0)

    def due(self):
        """Return the message to send now, a memoryview that holds until the next call, or None. Sending it may fail: then it comes again."""
        if not self._rest.is_over():
            return None
        if self._waits:
            self._session.resend()
            self._waits = False
            self.tries += 1
        message = self._session.view()
        if message is None and self._beat.is_over():
            self._session.connect()
            message = self._session.view()
        if message is None:
            self._rest.set(self._every)
            return None
        self._waits = True
        self._rest.set(min(later(self._patience, self.tries), self._heartbeat))
        self._beat.set(self._heartbeat)
        return message

    def take(self, data):
        """Take bytes that came; return whether they are the answer that was waited for."""
        if not self._session.receive(data):
            return False
        self._waits = False
        self.tries = 0
        self._words = self._words + 1 if self._session.said else 0
        self._rest.set(self._session.pause * 1000 or self._words > _MANY and later(self._patience, self._words - _MANY))
        return True
