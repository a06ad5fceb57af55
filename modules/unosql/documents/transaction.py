"""Context managers that make several writes one batch."""


class Transaction:
    """Commits at its end; an exception rolls back."""

    def __init__(self, catalog):
        self._catalog = catalog

    def __enter__(self):
        self._catalog.begin()

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self._catalog.commit()
        else:
            self._catalog.rollback(error)


class NestedTransaction:
    """Several writes within a transaction: when one fails the transaction can't commit."""

    def __init__(self, catalog):
        self._catalog = catalog

    def __enter__(self):
        pass

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self._catalog.spoiled = True


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
