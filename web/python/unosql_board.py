"""The flash that the page stands in for: one raw partition, as an ESP32's images have it. The page keeps its bytes."""
from uctypes import addressof

import unosql_port

BUILD = "in the browser"


class Device:
    """MicroPython's extended block device. The page is given addresses: bytes are copied once, by it."""

    def readblocks(self, block, buf, offset=0):
        _check(unosql_port.read(block, offset, addressof(buf), len(buf)))

    def writeblocks(self, block, buf, offset=0):
        _check(unosql_port.program(block, offset, addressof(buf), len(buf)))

    def ioctl(self, op, argument):
        if op == 3:
            _check(unosql_port.sync())
        elif op == 4:
            return unosql_port.blocks()
        elif op == 5:
            return unosql_port.erase_size()
        elif op == 6:
            return -unosql_port.erase(argument)
        return 0


def _check(errno):
    if errno:
        raise OSError(errno)


_device = Device()


def partition():
    """Block device of the raw flash that belongs to unosql."""
    return _device
