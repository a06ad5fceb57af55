"""The arguments of `unosql sink`, and what runs them."""
import os

from ..extras import need
from ..terminal import Failure

TABLES = 100


def add_to(sink):
    """Add the commands of `unosql sink` to its parser."""
    commands = sink.add_subparsers(metavar="COMMAND", required=True)
    run = _add(commands, "run", _run, "take over what devices send, until Ctrl-C or SIGTERM")
    carrier = run.add_mutually_exclusive_group(required=True)
    carrier.add_argument("--nats", metavar="URL", help="instead, NATS by its own protocol: nats://USER@HOST:PORT; sinks divide the work")
    carrier.add_argument("--mqtt", metavar="URL", help="mqtt://USER@HOST:PORT or mqtts://...; the password is in "
                     "$UNOSQL_SINK_PASSWORD or --password-file")
    run.add_argument("--password-file", metavar="FILE", help="the broker's password")
    run.add_argument("--key-file", metavar="FILE", help="64 hex digits: messages are sealed, and others refused; `add --key-file` tells devices' keys")
    run.add_argument("--ca", metavar="FILE", help="certificates that mqtts trusts; default: the system's")
    run.add_argument("--prefix", default="unosql", help="what topics begin with; default: unosql")
    run.add_argument("--share", metavar="NAME", help="share the work with other sinks of that NAME; the broker must know $share")
    run.add_argument("--shard", metavar="I/N", help="where it does not: take only each Nth device, by a hash; 1/4 to 4/4 for four sinks")
    run.add_argument("--tables", type=int, metavar="N", default=TABLES, help="tables of collections at most; default: %d" % TABLES)
    run.add_argument("--metrics", metavar="HOST:PORT", help="serve metrics there, for Prometheus")
    tables = _add(commands, "schema", _schema, "print the SQL that run executes on an empty database, to look at or to run as another user", False)
    for kind, text in (("log", "with the table of this collection, a log; again for more"), ("state", "the same of a collection that is no log")):
        tables.add_argument("--" + kind, metavar="NAME", dest="collections", action="append", type=lambda name, kind=kind: (name, kind == "log"), help=text)
    _add_asking(commands)
    _add_sending(commands)
    _add_changing(commands)
    _add_users(commands)


def _add_asking(commands):
    for name, text in (("devices", "print devices, how far they are and when they were heard of"),
                       ("gaps", "print which records are lost"),
                       ("sent", "print what was sent to devices, and what became of it"), ("dead", "print what PostgreSQL did not take")):
        asking = _add(commands, name, globals()["_" + name], text)
        asking.add_argument("device", metavar="DEVICE", nargs="?", help="only of this one")
        asking.add_argument("--json", action="store_true", help="JSON lines")
    choice = asking.add_mutually_exclusive_group()
    choice.add_argument("--retry", type=int, metavar="N", help="try the one with this number again")
    choice.add_argument("--drop", type=int, metavar="N", help="drop the one with this number")


def _add_sending(commands):
    send = _add(commands, "send", _send, "set something on a device, write a record there, or have it do something: each once")
    send.add_argument("device", metavar="DEVICE")
    send.add_argument("kind", choices=("set", "put", "del", "do"), help="a setting, a record, no such record, a command")
    send.add_argument("words", metavar="...", nargs="+", help="set NAME JSON, put COLLECTION KEY {...}, del COLLECTION KEY, do NAME [JSON]")
    send.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="a command is not run later than that; default: whenever")


def _add_changing(commands):
    forget = _add(commands, "forget", _forget, "delete all that came from a device")
    forget.add_argument("device", metavar="DEVICE")
    forget.add_argument("--yes", action="store_true", help="without this nothing is deleted")
    rename = _add(commands, "rename", _rename, "give all that came from a device to another name, before the device takes that")
    rename.add_argument("old", metavar="OLD")
    rename.add_argument("new", metavar="NEW")
    replay = _add(commands, "replay", _replay, "have a device send again what it still has; rows that it has are deleted before")
    replay.add_argument("device", metavar="DEVICE")
    replay.add_argument("--from", dest="change", type=int, default=0, metavar="CHANGE", help="what follows on this change; default: 0, all")


def _add_users(commands):
    add = _add(commands, "add", _new_user, "make a password for a device, and print it or let the broker know it", False)
    add.add_argument("device", metavar="DEVICE", help="its name, and the user's")
    add.add_argument("--broker", choices=("mosquitto", "nats"), default="mosquitto", help="default: mosquitto")
    add.add_argument("--file", metavar="FILE", help="mosquitto's password_file, which gets the user's line")
    add.add_argument("--prefix", default="unosql", help="what topics begin with; default: unosql")
    add.add_argument("--sink", action="store_true", help="it is no device, but a sink (for NATS; mosquitto has that in its acl_file)")
    add.add_argument("--key-file", metavar="FILE", help="the sink's key: print the device's, which seals its messages, as well")
    acl = _add(commands, "acl", _acl, "print mosquitto's acl_file, which lets each device speak for itself only", False)
    acl.add_argument("--prefix", default="unosql", help="what topics begin with; default: unosql")
    acl.add_argument("--user", default="sink", help="the sink's user; default: sink")


def _add(commands, name, run, text, asks_postgres=True):
    command = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    if asks_postgres:
        command.add_argument("--postgres", metavar="URL",
                             help="postgresql://USER@HOST/DATABASE; default: $UNOSQL_POSTGRES, or what PGHOST and its like tell; the password "
                             "is in $PGPASSWORD or ~/.pgpass")
    command.set_defaults(run=run)
    return command


def _dsn(a):
    """Return what libpq takes. Failure for a password that others see: arguments are no secret."""
    if a.postgres is None:
        return os.environ.get("UNOSQL_POSTGRES", "")
    if conninfo(a.postgres).get("password"):
        raise Failure("a password in --postgres is for all to see: put it into $PGPASSWORD, $UNOSQL_POSTGRES or ~/.pgpass")
    return a.postgres


def conninfo(dsn):
    """Return what a conninfo or URL says, a dict."""
    psycopg = need("psycopg", "sink")
    try:
        return psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise Failure("--postgres takes postgresql://USER@HOST/DATABASE: %s" % str(error).strip()) from None


def _run(a):
    if a.mqtt:
        need("paho.mqtt", "sink", "paho-mqtt")
    need("prometheus_client", "sink", "prometheus-client")
    from . import running

    return running.run(running.Options(a.mqtt, a.nats, _dsn(a), a.prefix, a.share, a.shard, a.ca, a.password_file, a.key_file, a.metrics, a.tables))


def _schema(a):
    need("psycopg", "sink")
    from . import schema

    print(schema.text(a.collections or ()), end="")
    return 0


def _asking():
    need("psycopg", "sink")
    from . import asking

    return asking


def _devices(a):
    return _asking().devices(_dsn(a), a.device, a.json)


def _gaps(a):
    return _asking().gaps(_dsn(a), a.device, a.json)


def _dead(a):
    return _asking().dead(_dsn(a), a.device, a.json, a.retry, a.drop)


def _sent(a):
    need("psycopg", "sink")
    from . import sending

    return sending.sent(_dsn(a), a.device, a.json)


def _send(a):
    need("psycopg", "sink")
    from . import sending

    return sending.send(_dsn(a), a.device, a.kind, a.words, a.seconds)


def _forget(a):
    return _asking().forget(_dsn(a), a.device, a.yes)


def _rename(a):
    _check(a.new)
    return _asking().rename(_dsn(a), a.old, a.new)


def _replay(a):
    return _asking().replay(_dsn(a), a.device, a.change)


def _check(name):
    from unosql.sync import check_device

    check_device(name)


def _new_user(a):
    from . import credentials

    _check(a.device)
    return credentials.add(a.device, a.broker, a.file, a.prefix, a.sink, a.key_file)


def _acl(a):
    from . import credentials

    return credentials.acl(a.prefix, a.user)
