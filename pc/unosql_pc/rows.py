"""What import reads, whatever the form of the file: rows, each a record of a collection."""
import codecs
import contextlib
import sys
from typing import NamedTuple

from .terminal import Failure, say, shown

FORMS = ("auto", "json", "csv", "sqlite", "tinydb", "mongodb")
SQLITE = b"SQLite format 3\0"
NOTHING = "; nothing was imported"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
          (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What files start with that are taken for tables.
_OTHERS = {b"PK\3\4": "a ZIP archive, as the files of Excel and OpenOffice are: save the table as CSV",
           b"\xd0\xcf\x11\xe0": "an Excel file: save the table as CSV", b"PAR1": "a Parquet file: save the table as CSV",
           b"\x1f\x8b": "packed with gzip: unpack it first", b"UQ": "a backup of unosql: `unosql export` reads it"}
# What options are for.
_USES = {"table": ("sqlite",), "delimiter": ("csv",), "decimal_comma": ("csv",), "as_text": ("csv", "sqlite"),
         "encoding": ("csv", "json", "tinydb", "mongodb")}


class Row(NamedTuple):
    """where: the place in the file, for messages. record: a dict, or a kept.State."""

    where: str
    collection: str
    record: dict


class Reading(NamedTuple):
    """How to read a file. form: one of FORMS. collection: its name, or None: the file tells. table: of an SQLite file.

    encoding: None: told by the bytes. delimiter: of a CSV, None: told by the header. as_text: leave cells as they are. decimal_comma: 1,5 is a number.
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
    _check(shown(file), form, reading)
    if form == "sqlite":
        return sqlite_rows.read(file, reading)
    return (csv_rows if form == "csv" else json_rows).read(shown(file), data, reading._replace(form=form))


def _check(file, form, reading):
    """Refuse options that would do nothing."""
    for option, forms in _USES.items():
        if getattr(reading, option) not in (None, False) and form not in forms:
            fail(file, "--%s is not for %s" % ("text" if option == "as_text" else option.replace("_", "-"), form))


def _bytes(file):
    with contextlib.nullcontext(sys.stdin.buffer) if file == "-" else open(file, "rb") as data:
        return data.read()


def _told(file, data):
    if data.startswith(SQLITE):
        return "sqlite"
    for start, what in _OTHERS.items():
        if data.startswith(start):
            fail(shown(file), "this is " + what)
    return "csv" if str(file).lower().endswith((".csv", ".tsv", ".tab")) else "json"


def decoded(file, data, encoding):
    """The text of a file's bytes, in the encoding that a mark at their start tells, or in this one. Failure names the place."""
    told = False
    for mark, marked in _MARKS:
        if data.startswith(mark) and not told:
            data, told = data.removeprefix(mark), True
            encoding = encoding if encoding and not encoding.startswith("utf") else marked
    encoding = "utf-8" if encoding is None else encoding
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        return _fail_undecoded(file, data, encoding, error)
    except (LookupError, ValueError):
        return fail(file, "no encoding of files is called %r; some are utf-8, utf-16, cp1252, latin-1, cp1251, shift_jis, gbk" % encoding)


def _fail_undecoded(file, data, encoding, error):
    """Name the place; and of what is not UTF-8 how the line would read in the encoding of Western Windows."""
    line = data[: error.start].count(b"\n") + 1
    what = "byte %02X at offset %d is not %s" % (data[error.start], error.start, encoding)
    if encoding == "utf-8":
        text = data.split(b"\n")[line - 1].strip().decode("cp1252", "replace")
        what += "; say --encoding cp1252 (where the line reads %r) or another" % text[:60]
    fail("%s:%d" % (file, line), what)


def remark(where):
    """Say that there is odd text."""
    say("remark: %s: text that is not Unicode, U+FFFD is in its place" % where)


def fail(where, what):
    """Raise a Failure about a place in the file."""
    raise Failure("%s: %s%s" % (where, what, NOTHING))
