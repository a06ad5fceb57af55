"""Rows of CSV: with commas, semicolons, tabs or bars, in any encoding that is told, and cells as export writes them."""
import contextlib
import csv
import io
import re

from . import odd, strict_json
from .rows import Row, decoded, fail
from .terminal import shown
from unosql.documents.record import META

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what spreadsheets would compute, and such text once escaped
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_COMMA = re.compile(r"-?(0|[1-9]\d*),\d+")
_SEP = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # a line of Excel's before the header


def escaped(text):
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if FORMULA.match(text) else text


def _unescaped(text):
    """What escaped() was given."""
    return text[1:] if text[:1] == "'" and FORMULA.match(text) else text


def read(file, data, reading):
    """Yield the Rows of a file's bytes. file: its name, shown."""
    if not reading.collection:
        fail(file, "a CSV file names no collection; give one after the database")
    text = decoded(file, data, reading.encoding)
    told = _SEP.match(text)
    given = told[1] if told and not reading.delimiter else reading.delimiter
    text = text[told.end() :] if told else text
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(file, text, given), strict=True)
    names = None
    for line, cells in _numbered(file, rows, 1 if told else 0):
        where = "%s:%d" % (file, line)
        if names is None:
            names = _header(where, cells)
        elif cells:
            yield Row(where, reading.collection, _record(where, names, cells, reading))


def _numbered(file, rows, before):
    """Yield (line, cells). before: lines that were read already."""
    try:
        for cells in rows:
            yield before + rows.line_num, cells
    except csv.Error as error:
        fail("%s:%d" % (file, before + rows.line_num), "not CSV: %s" % error)


def _delimiter(file, text, given):
    """That which parts the header; the one given, if any."""
    if given is not None:
        given = DELIMITERS.get(given, given)
        if len(given) != 1 or given in '\r\n"':
            fail(file, "the delimiter %r is not one character" % given)
        return given
    header = re.split(r"[\r\n]", re.sub(r'"[^"]*"', "", text.lstrip("\r\n")), maxsplit=1)[0]
    return max(DELIMITERS.values(), key=header.count)


def _header(where, cells):
    names = [_unescaped(cell.strip()) for cell in cells]
    if any("\0" in name for name in names):
        fail(where, "the header has NULs, as UTF-16 without a mark has: say --encoding utf-16-le, or utf-16-be")
    for i, name in enumerate(names):
        if name and name in names[:i]:
            fail(where, "the column %s is there twice" % shown(name))
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
    text = _unescaped(cell)
    if text != cell:
        return text
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
        return strict_json.loads(cell)
    return cell

