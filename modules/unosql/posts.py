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
                database.refuse(item, error)
            except (UnosqlError, OSError, MemoryError) as error:
                catalog.store.ready()  # what is in RAM is what is stored, again
                if collection.next == database.tried[1]:
                    database.tried = None, 0
                    return error
        posted.pop(0)
    database.tried = None, 0
