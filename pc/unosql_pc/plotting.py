"""`unosql plot`: fields of records as lines, in the terminal (plotille) or in a file (matplotlib)."""
import shutil
import sys
from pathlib import Path

from . import database, extras, odd
from .querying import parse
from .summing import ordered
from .terminal import Failure, say, shown
from .times import iso
from unosql.documents.condition import compile, lookup
from unosql.documents.query import search

FORMS = (".svg", ".png", ".pdf")
MOST_SERIES = 12
_HEIGHT = 20  # lines of the terminal
_MARGIN = 24  # of the axis
# Labels of times in files, as ISO 8601 has them: of years, months, days, hours, minutes and seconds; where one of these begins; what is
# beside the axis.
_ISO = (["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S.%f"], ["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M"],
        ["", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"])


def run(source, key, name, fields, where, by, times, out=None):
    """Plot fields of a collection. fields: [x, y, ...]. where: JSON text or None. by: a field: a line for each value.

    out: a new file; None: the terminal.
    """
    if len(fields) < 2 or "" in fields:
        raise Failure("give the names of fields to plot: timestamp celsius, or timestamp celsius,humidity")
    if out and Path(out).suffix.lower() not in FORMS:
        raise Failure("%s: its name ends with none of %s" % (shown(out), ", ".join(FORMS)))
    draw = _to_file if out else _to_terminal
    with database.reading(source, key) as catalog:
        collection = database.collection(catalog, name)
        tests = compile(times.settled(collection).condition(parse(where)))
        remarks = odd.Remarks()
        lines = series(remarks.found(collection, search(collection, tests)), fields, by, times)
    remarks.tell()
    draw(lines, fields, out)
    return 0


def series(records, fields, by, times):
    """{label: [(x, y)]} by ascending x. Failure when there is nothing to plot. What lacks a number is left out, and told."""
    lines, left_out = {}, 0
    for record in records:
        x = _place(lookup(record, fields[0]), fields[0], times)
        for field in fields[1:]:
            y = lookup(record, field)
            if x is None or not _is_number(y):
                left_out += 1
            else:
                lines.setdefault(_label(record, field, by, fields), []).append((x, y))
    if not lines:
        raise Failure("no record has %s and a number in %s" % (shown(fields[0]), ", ".join(map(shown, fields[1:]))))
    if len(lines) > MOST_SERIES:
        raise Failure("%s has %d values, more than the %d lines that can be told apart; give a condition" % (
            shown(by), len(lines), MOST_SERIES))
    if left_out:
        say("remark: %d values left out: no number, or no %s" % (left_out, shown(fields[0])))
    for label, points in lines.items():
        if len({type(x) for x, _ in points} - {int, float}) + any(isinstance(x, (int, float)) for x, _ in points) > 1:
            raise Failure("%s is a time in some records and a number in others" % shown(fields[0]))
        points.sort(key=lambda point: point[0])
    return {row["label"]: lines[row["label"]] for row in ordered([{"label": label} for label in lines], ["label"])}


def _label(record, field, by, fields):
    value = None if by is None else lookup(record, by)
    parts = [field] if by is None or len(fields) > 2 else []
    return " ".join(parts + ([] if by is None else [value if isinstance(value, str) else repr(value)]))


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _place(value, field, times):
    """Where on the x axis a value is: a datetime for a time, a number, or None."""
    if not _is_number(value):
        return None
    return value if times.raw or field not in times.fields else times.moment(value)


def _to_terminal(lines, fields, out):
    plotille = extras.need("plotille", "plot")
    _check_terminal()
    columns = max(20, shutil.get_terminal_size((100, 30)).columns - _MARGIN)
    figure = plotille.Figure()
    figure.width, figure.height, figure.with_colors = columns, _HEIGHT, sys.stdout.isatty()
    figure.color_mode = "byte"
    figure.x_label, figure.y_label = shown(fields[0]), shown(fields[1]) if len(fields) == 2 else ""
    for number, (label, points) in enumerate(lines.items()):
        points = thinned(points, 2 * columns)
        figure.plot([x for x, _ in points], [y for _, y in points], label=shown(label), lc=number % 6 + 1)
    print(figure.show(legend=True))
    xs = [x for points in lines.values() for x, _ in points]
    if hasattr(xs[0], "tzinfo"):  # of which the axis has the day and the minute only
        print("\n%s: %s to %s" % (shown(fields[0]), iso(min(xs)), iso(max(xs))))


def _check_terminal():
    try:
        "⠿".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        raise Failure("this terminal takes no braille; give a file: -o plot.svg") from None


def thinned(points, most):
    """Points of which no more are left than most, with the highest and lowest of each stretch."""
    if len(points) <= most:
        return points
    step = -(-2 * len(points) // most)
    kept = []
    for i in range(0, len(points), step):
        part = points[i : i + step]
        low, high = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept += sorted({low, high}, key=lambda point: point[0])
    return kept


def _to_file(lines, fields, out):
    """No display is needed."""
    if Path(out).exists():
        raise Failure("%s exists already; remove it or choose another name" % shown(out))
    matplotlib = extras.need("matplotlib", "plot")
    figures, dates = extras.need("matplotlib.figure", "plot"), extras.need("matplotlib.dates", "plot")
    with matplotlib.rc_context({"svg.hashsalt": "unosql", "text.parse_math": False}):
        figure = figures.Figure(figsize=(10, 5), layout="constrained")
        axes = figure.add_subplot()
        for label, points in lines.items():
            axes.plot([x for x, _ in points], [y for _, y in points], label=label, linewidth=1.2,
                      marker="." if len(points) < 200 else "")
        _set_axes(axes, lines, fields, dates)
        figure.savefig(out, dpi=150, metadata={"Date": None} if out.lower().endswith(".svg") else None)
    say("%d points plotted to %s" % (sum(map(len, lines.values())), shown(out)))


def _set_axes(axes, lines, fields, dates):
    axes.set_xlabel(fields[0])
    axes.set_ylabel(fields[1] if len(fields) == 2 else "")
    axes.grid(alpha=0.3)
    first = next(iter(lines.values()))[0][0]
    if hasattr(first, "tzinfo"):
        locator = dates.AutoDateLocator(tz=first.tzinfo)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, first.tzinfo, *_ISO))
    if len(lines) > 1:
        axes.legend()
