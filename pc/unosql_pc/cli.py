"""The `unosql` command: its arguments, and how errors reach the user."""
import argparse
import os
import signal
import sys

from . import commands, engine
from .terminal import Failure, say, shown
from firmware import outcome


def parser():
    main = argparse.ArgumentParser(prog="unosql", description="Databases of boards with unosql, on a PC.",
                                   epilog="docs/PC.md in the repository has more.")
    main.add_argument("--version", action="version", version="unosql " + engine.version())
    commands.add_all(main.add_subparsers(metavar="COMMAND", required=True))
    return main


def main(arguments=None):
    """Run a command; its exit code: 0, 1 when verify found problems, 2 for errors, 130 after Ctrl-C."""
    _open_streams()
    a = parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    try:
        status = a.run(a)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # `| head` has seen enough
        outcome.say_nothing_more()
        return 0
    except Exception as error:
        say("error: " + _message(error))
        outcome.say_nothing_more()
        return 2


def _open_streams():
    """What the shell has closed (>&-) Python has as None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def _joined(arguments):
    """--order-by -age as --order-by=-age: argparse takes what starts with a dash for an option."""
    joined = []
    for argument in arguments:
        if joined and joined[-1] == "--order-by":
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def _message(error):
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
