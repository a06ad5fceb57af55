"""Stand-in for the ESP8266's module `esp`: flash that is as strict as the chip's SDK and silicon."""
import uctypes

SIZE = 4 * 1024 * 1024
START = 1024 * 1024  # where esp8266_2MiB.ld ends the program

_flash = bytearray(b"\xff" * (768 * 1024))  # of the flash behind the program
calls = []


def _check(at, buf):
    assert at % 4 == 0, "flash address %d is no multiple of 4" % at
    assert len(buf) % 4 == 0, "length %d is no multiple of 4" % len(buf)
    assert uctypes.addressof(buf) % 4 == 0, "the buffer is not aligned"
    assert START <= at and at + len(buf) <= START + len(_flash)


def flash_size():
    return SIZE


def flash_user_start():
    return START


def flash_read(at, buf):
    _check(at, buf)
    calls.append(("read", at, len(buf)))
    buf[:] = _flash[at - START : at - START + len(buf)]


def flash_write(at, buf):
    _check(at, buf)
    calls.append(("write", at, len(buf)))
    for i in range(len(buf)):  # NOR: programming only clears bits
        _flash[at - START + i] &= buf[i]


def flash_erase(sector):
    calls.append(("erase", sector * 4096, 4096))
    at = sector * 4096 - START
    _flash[at : at + 4096] = b"\xff" * 4096
