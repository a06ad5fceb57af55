"""ESP32 partition tables: ESP-IDF's CSV (API guide "Partition Tables") and the binary form in flash."""
import struct
from typing import NamedTuple

from .progress import Failure

TABLE_OFFSET = 0x8000  # in flash
TABLE_SIZE = 0xC00
SECTOR = 0x1000
APP_ALIGNMENT = 0x10000
TYPES = {"app": 0, "data": 1}
SUBTYPES = {
    0: {"factory": 0x00, "ota_0": 0x10, "ota_1": 0x11},
    1: {"ota": 0x00, "phy": 0x01, "nvs": 0x02, "undefined": 0x06, "fat": 0x81},
}
ENTRY = struct.Struct("<2sBBII16sI")
MAGIC = b"\xaa\x50"


class Partition(NamedTuple):
    """offset, size: bytes in flash."""

    name: str
    type: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self):
        return self.offset + self.size


def read_csv(file):
    """The list of Partition in a CSV file with offsets given. Failure names the line that is no partition."""
    lines = enumerate(file.read_text().splitlines(), 1)
    return [_parse(line, file, number) for number, line in lines if line.strip() and not line.startswith("#")]


def _parse(line, file, number):
    try:
        name, kind, subtype, offset, size = (field.strip() for field in line.split(",")[:5])
        kind = TYPES[kind]
        subtype = SUBTYPES[kind][subtype] if subtype in SUBTYPES[kind] else int(subtype, 0)
        return Partition(name, kind, subtype, int(offset, 0), int(size, 0))
    except (ValueError, KeyError) as error:
        raise Failure("%s:%d is no partition: %s" % (file, number, error)) from None


def read_binary(data):
    """The partitions in data, a table as it lies in flash; [] when there is none."""
    found = []
    for at in range(0, len(data) - ENTRY.size + 1, ENTRY.size):
        magic, kind, subtype, offset, size, name, _ = ENTRY.unpack_from(data, at)
        if magic != MAGIC:
            break
        found.append(Partition(name.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    return found


def problems(table, flash_size):
    """What is wrong with table on a flash of so many bytes, a line each."""
    found = []
    end = TABLE_OFFSET + SECTOR
    for part in sorted(table, key=lambda p: p.offset):
        alignment = APP_ALIGNMENT if part.type == TYPES["app"] else SECTOR
        if part.offset % alignment or part.size % SECTOR or not part.size:
            found.append("%s is not aligned: offset %#x, size %#x" % (part.name, part.offset, part.size))
        if part.offset < end:
            found.append("%s at %#x overlaps what ends at %#x" % (part.name, part.offset, end))
        end = max(end, part.end)
    if end > flash_size:
        found.append("the partitions end at %#x, the flash at %#x" % (end, flash_size))
    names = [part.name for part in table]
    found += ["two partitions are called " + name for name in sorted(set(names)) if names.count(name) > 1]
    return found
