"""Writing the records that post() has queued."""

import json

from .errors import UniqueError, UnosqlError


def write(database, catalog):
    """Insert them in order. What the database refuses is counted and logged; return the error that stopped it, or None.

    One that was stopped stays queued, with all behind it: a full medium, say, may have room later.
    """
    posted = database.posted
    for _ in range(len(posted)):  # not what is posted meanwhile: that may never end
        item = posted[0]
        collection = catalog.collection(item[0], True)
        if database.tried[0] is item and collection.next > database.tried[1]:
            pass  # written by a call that was stopped after that, by a KeyboardInterrupt, say
        else:
            database.tried = item, collection.next
            try:
                collection.insert(json.loads(item[1]))
            except (UniqueError, ValueError) as error:
                _refuse(database, item, error)
            except (UnosqlError, OSError, MemoryError) as error:
                catalog.store.ready()  # what is in RAM is what is stored, again
                if collection.next == database.tried[1]:
                    database.tried = None, 0
                    return error
        posted.pop(0)
    database.tried = None, 0


def _refuse(database, item, error):
    """Note that a posted record is not written, for good."""
    database.refused += 1
    database.refusal = error
    database.note("ERROR", "not written to %s: %s: %r" % (item[0], item[1].decode(), error))


def describe(database, stats):
    """Add to a dict what get_stats() tells of post()."""
    stats["posted"] = len(database.posted)
    stats["post_error"] = database.stopped or database.refusal
    stats["post_overflow"] = sum(database.overflow)
    stats["post_refused"] = database.refused


def tell(database):
    """Raise what keeps posted records from being written, or has since the last time."""
    error = database.stopped
    if not error:
        error, database.refusal = database.refusal, None
    if error:
        raise error
