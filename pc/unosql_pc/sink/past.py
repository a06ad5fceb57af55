"""What a source shares with those that it is a fork of: their rows and gaps up to the forks."""
from psycopg import sql

from . import schema
from .protocol import ALL


class Past:
    """What protocol.decide() asks of a device's sources, within a transaction."""

    def __init__(self, transaction, device):
        self._transaction = transaction
        self._device = device
        self._gaps = {}

    def get(self, epoch):
        """Return the protocol.Source of an epoch, or None."""
        stored = self._transaction.source(self._device, epoch)
        return stored and stored.source

    def next_id(self, source, number):
        """Return the id above all of a log that the parents of a source have, or miss."""
        return max((self._highest(parent, number, upto) for parent, upto in self._parents(source)), default=0) + 1

    def is_missing(self, source, number, id):
        """Whether a parent misses an id of a log."""
        return any(id in self._missing(parent, number, upto) for parent, upto in self._parents(source))

    def _parents(self, source):
        """Yield (Stored, change up to which its past is that of source). What waits is written before one is asked about."""
        upto = ALL
        while source.parent:
            self._transaction.flush()
            upto = min(upto, source.fork)
            parent = self._transaction.source(self._device, source.parent)
            if not parent:
                return
            yield parent, upto
            source = parent.source

    def _highest(self, parent, number, upto):
        known = parent.source.collections.get(number)
        relation = known and self._transaction.relations.find(known.name, True)
        if not relation:
            return 0
        query = sql.SQL("select greatest((select max(id) from {} where source = %(source)s and number = %(number)s and change <= %(upto)s),"
                        " (select max(hi) - 1 from unosql.gap where source = %(source)s and number = %(number)s and told <= %(upto)s))")
        where = {"source": parent.number, "number": number, "upto": upto}
        return self._transaction.connection.execute(query.format(schema.table(relation)), where).fetchone()[0] or 0

    def _missing(self, parent, number, upto):
        """Return the Missing of a log of a parent: what had not come up to a change."""
        key = parent.number, number, upto
        if key not in self._gaps:
            where = {"source": parent.number, "number": number, "upto": upto}
            execute = self._transaction.connection.execute
            gaps = execute("select lo, hi from unosql.gap where source = %(source)s and number = %(number)s", where).fetchall()
            found = execute("select id from unosql.found where source = %(source)s and number = %(number)s and change <= %(upto)s", where)
            self._gaps[key] = Missing(gaps, {id for id, in found})
        return self._gaps[key]


class Missing:
    """Ids of gaps, [(first, behind)], but for those found."""

    def __init__(self, gaps, found):
        self._gaps = gaps
        self._found = found

    def __contains__(self, id):
        return id not in self._found and any(lo <= id < hi for lo, hi in self._gaps)
