"""The `unosql` command: its arguments, and how errors reach the user."""
import argparse
import os
import signal
import sys

from . import engine, key_input
from .terminal import Failure, say, shown
from firmware import outcome

PATH_HELP = "a directory NAME.udb, a raw flash or littlefs image, or a backup file"


def parser():
    main = argparse.ArgumentParser(prog="unosql", description="Databases of boards with unosql, on a PC.",
                                   epilog="docs/PC.md in the repository has more.")
    main.add_argument("--version", action="version", version="unosql " + engine.version())
    commands = main.add_subparsers(metavar="COMMAND", required=True)
    _board_commands(commands)
    _reading_commands(commands)
    _moving_commands(commands)
    return main


def _add(commands, name, run, text):
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    return command


def _add_path(command):
    command.add_argument("path", metavar="PATH", help=PATH_HELP)
    command.add_argument("--name", help="which database, where PATH holds several")
    key_input.add_options(command)


def _board_commands(commands):
    ports = _add(commands, "ports", _ports, "list the boards attached")
    ports.add_argument("--all", action="store_true", help="all serial ports, not only those on USB")
    flash = _add(commands, "flash", _flash, "put an image on a board; nothing is erased without a yes")
    flash.add_argument("image", metavar="IMAGE", help="an image (.bin), or the directory of a release")
    flash.add_argument("--port", default=os.environ.get("PORT") or None, help="default: the one board attached; or $PORT")
    flash.add_argument("--erase", choices=("yes", "no"), default=os.environ.get("ERASE") or None,
                       help="erase all flash first; asked for when left out; or $ERASE")
    flash.add_argument("--baud", type=int, default=os.environ.get("BAUD") or 460800, help="default: 460800; or $BAUD")
    flash.add_argument("--dry-run", action="store_true", help="only print esptool's commands")
    pull = _add(commands, "pull", _pull, "copy a database from a board, which is reset")
    pull.add_argument("port", metavar="PORT")
    pull.add_argument("name", metavar="NAME", help="the database's name")
    pull.add_argument("directory", metavar="DIR", help="where NAME.udb or NAME.img goes")
    pull.add_argument("--folder", help="the directory on the board's filesystem; default: the raw partition, then /")
    pull.add_argument("--everything", action="store_true", help="the whole raw partition, free blocks too")


def _reading_commands(commands):
    inspect = _add(commands, "inspect", _inspect, "tell what is in a database")
    _add_path(inspect)
    inspect.add_argument("--json", action="store_true", help="one line of JSON a database")
    query = _add(commands, "query", _query, "print records")
    _add_path(query)
    query.add_argument("collection", metavar="COLLECTION")
    query.add_argument("where", metavar="CONDITION", nargs="?", help="JSON, as find() takes it: '{\"age\": {\"gt\": 18}}'")
    query.add_argument("--limit", type=int, metavar="N")
    query.add_argument("--order-by", metavar="FIELDS", help="age,-name: by age, then by name downwards")
    query.add_argument("--fields", metavar="FIELDS", help="only these, and the id: age,name")
    query.add_argument("--json", action="store_true", help="JSON lines, without a limit")
    _add_path(_add(commands, "verify", _verify, "check everything; exit code 1 when there are problems"))
    salvage = _add(commands, "salvage", _salvage, "save what verifies of a damaged database, as JSON lines")
    _add_path(salvage)
    salvage.add_argument("out", metavar="OUT.jsonl", help="a new file, or - for stdout")
    salvage.add_argument("--like", metavar="BACKUP", help="a backup of the same database, when the manifest is gone")


def _moving_commands(commands):
    export = _add(commands, "export", _export, "write collections to a file")
    _add_path(export)
    export.add_argument("--format", choices=("jsonl", "csv", "sqlite"), required=True)
    export.add_argument("-o", "--output", metavar="FILE", required=True, help="a new file")
    export.add_argument("--collection", help="only this one")
    load = _add(commands, "import", _import, "insert records of JSON lines or CSV into a database, all or none")
    load.add_argument("file", metavar="FILE", help="CSV when it ends with .csv, else JSON lines; - is stdin")
    load.add_argument("path", metavar="PATH", help="NAME.udb: a database directory; anything else: a backup file. "
                      "Made when there is none")
    load.add_argument("collection", metavar="COLLECTION", nargs="?", help="not needed where the lines tell")
    load.add_argument("--epoch", choices=("2000", "1970"), default="2000",
                      help="when the clock of the device starts: boards 2000 (default), unix 1970")
    load.add_argument("--own", choices=("rename", "drop"), help="an id, timestamp and version in the file: store as own_id and "
                      "so on, or leave out; default: new ones for records that have all three, else an error")
    load.add_argument("--text", action="store_true", help="leave all cells of a CSV as text")
    key_input.add_options(load)


# -- each command; modules are imported when needed: mpremote and esptool take their time


def _ports(a):
    from . import flashing

    return flashing.ports(a.all)


def _flash(a):
    from . import flashing

    return flashing.run(a.image, a.port, a.erase, a.baud, a.dry_run)


def _pull(a):
    from . import pulling

    pulling.run(a.port, a.name, a.directory, a.folder, a.everything)
    return 0


def _source(a):
    from . import open_path

    return open_path.choose(a.path, a.name)


def _inspect(a):
    from . import inspecting

    return inspecting.inspect(a.path, a.name, key_input.key_of(a), a.json)


def _query(a):
    from . import querying

    return querying.run(_source(a), key_input.key_of(a), a.collection, a.where, a.limit, a.order_by, a.fields, a.json)


def _verify(a):
    from . import inspecting

    return inspecting.check(_source(a), key_input.key_of(a))


def _salvage(a):
    from . import salvage

    return salvage.run(_source(a), a.out, key_input.key_of(a), a.like)


def _export(a):
    from . import exporting

    return exporting.run(_source(a), key_input.key_of(a), a.format, a.output, a.collection)


def _import(a):
    from . import importing

    return importing.run(a.file, a.path, a.collection, key_input.key_of(a), a.epoch, a.text, a.own)


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
