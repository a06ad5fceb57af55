"""Rows of the tables of an SQLite database, which is only read."""
import base64
import contextlib
import sqlite3
import struct
from pathlib import Path

from . import odd
from .csv_rows import structure
from .rows import Row, fail, remark
from .terminal import say, shown


_HEADER = struct.Struct(">16xH6xII60xI")  # bytes of a page, changes, pages, the changes at which these were counted


class _Text(bytes):
    """Text as it is stored, which need not be Unicode."""


def read(file, reading):
    """Yield the Rows of a file, of one table or all. Each table is a collection, unless one is given."""
    if file == "-":
        fail("stdin", "an SQLite database must be a file")
    with contextlib.closing(sqlite3.connect(Path(file).absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        connection.text_factory = _Text
        try:
            _check(connection, file)
            tables = _tables(connection)
            for table in _chosen(file, tables, reading):
                yield from _rows(connection, file, table, reading)
        except sqlite3.Error as error:
            fail(shown(file), error)


def _check(connection, file):
    """Refuse a damaged file: SQLite reads rows that are cut off as NULL."""
    with open(file, "rb") as source:
        head, length = source.read(_HEADER.size), source.seek(0, 2)
    size, change, pages, valid = _HEADER.unpack(head.ljust(_HEADER.size, b"\0"))
    if change == valid and length < pages * (65536 if size == 1 else size):
        fail(shown(file), "damaged: its end is missing")
    found = [bytes(line).decode() for (line,) in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        fail(shown(file), "damaged: " + shown(", ".join(found).replace("\n", " ")))


def _tables(connection):
    """Names of tables, without those that full-text search and the like keep for themselves."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
                               "AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')")
    return [odd.decoded(bytes(name))[0] for (name,) in found]


def _chosen(file, tables, reading):
    if reading.table and reading.table not in tables:
        fail(shown(file), "no table %s; there are: %s" % (shown(reading.table), ", ".join(map(shown, tables)) or "none"))
    chosen = [reading.table] if reading.table else tables
    if reading.collection and len(chosen) > 1:
        fail(shown(file), "several tables for one collection, say which with --table: %s" % ", ".join(map(shown, tables)))
    return chosen


def _rows(connection, file, table, reading):
    found = connection.execute('SELECT * FROM "%s"' % table.replace('"', '""'))
    names = [column[0] for column in found.description]
    binary = set()
    for number, cells in enumerate(found, 1):
        where = "%s, table %s, row %d" % (shown(file), shown(table), number)
        record = {}
        for name, cell in zip(names, cells):
            if cell is not None:
                record[name] = _value(where, name, cell, binary, reading)
        yield Row(where, reading.collection or table, record)
    for name in sorted(binary):
        say("remark: %s, table %s: column %s has bytes; they are base64" % (shown(file), shown(table), shown(name)))


def _value(where, name, cell, binary, reading):
    """Text that is a JSON list or object is that, as export writes it; bytes are base64."""
    if isinstance(cell, _Text):
        text, replaced = odd.decoded(bytes(cell))
        value, halves = odd.mended(text if reading.as_text else structure(text))
        if replaced or halves:
            remark(where)
        return value
    if isinstance(cell, bytes):
        binary.add(name)
        return base64.b64encode(cell).decode()
    return cell
