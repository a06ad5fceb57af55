"""The tree of unosql's own errors, all of which unosql.core has too.

Bad arguments raise ValueError or TypeError, a missing file OSError.
"""


class UnosqlError(Exception):
    """Root of all of them. None is an OSError or ValueError too: MicroPython allows one native base only."""


class CorruptionError(UnosqlError):
    """Stored bytes fail their checksum or MAC. verify() lists all that do; docs/PC.md tells how to save the
    rest. Unosql.destroy() removes the database, to start anew.

    where: name of the file or flash region. offset: bytes from its start, or None. why: what failed, in words.
    """

    def __init__(self, where, offset, why):
        at = "" if offset is None else " at offset %d" % offset
        super().__init__("%s%s: %s" % (where, at, why))
        self.where = where
        self.offset = offset
        self.why = why


class WrongKeyError(UnosqlError):
    """The key is not the one that the database was made with, or is missing."""


class ClosedError(UnosqlError):
    """The database was closed, by close() or at the end of `with`."""


class BusyError(UnosqlError):
    """The call interrupts another one of the same thread: from a callback (machine.Timer, Pin.irq, micropython.schedule),
    a signal handler or a finalizer. It did nothing; post() is for these."""


class LockTimeoutError(UnosqlError):
    """Another process or thread held the database for longer than core.LOCK_TIMEOUT."""


class StorageFullError(UnosqlError):
    """No space is left on the medium. What was stored before is unchanged and usable.

    Delete records, acknowledge a queue or lower a cap, then insert again: a reserve is kept with which that works. clear()
    and drop() give most at once."""


class ConflictError(UnosqlError):
    """The record was changed since it was read, as the version in the changes tells. Nothing was written: read it again.

    id: of the record. version: the current one.
    """

    def __init__(self, id, seen, version):
        super().__init__("record %d has version %d, not %d: read it again" % (id, version, seen))
        self.id = id
        self.version = version


class UniqueError(UnosqlError):
    """A unique index holds that value already. Nothing was written.

    index: the index's fields. id: of the record that holds it.
    """

    def __init__(self, index, id, where=""):
        super().__init__("%sunique index %s: record %d holds that value" % (where, ", ".join(index), id))
        self.index = index
        self.id = id
