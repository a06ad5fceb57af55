"""Rows of CSV: with commas, semicolons, tabs or bars, in any encoding that is told, and cells as export writes them."""
import codecs
import contextlib
import csv
import io
import json
import re

from . import odd
from .rows import Row, fail
from unosql.documents.record import META

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what spreadsheets would compute, and such text once escaped
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_COMMA = re.compile(r"-?(0|[1-9]\d*),\d+")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def escaped(text):
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if FORMULA.match(text) else text


def read(file, data, reading):
    """Yield the Rows of a file's bytes. file: its name, shown."""
    if not reading.collection:
        fail(file, "a CSV file names no collection; give one after the database")
    text = _decoded(file, data, reading.encoding)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(file, text, reading.delimiter), strict=True)
    names = None
    for line, cells in _numbered(file, rows):
        where = "%s:%d" % (file, line)
        if names is None:
            names = _header(where, cells)
        elif cells:
            yield Row(where, reading.collection, _record(where, names, cells, reading))


def _numbered(file, rows):
    try:
        for cells in rows:
            yield rows.line_num, cells
    except csv.Error as error:
        fail("%s:%d" % (file, rows.line_num), "not CSV: %s" % error)


def _decoded(file, data, encoding):
    for mark, marked in _MARKS:
        if data.startswith(mark):
            data, encoding = data.removeprefix(mark), encoding if encoding and not encoding.startswith("utf") else marked
    try:
        return data.decode(encoding or "utf-8")
    except LookupError:
        return fail(file, "no encoding is called %s; some are utf-8, utf-16, cp1252, latin-1, cp1251, shift_jis, gbk" % encoding)
    except UnicodeDecodeError as error:
        return _fail_undecoded(file, data, encoding or "utf-8", error)


def _fail_undecoded(file, data, encoding, error):
    """Name the place, and how the line would read in the encoding of Western Windows."""
    line = data[: error.start].count(b"\n") + 1
    text = data.split(b"\n")[line - 1].strip().decode("cp1252", "replace")
    fail("%s:%d" % (file, line), "byte %02X at offset %d is not %s; say --encoding cp1252 (where the line reads %r) or another" % (
        data[error.start], error.start, encoding, text[:60]))


def _delimiter(file, text, given):
    """That which parts the header; the one given, if any."""
    if given:
        given = DELIMITERS.get(given, given)
        if len(given) != 1 or given in '\r\n"':
            fail(file, "the delimiter %r is not one character" % given)
        return given
    header = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(DELIMITERS.values(), key=header.count)


def _header(where, cells):
    names = [cell.strip() for cell in cells]
    for i, name in enumerate(names):
        if name and name in names[:i]:
            fail(where, "the column %s is there twice" % name)
    return names


def _record(where, names, cells, reading):
    if len(cells) > len(names) and any(cells[len(names) :]):
        fail(where, "more cells than columns")
    record = {}
    for i, (name, cell) in enumerate(zip(names, cells), 1):
        if cell != "":
            if not name:
                fail(where, "column %d has no name" % i)
            record[name] = _cell(name, cell, reading)
    return record


def _cell(name, cell, reading):
    """What a cell means. A record that was exported has its id, timestamp and version as numbers, whatever else is text."""
    if cell[0] == "'" and FORMULA.match(cell):
        return cell[1:]  # as escaped() left it
    return cell if reading.as_text and name not in META else odd.mended(_value(cell, reading.decimal_comma))[0]


def _value(cell, decimal_comma=False):
    """A JSON number, list, object, true, false or null is that; anything else is text."""
    if decimal_comma and _COMMA.fullmatch(cell):
        return float(cell.replace(",", "."))
    return value(cell) if _NUMBER.fullmatch(cell) or cell in ("true", "false", "null") else structure(cell)


def structure(cell):
    """A JSON list or object is that; anything else is text."""
    return value(cell) if cell[:1] in ("[", "{") else cell


def value(cell):
    """The JSON of a text, or that text."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(cell)
    return cell

