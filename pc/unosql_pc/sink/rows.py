"""Rows of collections as PostgreSQL's binary COPY takes them: the fields of a record go through as the bytes that the device stored.

So the sink neither reads nor writes JSON; whether it is some, PostgreSQL says.
"""
import struct

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
COLUMNS = "source, number, id, version, change, at, doc"

_ROW = struct.Struct("!hiqiqiqiqiqiq")
_UNTIMED = struct.Struct("!hiqiqiqiqiqi")
_SIZE = struct.Struct("!i")
_LAST = 9_000_000_000_000  # seconds from 2000 that a timestamptz can be


def epoch_of(header):
    """Return the seconds from a device's epoch to 2000: its clock counts from the start of the year z."""
    return 0 if header.get("z", 2000) == 2000 else 946_684_800


def packed(source, line, epoch):
    """Return a Line as bytes of a row; epoch: see epoch_of(). Without fields doc is null: the record was deleted."""
    seconds = line.timestamp - epoch
    if seconds < _LAST:
        head = _ROW.pack(7, 8, source, 8, line.number, 8, line.id, 8, line.version, 8, line.change, 8, seconds * 1_000_000)
    else:
        head = _UNTIMED.pack(7, 8, source, 8, line.number, 8, line.id, 8, line.version, 8, line.change, -1)
    if line.fields is None:
        return head + _SIZE.pack(-1)
    return b"%b%b\1%b" % (head, _SIZE.pack(len(line.fields) + 1), line.fields)
