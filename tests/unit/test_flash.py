"""`make flash`, with the real esptool, against a stand-in for a chip's ROM bootloader."""
import os
import struct
import subprocess

import pytest
from chip import Chip

from firmware import espressif, flash, partitions, ports, run
from firmware.paths import ROOT
from firmware.progress import Failure

BOARD = {"esp32": "UNOSQL_ESP32_GENERIC", "esp32c3": "UNOSQL_ESP32_GENERIC_C3",
         "esp32s3": "UNOSQL_ESP32_GENERIC_S3", "esp8266": "UNOSQL_ESP8266_GENERIC"}
NUMBER = {"esp32": 0, "esp32c3": 5, "esp32s3": 9}
OURS = partitions.read_csv(espressif.PARTITIONS)
STOCK = [part for part in OURS if part.name != "unosql"]


def table(parts):
    """The binary form of a partition table."""
    data = b"".join(partitions.ENTRY.pack(partitions.MAGIC, p.type, p.subtype, p.offset, p.size, p.name.encode(), 0)
                    for p in parts)
    return data.ljust(partitions.TABLE_SIZE, b"\xff")


def make_image(folder, chip, parts=OURS):
    """The smallest file that looks like an image: a header and, on an ESP32, a partition table."""
    if chip == "esp8266":
        data = b"\xe9\x02\x00\x30" + struct.pack("<III", 0x40100030, 0x40100000, 0x44) + bytes(range(256)) * 40
    else:
        header = b"\xe9\x03\x02\x20" + struct.pack("<IB3xH", 0x40080000, 0xEE, NUMBER[chip])
        start = partitions.TABLE_OFFSET - flash.OFFSETS.get(chip, 0)
        data = header.ljust(start, b"\xff") + table(parts) + bytes(range(256)) * 8
    file = folder / (BOARD[chip] + ".bin")
    file.write_bytes(data)
    return file


@pytest.fixture(autouse=True)
def bootloader(monkeypatch):
    """A pseudo terminal has no reset lines."""
    monkeypatch.setenv("ESPTOOL_OPTIONS", "--before no-reset --after no-reset")


def written(chip):
    return bool(chip.writes)


@pytest.mark.parametrize("kind", BOARD)
def test_the_image_gets_to_its_offset(kind, tmp_path):
    image = make_image(tmp_path, kind)
    with Chip(kind, 4 << 20) as chip:
        flash.flash(BOARD[kind], chip.port, image, baud=115200)
        start = 0x1000 if kind == "esp32" else 0
        size = image.stat().st_size
        found = chip.flash[start + 4 : start + size]  # esptool puts the flash's size into the first bytes
        assert chip.flash[start] == 0xE9 and found == image.read_bytes()[4:]
        assert chip.flash[:start] == b"\xff" * start


def test_another_chip_is_left_alone_and_its_board_named(tmp_path):
    with Chip("esp32c3", 4 << 20) as chip:
        with pytest.raises(Failure, match="has an esp32c3, the image is for esp32; .*BOARD=UNOSQL_ESP32_GENERIC_C3"):
            flash.flash(BOARD["esp32"], chip.port, make_image(tmp_path, "esp32"), baud=115200)
        assert not written(chip)


def test_without_a_board_the_chip_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(espressif, "IMAGES", tmp_path)
    for kind in BOARD:
        make_image(tmp_path, kind).rename(tmp_path / (BOARD[kind] + "-20260102-v0.1.0.bin"))
    with Chip("esp32s3", 4 << 20) as chip:
        flash.flash("UNOSQL_QEMU_RISCV", chip.port, baud=115200)
        image = tmp_path / (BOARD["esp32s3"] + "-20260102-v0.1.0.bin")
        assert chip.flash[4 : image.stat().st_size] == image.read_bytes()[4:]


def test_the_newest_image_of_the_very_board_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(espressif, "IMAGES", tmp_path)
    with pytest.raises(Failure, match="make firmware BOARD=UNOSQL_ESP32_GENERIC,"):
        flash.newest(BOARD["esp32"])
    make_image(tmp_path, "esp32s3").rename(tmp_path / (BOARD["esp32s3"] + "-20260103-v0.1.0.bin"))
    names = [BOARD["esp32"] + "-20260101-v0.1.0.bin", BOARD["esp32"] + "-20260102-v0.2.0.bin"]
    for at, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (at, at))
    assert flash.newest(BOARD["esp32"]).name == names[1]


def test_a_flash_too_small_is_left_alone(tmp_path):
    with Chip("esp32", 2 << 20) as chip:
        with pytest.raises(Failure, match="2048 KiB of flash, the image needs 4096"):
            flash.flash(BOARD["esp32"], chip.port, make_image(tmp_path, "esp32"), baud=115200)
        assert not written(chip)


def test_another_division_of_the_flash_needs_a_yes(tmp_path):
    with Chip("esp32", 4 << 20) as chip:
        chip.flash[partitions.TABLE_OFFSET : partitions.TABLE_OFFSET + partitions.TABLE_SIZE] = table(STOCK)
        with pytest.raises(Failure, match="nothing was changed"):
            flash.flash(BOARD["esp32"], chip.port, make_image(tmp_path, "esp32"), baud=115200)
        assert not written(chip)


def test_an_update_keeps_files_and_databases(tmp_path):
    with Chip("esp32", 4 << 20) as chip:
        chip.flash[partitions.TABLE_OFFSET : partitions.TABLE_OFFSET + partitions.TABLE_SIZE] = table(OURS)
        unosql = next(part for part in OURS if part.name == "unosql")
        chip.flash[unosql.offset : unosql.offset + 4] = b"data"
        flash.flash(BOARD["esp32"], chip.port, make_image(tmp_path, "esp32"), baud=115200)
        assert written(chip) and chip.flash[unosql.offset : unosql.offset + 4] == b"data"


@pytest.mark.parametrize("kind", BOARD)
def test_a_yes_erases_everything_first(kind, tmp_path):
    with Chip(kind, 4 << 20) as chip:
        chip.flash[-4:] = b"data"
        flash.flash(BOARD[kind], chip.port, make_image(tmp_path, kind), erase="yes", baud=115200)
        assert written(chip) and chip.flash[-4:] == b"\xff\xff\xff\xff"


def test_options_reach_esptool(tmp_path, monkeypatch):
    monkeypatch.setenv("ESPTOOL_OPTIONS", "--no-stub --before no-reset --after no-reset")
    image = make_image(tmp_path, "esp32")
    with Chip("esp32", 4 << 20) as chip:
        flash.flash(BOARD["esp32"], chip.port, image, baud=115200)
        assert chip.flash[0x1004 : 0x1000 + image.stat().st_size] == image.read_bytes()[4:]


def test_no_answer_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("ESPTOOL_OPTIONS", "--before no-reset --connect-attempts 1")
    with Chip("esp32", 4 << 20) as chip:
        chip._answer = lambda *response: None
        with pytest.raises(Failure, match="hold the board's BOOT button"):
            flash.flash(BOARD["esp32"], chip.port, make_image(tmp_path, "esp32"), baud=115200)


def test_no_such_port_says_so(tmp_path):
    with pytest.raises(Failure, match="there is no such port"):
        flash.flash(BOARD["esp32"], str(tmp_path / "ttyUSB9"), make_image(tmp_path, "esp32"))


def test_an_image_for_another_board_is_refused(tmp_path):
    with pytest.raises(Failure, match="is for esp32c3, BOARD=UNOSQL_ESP32_GENERIC has esp32"):
        flash.flash(BOARD["esp32"], "none", make_image(tmp_path, "esp32c3"))


def test_an_unknown_board_is_refused(tmp_path):
    with pytest.raises(Failure, match="no board 'UNOSQL_ESP32_GENERIC_S9'; there are: UNOSQL_ESP32_GENERIC, "):
        flash.flash("UNOSQL_ESP32_GENERIC_S9", "none", make_image(tmp_path, "esp32"))


@pytest.mark.parametrize("content", [b"", b"\xe9", b"PK\x03\x04" * 100])
def test_what_is_no_image_is_refused(content, tmp_path):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(Failure, match="no image for an ESP chip"):
        flash.chip_of(tmp_path / "x.bin")


@pytest.mark.parametrize("other, erase, answer, expected", [
    (False, None, "", False), (False, None, "y", True), (False, None, "no", False), (True, None, "yes", True),
    (False, "yes", None, True), (True, "yes", None, True), (False, "no", None, False), (False, None, None, False),
    (True, "no", None, Failure), (True, None, None, Failure), (True, None, "n", Failure), (False, "maybe", None, Failure),
])
def test_nothing_is_erased_without_a_yes(other, erase, answer, expected):
    ask = None if answer is None else lambda question: answer
    if expected is Failure:
        with pytest.raises(Failure):
            flash.wants_erase(other, erase, ask)
    else:
        assert flash.wants_erase(other, erase, ask) is expected


def test_dry_run_prints_the_commands_and_needs_no_board(tmp_path, capsys):
    image = make_image(tmp_path, "esp32s3")
    flash.flash(BOARD["esp32s3"], None, image, erase="yes", dry=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" --after no-reset ")[1] for line in lines] == [
        "read-flash 0x8000 0xc00 " + lines[0].split()[-1], "erase-flash", "write-flash --flash-size detect 0x0 %s" % image,
    ]


@pytest.mark.parametrize("found, message", [
    ([], "no board found"), ([("/dev/a", "A"), ("/dev/b", "B")], r"PORT=: /dev/a \(A\), /dev/b \(B\)"),
])
def test_the_port_must_be_clear(found, message):
    with pytest.raises(Failure, match=message):
        ports.choose(None, lambda: found)


def test_the_one_board_is_taken_and_a_given_port_wins():
    assert ports.choose(None, lambda: [("/dev/a", "A")]) == "/dev/a"
    assert ports.choose("COM3", lambda: []) == "COM3"


def test_a_port_that_cannot_be_used_says_so(tmp_path, monkeypatch):
    with pytest.raises(Failure, match="ttyUSB9: there is no such port: is the board plugged in"):
        ports.choose(str(tmp_path / "ttyUSB9"))
    (tmp_path / "ttyUSB0").touch()
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # root may use everything
    with pytest.raises(Failure, match="ttyUSB0: you may not use this port: sudo usermod -aG dialout"):
        ports.choose(str(tmp_path / "ttyUSB0"))


@pytest.mark.parametrize("command", ["run", "device-test"])
@pytest.mark.parametrize("port, message", [
    ("/dev/ttyNONE", "/dev/ttyNONE: there is no such port: is the board plugged in?"),
    ("/dev/null", "no MicroPython board answers on /dev/null: "),
])
def test_commands_for_a_board_that_is_not_there_are_one_line(command, port, message):
    done = subprocess.run(["make", "-s", command, "BOARD=" + BOARD["esp32"], "PORT=" + port], cwd=ROOT,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode and done.stdout == ""
    assert done.stderr.startswith("unosql: error: " + message) and done.stderr.count("unosql: ") == 1


def test_a_real_board_is_not_replaced_by_the_emulated_one():
    assert run.is_emulated("UNOSQL_QEMU_RISCV") and not run.is_emulated(BOARD["esp8266"])
    with pytest.raises(Failure, match="no board 'TOASTER'; there are: "):
        run.is_emulated("TOASTER")


def test_ports_can_be_listed():
    assert isinstance(ports.attached(), list)  # whatever this machine has: pyserial is there and answers
