"""Context managers that make several writes one batch."""


class Transaction:
    """Commits at its end; an exception rolls back. Within another one that does so: where this one fails, that can't commit."""

    def __init__(self, catalog):
        self._catalog = catalog
        self._is_nested = catalog.in_transaction

    def __enter__(self):
        if not self._is_nested:
            self._catalog.begin()

    def __exit__(self, kind, error, traceback):
        if self._is_nested:
            self._catalog.spoiled |= kind is not None
        elif kind is None:
            self._catalog.commit()
        else:
            self._catalog.rollback(error)


class UserTransaction:
    """Keeps other threads out from `with` to its end, which commits; an exception rolls back."""

    def __init__(self, database):
        self._database = database

    def __enter__(self):
        self._catalog = self._database.__enter__()
        try:
            self._catalog.begin()
        except BaseException as error:
            self._database.__exit__(type(error), error, None)
            raise
        self._database.lock.pause()

    def __exit__(self, kind, error, traceback):
        lock = self._database.lock
        self._database.abandoned = lock.is_interrupted()  # the call at hand ends it then
        lock.check()
        lock.resume()
        try:
            if kind is None:
                self._catalog.commit()
            else:
                self._catalog.rollback(error)
        finally:
            self._database.__exit__(kind, error, traceback)
