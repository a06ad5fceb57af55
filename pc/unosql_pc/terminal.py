"""What the user sees: progress bars and remarks on stderr, tables and data on stdout."""
import contextlib
import json
import re
import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from . import engine  # noqa: F401  firmware lies on its path
from firmware.progress import Failure, say  # noqa: F401

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


def shown(text):
    """text with what a terminal might obey written as an escape: names and data come from anywhere."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def check_name(name, more=""):
    """Raise a Failure when no device takes that for the name of a database."""
    if not NAME.fullmatch(name):
        raise Failure("%s is no name of a database: 1 to 32 letters, digits, _ or -%s" % (shown(repr(name)), more))


def compact(value):
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextlib.contextmanager
def progress(what, total):
    """Gives a function of the amount done so far; draws a bar on a terminal, nothing elsewhere. total None: not known."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"
               if total else "{task.completed:.0f}"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def counted(rows, what, total=None):
    """Yield rows under a progress bar."""
    with progress(what, total) as done:
        for n, row in enumerate(rows, 1):
            yield row
            if not n % 64:
                done(n)


def print_table(columns, rows, title=None):
    """rows: sequences of texts, as many as columns."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(Text(shown(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def print_json(value):
    """One line of JSON; in ASCII where stdout takes no more."""
    line = json.dumps(value, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(value)
    sys.stdout.write(line + "\n")


def ranges(ids, most=12):
    """1-3, 7, 9-12, ..."""
    parts, ids = [], sorted(ids)
    start = 0
    for i in range(1, len(ids) + 1):
        if i == len(ids) or ids[i] != ids[i - 1] + 1:
            parts.append(str(ids[start]) if i - start == 1 else "%d-%d" % (ids[start], ids[i - 1]))
            start = i
    return ", ".join(parts[:most]) + (", ..." if len(parts) > most else "")
