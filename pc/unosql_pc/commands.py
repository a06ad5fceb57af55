"""The commands of `unosql`: their arguments, and what runs them. Modules are imported when needed: some take their time."""
import os

from . import key_input, rows, times, writing
from .sink import commands as sink_commands

KEEP_OUT = "JSON lines also tell the collections' options, indexes and next ids, for `unosql import --keep-ids`"
SUMS = {"sum": "add numbers up", "avg": "the mean of numbers", "min": "the least value", "max": "the greatest value",
        "first": "the value in the record with the lowest id", "last": "in that with the highest id",
        "distinct": "how many different values"}
PATH_HELP = "a directory NAME.udb, a raw flash or littlefs image, or a backup file"


def _add(commands, name, run, text):
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    return command


def _add_path(command):
    command.add_argument("path", metavar="PATH", help=PATH_HELP)
    command.add_argument("--name", help="which database, where PATH holds several; default: the one called as the file is")
    key_input.add_options(command)


def add_all(commands):
    """Add the parsers of all commands."""
    _board_commands(commands)
    _reading_commands(commands)
    _moving_commands(commands)
    text = "take over what a fleet of devices sends, into PostgreSQL"
    sink_commands.add_to(commands.add_parser("sink", help=text, description=text[:1].upper() + text[1:] + "."))


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
    key_input.add_options(pull)
    push = _add(commands, "push", _push, "put a database or a backup onto a board, which is reset")
    push.add_argument("port", metavar="PORT")
    push.add_argument("path", metavar="PATH", help=PATH_HELP)
    push.add_argument("--name", help="which database, where PATH holds several")
    push.add_argument("--as", dest="new", metavar="NAME", help="what it is called on the board")
    push.add_argument("--folder", help="the directory on the board's filesystem; default: /")
    push.add_argument("--raw", action="store_true", default=None, help="into the raw partition; default for images of one")
    push.add_argument("--replace", action="store_true", help="what the board has of that name")
    key_input.add_options(push)
    copy = _add(commands, "copy", _copy, "copy files to or from a board, which is reset: copy PORT :log.bak . or copy PORT main.py :")
    copy.add_argument("port", metavar="PORT")
    copy.add_argument("names", metavar="FILE", nargs="+", help="files, and at last where to; names on the board begin with a colon")
    copy.add_argument("--replace", action="store_true", help="files that are there")


def _reading_commands(commands):
    inspect = _add(commands, "inspect", _inspect, "tell what is in a database")
    _add_path(inspect)
    inspect.add_argument("--json", action="store_true", help="one line of JSON a database")
    query = _add(commands, "query", _query, "print records, or sums of them")
    _add_path(query)
    query.add_argument("collection", metavar="COLLECTION")
    query.add_argument("where", metavar="CONDITION", nargs="?", help="JSON, as find() takes it: '{\"age\": {\"gt\": 18}}'")
    query.set_defaults(late="where")
    query.add_argument("--limit", type=int, metavar="N")
    query.add_argument("--order-by", metavar="FIELDS", help="age,-name: by age, then by name downwards")
    query.add_argument("--fields", metavar="FIELDS", help="only these, and the id: age,name")
    form = query.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON lines, without a limit")
    form.add_argument("-o", "--output", metavar="FORM|FILE", help="csv, jsonl, json or html: that on stdout; else a new file, whose "
                      "name ends with .csv, .jsonl, .json, .html, .parquet or .sqlite")
    _add_sums(query)
    times.add_options(query)
    _add_plot(commands)
    browse = _add(commands, "browse", _browse, "show databases in a browser, on this machine only; changes nothing")
    browse.add_argument("paths", metavar="PATH", nargs="+", help=PATH_HELP)
    browse.add_argument("--name", help="which database, where a PATH holds several; default: all")
    browse.add_argument("--port", type=int, default=0, help="default: one that is free")
    browse.add_argument("--no-open", action="store_true", help="only print the address")
    key_input.add_options(browse)
    times.add_options(browse)
    shell = _add(commands, "shell", _shell, "type calls on a database; all of them, in memory unless --write")
    _add_path(shell)
    shell.add_argument("--write", action="store_true", help="what is changed stays; for a database directory, and makes one")
    times.add_options(shell)
    _add_path(_add(commands, "verify", _verify, "check everything; exit code 1 when there are problems"))
    salvage = _add(commands, "salvage", _salvage, "save what verifies of a damaged database, as JSON lines")
    _add_path(salvage)
    salvage.add_argument("out", metavar="OUT.jsonl", help="a new file, or - for stdout")
    salvage.add_argument("--like", metavar="BACKUP", help="a backup of the same database, when the manifest is gone")
    salvage.add_argument("--keep-ids", action="store_true", help=KEEP_OUT)
    times.add_options(salvage)


def _add_plot(commands):
    plot = _add(commands, "plot", _plot, "plot fields of records, in the terminal or to a file")
    _add_path(plot)
    plot.add_argument("collection", metavar="COLLECTION")
    plot.add_argument("x", metavar="X", help="a field: timestamp, say")
    plot.add_argument("y", metavar="Y", help="a field, or several: celsius,humidity")
    plot.add_argument("where", metavar="CONDITION", nargs="?", help="JSON, as find() takes it")
    plot.set_defaults(late="where")
    plot.add_argument("--by", metavar="FIELD", help="a line for each value of it")
    plot.add_argument("-o", "--output", metavar="FILE", help="a new file, .svg, .png or .pdf; default: the terminal")
    times.add_options(plot)


def _add_sums(query):
    group = query.add_argument_group("sums, instead of records")
    group.add_argument("--count", action="store_true", help="how many records")
    group.add_argument("--group-by", metavar="FIELDS", help="one row for each value: city, or city,age")
    group.add_argument("--bucket", metavar="FIELD:TIME", help="one row for each time: timestamp:1h; s, m, h, d, w, in UTC")
    for name, text in SUMS.items():
        group.add_argument("--" + name, metavar="FIELDS", action="append", help=text)


def _moving_commands(commands):
    export = _add(commands, "export", _export, "write collections to a file")
    _add_path(export)
    export.add_argument("--format", choices=writing.FORMS, help="default: told by the end of the file's name")
    export.add_argument("-o", "--output", metavar="FILE", required=True, help="a new file")
    export.add_argument("--collection", help="only this one")
    export.add_argument("--keep-ids", action="store_true", help=KEEP_OUT)
    times.add_options(export)
    load = _add(commands, "import", _import, "put records of JSON, CSV, SQLite, TinyDB or MongoDB into a database, all or none")
    load.add_argument("file", metavar="FILE", help="- is stdin")
    load.add_argument("path", metavar="PATH", help="NAME.udb: a database directory; anything else: a backup file. "
                      "Made when there is none")
    load.add_argument("collection", metavar="COLLECTION", nargs="?", help="not needed where the file tells")
    load.set_defaults(late="collection")
    load.add_argument("--upsert", metavar="KEY", help="a record with the same KEY (a field, or several: city,name) is changed, "
                      "not inserted again")
    load.add_argument("--format", choices=rows.FORMS, default="auto",
                      help="default: told by what is in FILE; CSV when it ends with .csv or .tsv")
    load.add_argument("--delimiter", metavar="CHARACTER", help="of a CSV: a character, or comma, semicolon, tab, bar; default: told "
                      "by the header")
    load.add_argument("--encoding", help="of a CSV: cp1252, utf-16, ...; default: utf-8, or what a mark at its start tells")
    load.add_argument("--decimal-comma", action="store_true", help="1,5 in a CSV is a number")
    load.add_argument("--table", help="of an SQLite database, only this")
    load.add_argument("--epoch", choices=tuple(times.EPOCHS), default="2000",
                      help="when the clock of the device starts: boards 2000 (default), unix 1970")
    load.add_argument("--tz", metavar="ZONE", default="UTC", help="of timestamps in the file that tell none; default: UTC")
    own = load.add_mutually_exclusive_group()
    own.add_argument("--keep-ids", action="store_true", help="records keep the id, timestamp and version they have in the file; "
                     "collections the options, indexes and next id that export and salvage wrote with --keep-ids")
    own.add_argument("--own", choices=("rename", "drop"), help="an id, timestamp and version in the file: store as own_id and "
                      "so on, or leave out; default: new ones for records that have all three, else an error")
    load.add_argument("--text", action="store_true", help="leave all cells of a CSV or table as text")
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

    pulling.run(a.port, a.name, a.directory, a.folder, a.everything, key_input.key_of(a))
    return 0


def _push(a):
    from . import pushing

    return pushing.run(a.port, a.path, key_input.key_of(a), a.name, a.new, a.folder, a.raw, a.replace)


def _copy(a):
    from . import copying

    return copying.run(a.port, a.names, a.replace)


def _source(a):
    from . import open_path

    return open_path.choose(a.path, a.name, key_input.key_of(a))


def _inspect(a):
    from . import inspecting

    return inspecting.inspect(a.path, a.name, key_input.key_of(a), a.json)


def _query(a):
    from . import querying, summing

    sums = summing.Sums(querying.names(a.group_by) or [], summing.bucket(a.bucket), a.count,
                        [(function, field) for function in SUMS for part in getattr(a, function) or ()
                         for field in querying.names(part) or ()])
    query = querying.Query(a.where, a.limit, querying.names(a.order_by), querying.names(a.fields), sums)
    return querying.run(_source(a), key_input.key_of(a), a.collection, query, times.of(a), "rows" if a.json else a.output)


def _plot(a):
    from . import plotting

    return plotting.run(_source(a), key_input.key_of(a), a.collection, [a.x, *(name.strip() for name in a.y.split(","))], a.where, a.by, times.of(a),
                        a.output)


def _browse(a):
    from . import browse_server

    return browse_server.run(a.paths, a.name, key_input.key_of(a), times.of(a), a.port, not a.no_open)


def _shell(a):
    from . import shell

    return shell.run(a.path, a.name, key_input.key_of(a), times.of(a), a.write)


def _verify(a):
    from . import inspecting

    return inspecting.check(_source(a), key_input.key_of(a))


def _salvage(a):
    from . import salvage

    return salvage.run(_source(a), a.out, key_input.key_of(a), a.like, a.keep_ids, times.of(a))


def _export(a):
    from . import exporting

    return exporting.run(_source(a), key_input.key_of(a), a.format, a.output, a.collection, a.keep_ids,
                         times.of(a))


def _import(a):
    from . import importing, querying

    reading = rows.Reading(a.format, a.collection, a.table, a.encoding, a.delimiter, a.text, a.decimal_comma)
    return importing.run(a.file, a.path, key_input.key_of(a), importing.Options(
        reading, times.Times(a.epoch, times.zone(a.tz)), "keep" if a.keep_ids else a.own, querying.names(a.upsert)))
