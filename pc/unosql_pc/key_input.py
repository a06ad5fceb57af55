"""The key of an encrypted database: from an option, a prompt or the environment. It is never printed."""
import getpass
import os

from .terminal import Failure

ENVIRONMENT = "UNOSQL_KEY"
PASSPHRASE = "UNOSQL_PASSPHRASE"
SHORTEST = 8  # bytes, as on the device


def add_options(parser):
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--key", metavar="HEX", help="the key's bytes in hex (32 digits for 16 bytes); default: $%s" % ENVIRONMENT)
    group.add_argument("--passphrase", action="store_true", help="ask for a passphrase; default: $%s" % PASSPHRASE)


def key_of(arguments):
    """The key as bytes, or None. Failure when what was given is none."""
    if arguments.key is not None:
        return _parse(arguments.key, "--key")
    if arguments.passphrase is True:
        arguments.passphrase = getpass.getpass("Passphrase: ")  # asked for once
    if arguments.passphrase is not False:
        return _text(arguments.passphrase)
    if os.environ.get(ENVIRONMENT):
        return _parse(os.environ[ENVIRONMENT], "$" + ENVIRONMENT)
    return _text(os.environ[PASSPHRASE]) if os.environ.get(PASSPHRASE) else None


def _parse(digits, where):
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise Failure("%s is not hex digits; for a passphrase use --passphrase or $%s" % (where, PASSPHRASE)) from None
    if len(key) < SHORTEST:
        raise Failure("%s has %d bytes, a key has 16 (or at least %d)" % (where, len(key), SHORTEST))
    return key


def _text(passphrase):
    if not passphrase:
        raise Failure("the passphrase is empty")
    try:
        return passphrase.encode()
    except UnicodeEncodeError:
        raise Failure("the passphrase is no UTF-8; say the key in hex digits, by --key or $%s" % ENVIRONMENT) from None
