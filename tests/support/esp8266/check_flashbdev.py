"""Runs on MicroPython's unix port with the board's flashbdev and the `esp` beside this file."""
import esp
import flashbdev

BLOCK = 4096
device = flashbdev.unosql


def blank(block):
    device.ioctl(6, block)
    seen = bytearray(BLOCK)
    device.readblocks(block, seen, 0)
    assert seen == b"\xff" * BLOCK


def check_layout():
    assert device.ioctl(4, 0) == 128 and device.ioctl(5, 0) == BLOCK
    assert device.start_sec * BLOCK == esp.START
    assert flashbdev.bdev.start_sec == device.start_sec + 128
    assert (flashbdev.bdev.start_sec + flashbdev.bdev.ioctl(4, 0)) * BLOCK == esp.SIZE - 20480


def check_every_alignment():
    """Any offset, length and place of the buffer in RAM transfers the same bytes, and no others."""
    source = bytearray(range(256)) + bytearray(range(256))
    for offset in (0, 1, 2, 3, 127, 128, 4096 - 140):
        for length in (1, 2, 3, 4, 5, 31, 64, 127, 128, 129, 140):
            for shift in (0, 1, 2, 3):
                blank(1)
                data = memoryview(source)[shift : shift + length]
                device.writeblocks(1, data, offset)
                whole = bytearray(BLOCK)
                device.readblocks(1, whole, 0)
                expected = b"\xff" * offset + bytes(data) + b"\xff" * (BLOCK - offset - length)
                assert whole == expected, (offset, length, shift)
                back = memoryview(bytearray(shift + length))[shift:]
                device.readblocks(1, back, offset)
                assert bytes(back) == bytes(data), (offset, length, shift)


def check_constants():
    """bytes objects too, which lie in flash when frozen."""
    blank(2)
    device.writeblocks(2, b"abc", 5)
    device.writeblocks(2, b"\x00\x00", 6)
    back = bytearray(4)
    device.readblocks(2, back, 4)
    assert back == b"\xffa\x00\x00"


def check_whole_block():
    """Without an offset a block is erased first, as the simple block interface says."""
    device.writeblocks(3, b"\x00" * BLOCK)
    device.writeblocks(3, bytearray(b"\x5a" * BLOCK))
    back = bytearray(BLOCK)
    device.readblocks(3, back)
    assert back == b"\x5a" * BLOCK


def check_direct():
    """Aligned transfers from RAM take one call of the SDK."""
    flashbdev._RAM_END = 1 << 63  # on this machine RAM lies higher
    esp.calls.clear()
    device.writeblocks(1, bytearray(512), 64)
    device.readblocks(1, bytearray(512), 64)
    at = esp.START + BLOCK + 64
    assert esp.calls == [("write", at, 512), ("read", at, 512)], esp.calls


def check_filesystem():
    """littlefs, as _boot.py makes it, on a part of the same class."""
    import vfs

    small = flashbdev.FlashBdev(device.start_sec + 64, 64)
    vfs.VfsLfs2.mkfs(small)
    filesystem = vfs.VfsLfs2(small)
    with filesystem.open("f", "w") as file:
        file.write("x" * 5000)
    with vfs.VfsLfs2(small).open("f", "r") as file:
        assert file.read() == "x" * 5000


def check_database():
    """A database on the partition that unosql_board gives."""
    import unosql_board
    from unosql.core import Unosql

    db = Unosql("esp8266", b"0123456789abcdef", iterations=1000, storage=unosql_board.partition())
    for i in range(20):
        db.insert("c", {"i": i})
    db.close()
    db = Unosql("esp8266", b"0123456789abcdef", iterations=1000, storage=unosql_board.partition())
    assert [record["i"] for record in db.find("c", {})] == list(range(20))
    db.close()


for name in sorted(globals()):
    if name.startswith("check_"):
        globals()[name]()
        print("ok", name)
