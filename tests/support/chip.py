"""A stand-in for an ESP chip in its ROM bootloader, on a pseudo terminal, for esptool and the like.

Speaks as much of the serial protocol (esptool's documentation, "Serial Protocol") as
identifying a chip, reading, writing and erasing its flash take. A stub that is loaded
into its RAM is not run: the stand-in then answers as esptool's stub would.
"""
import hashlib
import os
import struct
import threading
import tty
import zlib
from typing import NamedTuple

SYNC, READ_REG, WRITE_REG = 0x08, 0x0A, 0x09
FLASH_BEGIN, FLASH_DATA, FLASH_END = 0x02, 0x03, 0x04
DEFL_BEGIN, DEFL_DATA, DEFL_END = 0x10, 0x11, 0x12
SPI_SET_PARAMS, SPI_ATTACH, READ_SLOW, CHANGE_BAUD, MD5, SECURITY_INFO = 0x0B, 0x0D, 0x0E, 0x0F, 0x13, 0x14
MAGIC_REGISTER = 0x40001000
MEM_BEGIN, MEM_END, MEM_DATA = 0x05, 0x06, 0x07
STUB_ERASE, STUB_READ = 0xD0, 0xD2
STUB_RUNS = b"OHAI"
READ_ID = 0x9F
FAILED = b"\x01\x05"


class Kind(NamedTuple):
    """magic: of the ROM; identity: what security info says, None if the ROM does not know that command.
    spi, usr2, w0: the SPI controller's registers. status: bytes of status in a response."""

    magic: int
    identity: int | None
    spi: int
    usr2: int
    w0: int
    status: int


KINDS = {
    "esp8266": Kind(0xFFF0C101, None, 0x60000200, 0x24, 0x40, 2),
    "esp32": Kind(0x00F01D83, None, 0x3FF42000, 0x24, 0x80, 4),
    "esp32c3": Kind(0x1B31506F, 5, 0x60002000, 0x20, 0x58, 4),
    "esp32s3": Kind(9, 9, 0x60002000, 0x20, 0x58, 4),
}


class Chip:
    """`with Chip("esp32", 4 << 20) as chip:` chip.port is its serial port, chip.flash its memory."""

    def __init__(self, kind, flash_size):
        self._kind = KINDS[kind]
        self.flash = bytearray(b"\xff" * flash_size)
        self.writes = []  # (offset, bytes) of what was programmed or erased
        self._registers = {MAGIC_REGISTER: self._kind.magic}
        self._at = 0
        self._compressed = None
        self._stub = False

    def __enter__(self):
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave  # kept open, so that reading the master does not fail between two runs of esptool
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc):
        os.write(self._wake, b"x")
        self._thread.join(5)
        for descriptor in (self._master, self._slave, self._stop, self._wake):
            os.close(descriptor)

    def _serve(self):
        import select

        waiting = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop], [], [])
            if self._stop in ready:
                return
            *packets, waiting = (waiting + os.read(self._master, 65536)).split(b"\xc0")
            for packet in packets:
                packet = packet.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                if len(packet) >= 8 and packet[0] == 0:
                    self._handle(packet[1], packet[8:])

    def _handle(self, command, data):
        if command == SYNC:
            for _ in range(8):
                self._answer(command, 0 if self._stub else 0x20120707)
            return
        handler = self._HANDLERS.get(command)
        value, payload = handler(self, data) if handler else (0, None)
        self._answer(command, value, payload)
        if command == MEM_END:
            self._stub = True
            self._send(STUB_RUNS)
        if command == STUB_READ:
            self._send_flash(data)

    def _send_flash(self, data):
        at, size, block = struct.unpack_from("<III", data)
        wanted = bytes(self.flash[at : at + size])
        for start in range(0, size, block):
            self._send(wanted[start : start + block])
        self._send(hashlib.md5(wanted).digest())

    def _answer(self, command, value=0, payload=b""):
        length = 2 if self._stub else self._kind.status
        status = bytes(length) if payload is not None else FAILED + bytes(length - 2)
        body = (payload or b"") + status
        self._send(struct.pack("<BBHI", 1, command, len(body), value) + body)

    def _send(self, packet):
        packet = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        os.write(self._master, b"\xc0" + packet + b"\xc0")

    def _change(self, at, data):
        if data:
            self.flash[at : at + len(data)] = data
            self.writes.append((at, len(data)))

    def _read_register(self, data):
        return self._registers.get(struct.unpack("<I", data)[0], 0), b""

    def _write_register(self, data):
        address, value = struct.unpack_from("<II", data)
        self._registers[address] = value
        kind = self._kind
        if address == kind.spi:  # a flash command starts, and is done at once
            self._registers[address] = 0
            if self._registers.get(kind.spi + kind.usr2, 0) & 0xFF == READ_ID:
                self._registers[kind.spi + kind.w0] = 0x0040EF | (len(self.flash).bit_length() - 1) << 16
        return 0, b""

    def _accept(self, data):
        return 0, b""

    def _security_info(self, data):
        if self._kind.identity is None:
            return 0, None
        return 0, struct.pack("<I8xII", 0, self._kind.identity, 0)

    def _begin(self, data):
        size, _, _, self._at = struct.unpack_from("<IIII", data)
        self._compressed = None
        self._change(self._at, b"\xff" * size)
        return 0, b""

    def _begin_compressed(self, data):
        self._begin(data)
        self._compressed = zlib.decompressobj()
        return 0, b""

    def _data(self, data):
        length = struct.unpack_from("<I", data)[0]
        block = data[16 : 16 + length]
        if self._compressed:
            block = self._compressed.decompress(block)
        self._change(self._at, block)
        self._at += len(block)
        return 0, b""

    def _md5(self, data):
        at, size = struct.unpack_from("<II", data)
        digest = hashlib.md5(self.flash[at : at + size])
        return 0, digest.digest() if self._stub else digest.hexdigest().encode()

    def _erase(self, data):
        self._change(0, b"\xff" * len(self.flash))
        return 0, b""

    def _read_slow(self, data):
        at, size = struct.unpack_from("<II", data)
        return 0, bytes(self.flash[at : at + size])

    _HANDLERS = {
        READ_REG: _read_register, WRITE_REG: _write_register, SECURITY_INFO: _security_info,
        SPI_SET_PARAMS: _accept, SPI_ATTACH: _accept, CHANGE_BAUD: _accept,
        FLASH_BEGIN: _begin, FLASH_DATA: _data, FLASH_END: _accept,
        DEFL_BEGIN: _begin_compressed, DEFL_DATA: _data, DEFL_END: _accept,
        MD5: _md5, READ_SLOW: _read_slow, STUB_READ: _accept, STUB_ERASE: _erase,
        MEM_BEGIN: _accept, MEM_DATA: _accept, MEM_END: _accept,
    }
