"""What Prometheus may ask a sink: its own counts, and the state of the fleet, which the database knows."""
import logging
import time

import prometheus_client as prometheus
import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

log = logging.getLogger("unosql.sink")
COUNTS = {
    "records": "Changes of records that were stored",
    "hellos": "Sessions of devices that began",
    "batches": "Messages with changes",
    "skipped": "Changes that were there already",
    "gaps": "Records that were announced as lost",
    "dead": "Dead letters",
    "refused": "Messages that PostgreSQL does not take, and that have no answer",
    "forks": "Databases that go on from an older past",
    "torn": "Messages that were none",
    "commits": "Transactions that were committed",
    "again": "Transactions that were taken again, as another sink was faster",
}
SAYS = "who", "back", "ahead", "fork"
LAGS = 0, 10, 100, 1000, 10_000, 100_000
_FLEET = """
select count(*), count(*) filter (where seen < now() - interval '1 hour'),
  %s, coalesce(sum(greatest(last - h, 0)), 0)::float8 from unosql.source where present
""" % ", ".join("count(*) filter (where last - h <= %d)" % lag for lag in LAGS)


class Metrics:
    """Serves them at address, "HOST:PORT". dsn: of a connection of their own: who asks keeps nobody up."""

    def __init__(self, address, store, inbox, carrier, dsn):
        self._store, self._inbox, self._carrier, self._dsn = store, inbox, carrier, dsn
        registry = prometheus.CollectorRegistry()
        self._seconds = prometheus.Histogram("unosql_sink_commit_seconds", "Time that a group took", registry=registry,
                                             buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10))
        self._sizes = prometheus.Histogram("unosql_sink_group_messages", "Messages in a group", registry=registry, buckets=(1, 3, 10, 30, 100, 300, 1000))
        registry.register(self)
        prometheus.ProcessCollector(registry=registry)
        self._fleet = 0, ()
        host, _, port = address.rpartition(":")
        self._server, self._thread = prometheus.start_http_server(int(port), host, registry)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def took(self, messages, seconds):
        self._seconds.observe(seconds)
        self._sizes.observe(messages)

    def collect(self):
        """What prometheus_client calls when it is asked."""
        counts = self._store.counts
        for name, text in COUNTS.items():
            yield CounterMetricFamily("unosql_sink_" + name, text, counts[name])
        says = CounterMetricFamily("unosql_sink_says", "Answers that send a device elsewhere", labels=["say"])
        for say in SAYS:
            says.add_metric([say], counts["say_" + say])
        yield says
        yield CounterMetricFamily("unosql_sink_dropped", "Messages left out as too many waited", self._inbox.dropped)
        yield CounterMetricFamily("unosql_sink_foreign", "Messages that no device can have sent", self._carrier.foreign + self._inbox.foreign)
        yield GaugeMetricFamily("unosql_sink_waiting", "Messages that wait", len(self._inbox))
        yield GaugeMetricFamily("unosql_sink_connected", "Whether the broker is there", int(self._carrier.is_connected))
        yield from self._of_fleet()

    def _of_fleet(self):
        row = self._asked()
        if row:
            devices, silent, *lags, waiting = row
            yield GaugeMetricFamily("unosql_fleet_devices", "Devices that were ever seen", devices)
            yield GaugeMetricFamily("unosql_fleet_silent", "Devices not heard of for an hour", silent)
            lag = HistogramMetricFamily("unosql_fleet_lag", "Changes that a device has told of and that have not come")
            lag.add_metric([], [(str(at), n) for at, n in zip(LAGS, lags)] + [("+Inf", devices)], waiting)
            yield lag

    def _asked(self):
        """Return the row of _FLEET, at most 10 seconds old, or None without PostgreSQL."""
        if time.monotonic() - self._fleet[0] > 10 or not self._fleet[1]:
            try:
                with psycopg.connect(self._dsn, connect_timeout=3, autocommit=True, application_name="unosql sink metrics") as connection:
                    self._fleet = time.monotonic(), connection.execute(_FLEET).fetchone()
            except psycopg.Error:
                self._fleet = 0, ()
        return self._fleet[1]
