"""Errors as one line for the user."""
from .terminal import Failure, shown
from firmware import outcome


def line_of(error):
    """One line: what is wrong and what to do."""
    from unosql.errors import CorruptionError, LockTimeoutError, UnosqlError, WrongKeyError

    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, WrongKeyError):
        return shown(error) + " (--key HEX, --passphrase, $UNOSQL_KEY or $UNOSQL_PASSPHRASE)"
    if isinstance(error, CorruptionError):
        return shown(error) + "; `unosql verify` lists the damage, `unosql salvage` saves what is left"
    if isinstance(error, OSError) and error.filename:
        return "%s: %s" % (shown(error.filename), error.strerror)
    if isinstance(error, (UnosqlError, LockTimeoutError, OSError, ValueError)):
        return shown(error)
    return shown(outcome.line_on(error))
