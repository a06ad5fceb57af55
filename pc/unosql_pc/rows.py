"""What import reads, whatever the form of the file: rows, each a record of a collection."""
import codecs
import contextlib
import sys
from typing import NamedTuple

from .terminal import Failure, say, shown

FORMS = ("auto", "json", "csv", "sqlite", "tinydb", "mongodb")
SQLITE = b"SQLite format 3\0"
NOTHING = "; nothing was imported"


class Row(NamedTuple):
    """where: the place in the file, for messages. record: a dict, or a kept.State."""

    where: str
    collection: str
    record: dict


class Reading(NamedTuple):
    """How to read a file. form: one of FORMS. collection: its name, or None: the file tells. table: of an SQLite file.

    encoding, delimiter: of a CSV, None: told by its bytes. as_text: leave cells as they are. decimal_comma: 1,5 is a number.
    ids: documents of TinyDB get their numbers as ids.
    """

    form: str = "auto"
    collection: str | None = None
    table: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    as_text: bool = False
    decimal_comma: bool = False
    ids: bool = False


def read(file, reading):
    """Yield the Rows of a file ("-": stdin). Failure names what is wrong and where."""
    from . import csv_rows, json_rows, sqlite_rows

    data = _bytes(file)
    form = _told(file, data) if reading.form == "auto" else reading.form
    if form == "sqlite":
        return sqlite_rows.read(file, reading)
    return (csv_rows if form == "csv" else json_rows).read(shown(file), data, reading._replace(form=form))


def _bytes(file):
    with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as data:
        return data.read()


def _told(file, data):
    if data.startswith(SQLITE):
        return "sqlite"
    return "csv" if str(file).lower().endswith((".csv", ".tsv", ".tab")) else "json"


def without_mark(data):
    """Bytes without the mark that some programs put before UTF-8."""
    return data.removeprefix(codecs.BOM_UTF8)


def remark(where):
    """Say that there is odd text."""
    say("remark: %s: text that is not Unicode, U+FFFD is in its place" % where)


def fail(where, what):
    """Raise a Failure about a place in the file."""
    raise Failure("%s: %s%s" % (where, what, NOTHING))
