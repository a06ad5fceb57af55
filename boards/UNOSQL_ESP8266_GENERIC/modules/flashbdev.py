"""The flash behind the program, divided: first 512 KiB for unosql, then the filesystem.

Takes the place of the port's module of this name; _boot.py and inisetup.py mount `bdev`.
unosql comes first so that its place does not depend on the size of the flash, which is
read from a header that every flashing may change.
"""
import esp
import uctypes

_SECTOR = const(4096)
_PIECE = const(128)
_UNOSQL_SECTORS = const(128)
_SDK_SECTORS = const(5)  # at the end of the flash; Wi-Fi settings and calibration
_SMALLEST = const(2 * 1024 * 1024)
_RAM_END = 0x40000000

_piece = bytearray(_PIECE)


class FlashBdev:
    """blocks erase blocks of flash from sector start_sec on, at any offset and length.

    The SDK transfers whole words between word addresses only, and cannot program from
    flash, where frozen constants lie; all else takes the way through _piece.
    """

    SEC_SIZE = 4096

    def __init__(self, start_sec, blocks):
        self.start_sec = start_sec
        self.blocks = blocks

    def readblocks(self, block, buf, offset=0):
        at = (block + self.start_sec) * _SECTOR + offset
        if _direct(at, buf):
            esp.flash_read(at, buf)
            return
        view = memoryview(buf)
        for start, skip, size, words in _pieces(at, len(buf)):
            esp.flash_read(at + start - skip, words)
            view[start : start + size] = words[skip : skip + size]

    def writeblocks(self, block, buf, offset=None):
        at = (block + self.start_sec) * _SECTOR
        if offset is None:
            esp.flash_erase(block + self.start_sec)
        else:
            at += offset
        if _direct(at, buf):
            esp.flash_write(at, buf)
            return
        view = memoryview(buf)
        for start, skip, size, words in _pieces(at, len(buf)):
            words[:4] = words[-4:] = b"\xff\xff\xff\xff"  # programming ones changes nothing
            words[skip : skip + size] = view[start : start + size]
            esp.flash_write(at + start - skip, words)

    def ioctl(self, op, arg):
        if op == 4:
            return self.blocks
        if op == 5:
            return _SECTOR
        if op == 6:
            esp.flash_erase(arg + self.start_sec)
            return 0


def _direct(at, buf):
    address = uctypes.addressof(buf)
    return not (at | len(buf) | address) & 3 and address < _RAM_END


def _pieces(at, length):
    """(offset in the transfer, bytes before it in its first word, bytes, view of _piece in whole words)."""
    view = memoryview(_piece)
    start = 0
    while start < length:
        skip = (at + start) & 3
        size = min(_PIECE - skip, length - start)
        yield start, skip, size, view[: (skip + size + 3) & ~3]
        start += size


bdev = unosql = None
if esp.flash_size() >= _SMALLEST:
    _first = esp.flash_user_start() // _SECTOR
    unosql = FlashBdev(_first, _UNOSQL_SECTORS)
    _first += _UNOSQL_SECTORS
    bdev = FlashBdev(_first, esp.flash_size() // _SECTOR - _SDK_SECTORS - _first)
