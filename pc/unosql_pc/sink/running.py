"""`unosql sink run`: puts broker, store and metrics together, and ends them in order."""
import logging
import os
import signal
import sys
from typing import NamedTuple

from ..terminal import Failure
from .inbox import Inbox
from .metrics import Metrics
from .mqtt import Broker
from .service import Service
from .store import Store


class Options(NamedTuple):
    """Of `unosql sink run`, as they came: see commands.py."""

    mqtt: str
    postgres: str
    prefix: str
    share: str | None
    ca: str | None
    password_file: str | None
    metrics: str | None
    tables: int


def run(options):
    """Run until SIGTERM or Ctrl-C; return 0. Failure: what no waiting mends."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    inbox, store = Inbox(), Store(options.postgres, options.tables)
    broker = Broker(options.mqtt, password(options.password_file), options.prefix, options.share, options.ca, inbox.put)
    metrics = _metrics(options, store, inbox, broker)
    service = Service(inbox, store, broker, metrics)
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
