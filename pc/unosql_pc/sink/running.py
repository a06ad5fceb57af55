"""`unosql sink run`: puts broker, store and metrics together, and ends them in order."""
import logging
import os
import signal
import sys
from typing import NamedTuple

from ..terminal import Failure
from .inbox import Inbox
from .metrics import Metrics
from .sealing import Envelope, read_key
from .service import Service
from .store import Store


class Options(NamedTuple):
    """Of `unosql sink run`, as they came: see commands.py."""

    mqtt: str | None
    nats: str | None
    postgres: str
    prefix: str
    share: str | None
    shard: str | None
    ca: str | None
    password_file: str | None
    key_file: str | None
    metrics: str | None
    tables: int


def run(options):
    """Run until SIGTERM or Ctrl-C; return 0. Failure: what no waiting mends."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    inbox, store = Inbox(shard=shard(options.shard)), Store(options.postgres, options.tables)
    envelope = Envelope(read_key(options.key_file)) if options.key_file else None
    broker = _carrier(options, inbox)
    metrics = _metrics(options, store, inbox, broker)
    service = Service(inbox, store, broker, metrics, envelope)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    try:
        broker.start()
        service.run()
    finally:
        inbox.close()
        broker.stop()
        store.close()
        if metrics:
            metrics.stop()
    logging.getLogger("unosql.sink").info("ended; what was answered is durable, the rest comes again")
    return 0


def _carrier(options, inbox):
    if options.nats:
        from .nats import Nats as carrier
    else:
        from .mqtt import Broker as carrier
    return carrier(options.nats or options.mqtt, password(options.password_file), options.prefix, options.share, options.ca, inbox.put)


def shard(text):
    """Return (i, n) of "i/n". Failure for anything else."""
    i, _, n = (text or "1/1").partition("/")
    if not (i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise Failure("--shard takes I/N, 1/4 to 4/4 for four sinks, not %r" % text)
    return int(i), int(n)


def _metrics(options, store, inbox, broker):
    if not options.metrics:
        return None
    host, _, port = options.metrics.rpartition(":")
    if not host or not port.isdecimal():
        raise Failure("--metrics takes HOST:PORT, not %r" % options.metrics)
    try:
        return Metrics(options.metrics, store, inbox, broker, options.postgres)
    except OSError as error:
        raise Failure("--metrics %s: %s" % (options.metrics, error.strerror)) from None


def password(file):
    """Return the broker's password, of a file or the environment; None: there is none."""
    if file:
        with open(file) as opened:
            return opened.read().strip()
    return os.environ.get("UNOSQL_SINK_PASSWORD") or None
