"""The `unosql` command: its arguments, and how errors reach the user."""
import argparse
import os
import signal
import sys

from . import commands, engine, messages
from .terminal import say
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
    sys.set_int_max_str_digits(0)  # MicroPython stores numbers of any length
    a = _parsed(_joined(sys.argv[1:] if arguments is None else arguments))
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
        say("error: " + messages.line_of(error))
        outcome.say_nothing_more()
        return 2


def _parsed(arguments):
    """The arguments. argparse takes what may be left out only beside the others: behind an option it is taken here."""
    main_parser = parser()
    a, rest = main_parser.parse_known_args(arguments)
    late = getattr(a, "late", None)
    if len(rest) == 1 and late and getattr(a, late) is None and not rest[0].startswith("-"):
        setattr(a, late, rest.pop())
    if rest:
        main_parser.error("unrecognized arguments: %s" % " ".join(rest))
    return a


def _open_streams():
    """What the shell has closed (>&-) Python has as None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def _joined(arguments):
    """--order-by -age as --order-by=-age, --tz -05:00 as well: argparse takes what starts with a dash for an option."""
    joined = []
    for argument in arguments:
        if joined and joined[-1] in ("--order-by", "--tz"):
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined
