"""The sink's store in PostgreSQL: takes groups of messages, each in one transaction, and gives the answers once that is durable."""
import logging
from collections import Counter

import psycopg
from psycopg import errors

from ..terminal import Failure
from . import schema, streams
from .protocol import Torn
from .transaction import STAGED, Again, Transaction

log = logging.getLogger("unosql.sink")
TABLES = 100  # of collections, unless told otherwise
# What PostgreSQL says of a value, and not of itself.
REFUSED = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
_CLASHES = (Again, errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)  # with another sink
_TRIES = 20
_PATIENT = ("starting up", "shutting down", "recovery", "too many clients", "connection slots", "terminating connection")


class Store:
    """dsn: a conninfo or URL of libpq. tables: of so many collections at most. counts: of what was taken since it began."""

    def __init__(self, dsn, tables=TABLES):
        self.counts = Counter()
        self._dsn = dsn
        self._tables = tables
        self._connection = None

    def connect(self, create=True):
        """Connect and check the tables. Failure when it is of no use to try again; psycopg.Error for other reasons."""
        self.close()
        try:
            connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=10, application_name="unosql sink")
        except psycopg.OperationalError as error:
            if "FATAL:" in str(error) and not any(word in str(error) for word in _PATIENT):
                raise Failure("PostgreSQL: %s" % last_line(error)) from None
            raise
        except psycopg.ProgrammingError as error:
            raise Failure("PostgreSQL: %s" % last_line(error)) from None
        try:
            schema.ensure(connection, create)
            connection.execute("set synchronous_commit = on")
            connection.execute(STAGED)
        except BaseException:
            connection.close()
            raise
        self._relations = schema.Relations(connection, self._tables)
        self._connection = connection

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def take(self, messages):
        """Take [(device, Message)]; return what goes down, [(device, dict of an answer, or bytes of items)]: all of it is durable.

        What PostgreSQL refuses of a message becomes a dead letter, and does not keep the rest. psycopg.Error: nothing is taken
        of what follows, and it may be taken again.
        """
        if self._connection is None:
            self.connect()
        try:
            return self._taken(messages)
        except REFUSED as error:
            if len(messages) == 1:
                return self._taken_without(messages, error)
        half = len(messages) // 2
        return self.take(messages[:half]) + self.take(messages[half:])

    def _taken(self, messages, bad=None):
        for patience in range(_TRIES):
            try:
                with self._connection.transaction():
                    transaction = Transaction(self._connection, self._relations, bad)
                    answers = self._answers(transaction, messages)
                self._end(transaction)
                return answers
            except BaseException as error:
                self._relations.forget()
                if not isinstance(error, _CLASHES) or patience == _TRIES - 1:
                    raise
            self.counts["again"] += 1

    def _answers(self, transaction, messages):
        transaction.load(messages)
        answers = []
        for device, message in messages:
            try:
                answers.append((device, transaction.take(device, message)))
            except Torn as error:
                transaction.counts["torn"] += 1
                transaction.told.append("%s: torn: %s" % (device, error))
        return answers + transaction.finish()

    def _end(self, transaction):
        self.counts.update(transaction.counts)
        self.counts["commits"] += 1
        for line in transaction.told:
            log.warning("%s", line)

    def _taken_without(self, messages, error):
        """Take a message of which PostgreSQL refuses something: the lines that it refuses become dead letters."""
        bad = {line.change: why for line in messages[0][1].lines if (why := self._refusal(line))}
        if bad:
            return self._taken(messages, bad)
        log.error("%s: PostgreSQL refuses a message, and none of its lines: %s", messages[0][0], last_line(error))
        self.counts["refused"] += 1
        return []

    def _refusal(self, line):
        """Return why PostgreSQL does not take the fields of a line, or None."""
        if line.fields is None:
            return None
        try:
            with self._connection.cursor(binary=True) as cursor:
                cursor.execute("select convert_from(%b, 'UTF8')::jsonb is null", (line.fields,))
        except REFUSED as error:
            return last_line(error)
        return None

    def due(self):
        """Return what is to go down to devices that were heard of lately, [(device, bytes)]."""
        if self._connection is None:
            self.connect()
        with self._connection.transaction():
            return streams.due(self._connection)

    def bury(self, device, payload, error):
        """Keep a message that is none, for people to look at."""
        if self._connection is None:
            self.connect()
        self._connection.execute("insert into unosql.dead(device, payload, error) values (%s, %s, %s)", (device, payload, error))
        self.counts["dead"] += 1


def last_line(error):
    """Return what an error of PostgreSQL says, in one line."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    text = next((line for line in lines if "FATAL:" in line or "ERROR:" in line), lines[0] if lines else type(error).__name__)
    return text.split("FATAL:")[-1].split("ERROR:")[-1].strip()
