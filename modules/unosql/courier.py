"""When the messages of a Session go, over any carrier: one at a time, the same again later and later, a hello now and then.

    courier = Courier(db, "pump-7", logs={"readings": 0})
    courier.connect()            # the carrier is there, or there again
    while True:
        message = courier.due()  # what to send now, or None: call it often
        ...
        courier.receive(data)    # bytes that came
"""

import os

from .errors import StorageFullError
from .port import ms
from .sync import Session

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


class Courier(Session):
    """A Session that knows the time. heartbeat: seconds without news after which the sink is asked whether it still has all.

    patience: seconds to wait for an answer, the first time. every: seconds for which news are collected when all was sent.
    session: the other arguments of Session.
    """

    def __init__(self, db, device, heartbeat=120, patience=5, every=0, **session):
        check_seconds("heartbeat", heartbeat, 0.1)
        check_seconds("patience", patience, 0.01)
        check_seconds("every", every)
        self.heartbeat = heartbeat
        self.patience = patience
        self._every = int(every * 1000)
        self.rest = self._beat = 0  # milliseconds in which nothing goes, and without news; not looked at for days, they end late
        self._seen = ms()
        self._words = 0  # answers in a row that said what is wrong
        self.tries = 0  # messages that have had no answer, in a row
        self.error = None  # what was wrong last
        self.handlers = {}
        Session.__init__(self, db, device, **session)

    def on(self, name):
        """Decorate a function(argument) that runs the commands of a name; step() and run() call it.

            @sync.on("valve")
            def valve(is_open):
                pin.value(is_open)
                return "done"

        What it returns, a JSON value, or raises goes up with the number of the command. A command whose time has passed is not run.
        If the power fails in between, it is run again.
        """

        def add(function):
            self.handlers[name] = function
            return function

        return add

    def connect(self):
        """Begin a session."""
        Session.connect(self)
        self.rest = 0

    def is_rested(self):
        passed = max(0, ms(self._seen))
        self._seen = ms()
        self.rest = max(0, self.rest - passed)
        self._beat = max(0, self._beat - passed)
        return not self.rest

    def due(self):
        """Return the message to send now, a memoryview that holds until the next call, or None. Sending it may fail: then it comes again."""
        if not self.is_rested():
            return None
        if self.waiting:
            self.resend()
            self.tries += 1
            self.error = "no answer from the sink"
        message = self.message()
        if message is None and not self._beat:
            self.connect()
            message = self.message()
        if message is None:
            self.rest = self._every
        else:
            self._beat = int(self.heartbeat * 1000)
            self.rest = min(later(self.patience, self.tries), self._beat)
        return message

    def receive(self, data):
        """Take bytes that came; return whether they are the answer that was waited for. What a full medium refuses is sent again."""
        try:
            if not Session.receive(self, data):
                return False
        except StorageFullError as error:
            self.note(error)
            return False
        self.tries, self.error = 0, None
        self._words = self._words + 1 if self.said else 0
        self.rest = self.pause * 1000 or self._words > _MANY and later(self.patience, self._words - _MANY)
        return True

    def note(self, error):
        self.error = str(error).strip() or repr(error)

    def status(self):
        """Return a dict: what Session.status() has; "unanswered": messages in a row; "error": what was wrong last, or None."""
        found = Session.status(self)
        found["unanswered"], found["error"] = self.tries, self.error
        return found
