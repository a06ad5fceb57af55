"""Times as ISO 8601: a record's timestamp is seconds since the epoch of the port that wrote it, 2000 or 1970.

The format does not tell which. A clock that is set does: see FIRST.
"""
import re
import zoneinfo
from datetime import datetime, timedelta, timezone

from .terminal import Failure, shown
from unosql.documents.record import header

EPOCHS = {"2000": 946684800, "1970": 0}  # seconds after 1970 at which a port's clock starts
FIRST = 1400000000  # such seconds, and more, are since 1970 (from 2014 on); less are since 2000 (until 2044)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_TESTS = ("eq", "ne", "gt", "gte", "lt", "lte", "in")


def add_options(parser):
    """--epoch, --tz, --raw-times and --times."""
    group = parser.add_argument_group("times, which are shown and taken in conditions as ISO 8601")
    group.add_argument("--epoch", choices=("auto", *EPOCHS), default="auto",
                       help="when the clock that wrote them starts: boards 2000, unix 1970; default: told by the newest record")
    group.add_argument("--tz", metavar="ZONE", default="UTC", help="UTC (default), local, +02:00, or a name as Europe/Paris")
    group.add_argument("--times", metavar="FIELDS", help="fields of yours that are times as well: at,seen")
    group.add_argument("--raw-times", action="store_true", help="numbers, as they are stored")


def of(arguments):
    """The Times that the options ask for. Failure when there is no such zone."""
    own = [name.strip() for name in arguments.times.split(",")] if arguments.times else []
    return Times(arguments.epoch, zone(arguments.tz), arguments.raw_times, own)


def zone(name):
    """A tzinfo, or None for the PC's own. Failure when there is none of that name."""
    offset = _OFFSET.fullmatch(name)
    if offset and int(offset[2]) < 24 and int(offset[3]) < 60:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    if name.lower() in ("utc", "z"):
        return timezone.utc
    if name.lower() == "local":
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise Failure("no time zone %s; write UTC, local, +02:00 or a name as Europe/Paris" % shown(name)) from None


class Times:
    """How times are shown. epoch: "auto" or a key of EPOCHS. zone: a tzinfo or None. raw: as numbers. own: more fields."""

    def __init__(self, epoch="auto", zone=timezone.utc, raw=False, own=()):
        self.epoch, self.zone, self.raw = epoch, zone, raw
        self.fields = ("timestamp", *own)

    @property
    def zone_name(self):
        """The zone as browsers know it: "UTC", "local", "+02:00" or a name."""
        if self.zone is None:
            return "local"
        return getattr(self.zone, "key", None) or self.zone.tzname(None).removeprefix("UTC") or "UTC"

    def settled(self, collection):
        """These for conditions on a Collection: its newest record tells the epoch, unless an option does."""
        return self.of_epoch(newest(collection))

    def of_epoch(self, seconds):
        """These where a time tells the epoch, unless an option does."""
        epoch = _epoch(seconds) if self.epoch == "auto" else self.epoch
        return Times(epoch, self.zone, self.raw, self.fields[1:])

    def unix(self, seconds):
        """A stored time as seconds since 1970."""
        return seconds + EPOCHS[_epoch(seconds) if self.epoch == "auto" else self.epoch]

    def moment(self, seconds):
        """A stored time as a datetime, or None where a calendar has none for it."""
        try:
            return datetime.fromtimestamp(self.unix(seconds), self.zone or timezone.utc).astimezone(self.zone)
        except (OverflowError, ValueError, OSError):
            return None

    def text(self, seconds):
        """A stored time as text; as it is where it is no number, or raw ones are wanted."""
        if self.raw or not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            return seconds
        moment = self.moment(seconds)
        return iso(moment) if moment else seconds

    def record(self, record):
        """A record with its times as text."""
        if not self.raw:
            record = {name: self.text(value) if name in self.fields else value for name, value in record.items()}
        return record

    def stored(self, text):
        """ISO 8601 as seconds since the epoch, in the zone where the text tells none. ValueError."""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone) if self.zone else moment.astimezone()
        seconds = moment.timestamp() - EPOCHS["2000" if self.epoch == "auto" else self.epoch]
        return int(seconds) if seconds == int(seconds) else seconds

    def condition(self, where):
        """A condition in which fields that are times may be compared with ISO 8601. Failure when a text is none."""
        if not isinstance(where, dict):
            return where
        return {name: self._compared(name, value) for name, value in where.items()}

    def _compared(self, name, value):
        if name in ("and", "or") and isinstance(value, list):
            return [self.condition(part) for part in value]
        if name == "not":
            return self.condition(value)
        return self._number(name, value) if name in self.fields else value

    def _number(self, name, value):
        if isinstance(value, dict):
            return {test: self._number(name, part) if test in _TESTS else part for test, part in value.items()}
        if isinstance(value, list):
            return [self._number(name, part) for part in value]
        try:
            return self.stored(value) if isinstance(value, str) else value
        except ValueError:
            raise Failure("%s: %s is no time; write it like 2026-11-26T20:00:00Z" % (shown(name), shown(value))) from None


def newest(collection):
    """The timestamp of the record inserted last, 0 when there is none."""
    raw = next((raw for _, raw in collection.scan(reverse=True)), None)
    return header(raw)[1] if raw else 0


def _epoch(seconds):
    return "1970" if seconds >= FIRST else "2000"


def iso(moment):
    """A datetime as ISO 8601, Z for UTC; parts of a second only where there are any."""
    return moment.isoformat(timespec="auto" if moment.microsecond else "seconds").replace("+00:00", "Z")
