"""Raw flash: what blocks.py, chain.py and flash.py promise beyond the contract that test_storage.py checks."""
import hashlib
import random
import struct
import threading
import time

import pytest
from mini_store import seal
from media import EIO, FlashMedium, NorFlash, PowerCut
from test_storage import opened, read, records, write
from unosql import shared
from unosql.storage.blocks import Blocks
from unosql.errors import StorageFullError
from unosql.kv.observer import Observer
from unosql.kv.store import Store
from unosql.storage.chain import Chain
from unosql.names import manifests, told
from unosql.storage.flash import Flash


def test_a_full_flash_still_takes_log_records():
    """Otherwise nothing could ever be deleted on it."""
    storage = opened(FlashMedium(16, 1024, records=20))
    with pytest.raises(StorageFullError):
        for n in range(1, 100):
            write(storage, n, bytes(900))
    assert storage.free() == 0
    for _ in range(12):
        storage.log(b"w").append(bytes(60))
        storage.log(b"m").append(bytes(300))
    with pytest.raises(StorageFullError):
        for _ in range(20):
            storage.log(b"w").append(bytes(900))
    for _ in range(20):
        storage.log(b"m").append(bytes(900))
    assert len(list(storage.numbers())) == 16 - 4


def test_flash_wears_evenly():
    medium = FlashMedium(20, 1024)
    storage = opened(medium)
    write(storage, 1, bytes(2000))  # stays where it is
    for n in range(2, 500):
        write(storage, n, bytes(1500))
        storage.log(b"m").append(bytes(100))
        storage.remove(n - (n > 5) * 3)
        if n % 40 == 0:
            storage = opened(medium)
            storage.log(b"m").resume(max(storage.log(b"m").places()), 1)
    resting, others = sorted(medium.device.wear)[:3], sorted(medium.device.wear)[3:]
    assert resting == [1, 1, 1] and min(others) > 30
    assert max(others) <= min(others) + 5


def test_a_foreign_flash_opens_at_once():
    """Whatever is on it, nothing is erased before it comes into use."""
    image = random.Random(1).randbytes(64 * 4096).replace(b"U1", b"XX")
    device = NorFlash(64, image=image)
    storage = Flash(device, "testdb")
    storage.open()
    assert not storage.exists and not device.steps
    assert device.bytes_read == 64 * 32
    write(storage, 1, b"data" * 3000)
    assert device.erases == 3
    assert read(storage, 1) == b"data" * 3000


def test_databases_on_one_flash_take_no_block_twice():
    """Each was opened before the others wrote; what one frees, another can use."""
    device = NorFlash(24, 1024)
    stores = [Flash(device, name) for name in "ab"]
    for storage in stores:
        storage.open()
    rng, held = random.Random(3), {}
    for step in range(300):
        i = rng.randrange(2)
        if rng.random() < 0.3:
            while own := [key for key in held if key[0] == i]:
                del held[own[0]]
                stores[i].remove(own[0][1])
        try:
            write(stores[i], step + 1, b"%d" % step * 700)
            held[i, step + 1] = b"%d" % step * 700
        except StorageFullError:
            assert len(held) > 2
    assert {key: read(stores[key[0]], key[1]) for key in held} == held
    assert stores[0].free() == stores[1].free()


def test_threads_with_a_database_each_take_no_block_twice():
    device = NorFlash(40, 1024)
    erase = device.ioctl

    def slowly(op, arg):
        time.sleep(0.0005)  # other threads run, as they do on a chip that erases
        return erase(op, arg)

    device.ioctl = slowly
    intact = []

    def work(name):
        storage = Flash(device, name)
        storage.open()
        for n in range(1, 60):
            write(storage, n, name.encode() * 1200)
            if n > 3:
                storage.remove(n - 3)
        if all(read(storage, n) == name.encode() * 1200 for n in (57, 58, 59)):
            intact.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(intact) == ["a", "b", "c"] and not device.violation


def test_what_one_database_frees_another_can_use():
    device = NorFlash(12, 1024)
    first, second = Flash(device, "a"), Flash(device, "b")
    first.open()
    write(first, 1, bytes(8 * 992))
    second.open()
    with pytest.raises(StorageFullError):
        write(second, 1, b"x")
    first.remove(1)
    write(second, 1, b"x" * 8 * 992)
    assert read(second, 1) == b"x" * 8 * 992


def blocks_of(device, kind):
    return [b for b in range(device.blocks) if device.image[b * device.erase : b * device.erase + 3] == b"U1" + kind]


@pytest.mark.parametrize("order", [1, -1])
def test_a_dead_block_revived_by_torn_erasing_is_no_part_of_a_new_file(order):
    """An interrupted erase may restore just the kill word: the old block then looks alive."""
    medium = FlashMedium(16, 1024)
    device = medium.device
    storage = opened(medium)
    write(storage, 5, b"old" * 1000)  # 4 blocks
    storage.remove(5)
    write(storage, 5, b"new" * 500)  # 2 blocks
    for block in blocks_of(device, b"s"):
        device.image[block * 1024 + 28 : block * 1024 + 32] = b"\xff" * 4
    blocks = [device.image[i : i + 1024] for i in range(0, len(device.image), 1024)]
    device.image[:] = b"".join(blocks[::order])
    storage = opened(medium)
    assert list(storage.numbers()) == [5]
    assert read(storage, 5) == b"new" * 500
    assert storage.free() == (16 - 2 - 4) * 992


def test_blocks_without_the_first_one_are_free():
    medium = FlashMedium(16, 1024)
    storage = opened(medium)
    free = storage.free()
    write(storage, 5, b"x" * 3000)
    medium.device.image[blocks_of(medium.device, b"s")[0] * 1024 + 9] ^= 1
    storage = opened(medium)
    assert list(storage.numbers()) == []
    assert storage.free() == free


def test_a_segment_never_closed_shows_but_is_not_there():
    medium = FlashMedium()
    opened(medium).create(3).append(bytes(5000))
    storage = opened(medium)
    assert list(storage.numbers()) == [3]
    with pytest.raises(FileNotFoundError):
        storage.size(3)


def test_a_segment_that_lost_a_block_raises():
    medium = FlashMedium(16, 1024)
    write(opened(medium), 5, b"x" * 3000)
    medium.device.image[blocks_of(medium.device, b"s")[1] * 1024 + 9] ^= 1
    storage = opened(medium)
    with pytest.raises(OSError, match="flash:testdb/s0000005: block 1 is gone"):
        read(storage, 5)


def test_flash_limits():
    medium = FlashMedium(100, 1024)
    storage = opened(medium)
    with pytest.raises(ValueError, match="file number"):
        storage.create(1 << 26)
    with pytest.raises(ValueError, match="a file of more than 63488 bytes"):
        write(storage, 1, bytes(70000))
    assert list(storage.numbers()) == []
    with pytest.raises(ValueError, match="does not fit an erase block"):
        storage.log(b"m").append(bytes(1000))
    with pytest.raises(ValueError, match="multiple of 256"):
        Flash(NorFlash(8, 128 * 3), "x")


def test_an_erase_that_fails_is_an_error():
    class Stuck(NorFlash):
        def ioctl(self, op, arg):
            return -EIO if op == 6 else super().ioctl(op, arg)

    storage = Flash(Stuck(), "testdb")
    storage.open()
    with pytest.raises(OSError) as caught:
        write(storage, 1, b"x")
    assert caught.value.errno == EIO


@pytest.mark.parametrize("error", [OSError(EIO), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", ["readblocks", "ioctl", "writeblocks"])
def test_a_block_whose_taking_failed_can_be_taken_again(name, error):
    """Whether the access that failed was made or not: once what it was for is given up."""
    device, left = NorFlash(24, 1024), 0
    access = getattr(device, name)

    def failing(*args):
        nonlocal left
        left -= 1
        if left or made:
            result = access(*args)
        if not left:
            raise error
        return result

    setattr(device, name, failing)
    storage = Flash(device, "testdb")
    storage.open()
    write(storage, 1, bytes(900))
    free = storage.free()
    raised = 0
    for n in range(2, 80):
        left, made = n // 2 % 6 + 1, n % 2
        try:
            write(storage, n, bytes(900))
        except type(error):
            raised += 1
        left = 0
        storage.remove(n)
    assert raised > 9 and storage.free() == free and not shared.claimed
    for n in range(2, 2 + free // 992):
        write(storage, n, bytes(900))
    assert read(storage, 1) == bytes(900) and not device.violation


def test_a_damaged_frame_shows_as_a_damaged_record():
    medium = FlashMedium()
    log = opened(medium).log(b"w")
    for i in range(3):
        log.append(seal(b"record %d" % i))
    block = blocks_of(medium.device, b"w")[0] * 4096
    struct.pack_into("<H", medium.device.image, block + 32 + 20, 16 ^ 4)  # the second frame's length
    log = opened(medium).log(b"w")
    assert [log.read(place) for place in log.places()] == [b"", seal(b"record 0")]
    log.resume(list(log.places())[1], 1)
    log.append(b"after")  # beyond the damage lies something still: in a new block
    assert blocks_of(medium.device, b"w") == [block // 4096, block // 4096 + 1]


def test_after_a_torn_record_a_log_goes_on_in_another_block():
    for model in NorFlash.MODELS:
        medium = FlashMedium()
        log = opened(medium).log(b"w")
        log.append(b"first")
        medium.device.cut(0, model)
        with pytest.raises(PowerCut):
            log.append(b"torn" * 20)
        medium.device.restart()
        log = opened(medium).log(b"w")
        assert records(log) == [b"first"]
        log.resume(next(iter(log.places())), 1)
        log.append(b"second")
        assert records(opened(medium).log(b"w")) == [b"first", b"second"]


def test_a_log_goes_on_in_the_block_that_a_cut_left_empty_or_in_another():
    medium = FlashMedium(16, 1024)
    log = opened(medium).log(b"w")
    log.append(b"1" * 700)
    medium.device.cut(2, "none")  # the next block is erased and has its header, but no record
    with pytest.raises(PowerCut):
        log.append(b"2" * 700)
    medium.device.restart()
    for record in (b"3", b"4" * 700):
        log = opened(medium).log(b"w")
        log.resume(max(log.places(), key=log.read), len(records(log)))
        log.append(record)
    assert records(opened(medium).log(b"w")) == [b"1" * 700, b"3", b"4" * 700]


def test_after_an_error_a_log_never_programs_the_same_place_again():
    class Doubtful(NorFlash):
        def writeblocks(self, block, buf, offset=None):
            super().writeblocks(block, buf, offset)
            if bytes(buf[:5]) == b"doubt":
                raise OSError(EIO, "programmed, it seems")

    storage = Flash(Doubtful(), "testdb")
    storage.open()
    log = storage.log(b"w")
    log.append(b"first")
    with pytest.raises(OSError):
        log.append(b"doubtful")
    log.reset()
    log.append(b"second")
    assert b"second" in records(log)


class ReadOnly:
    """A block device that can only be read."""

    def __init__(self, device):
        self.readblocks, self._ioctl = device.readblocks, device.ioctl

    def writeblocks(self, *args):
        raise OSError(EIO, "the chip is locked")

    def ioctl(self, op, arg):
        if op == 6:
            raise OSError(EIO, "the chip is locked")
        return self._ioctl(op, arg)


def test_a_flash_that_can_only_be_read():
    """What a cut left, here the blocks of a file whose first one is dead, is free for as long as it is open."""
    medium = FlashMedium(16, 1024)
    storage = opened(medium)
    write(storage, 1, b"kept")
    free = storage.free()
    write(storage, 2, bytes(2500))
    storage._blocks.kill(storage._blocks.find(2, 0))
    locked = Flash(ReadOnly(medium.device), "testdb")
    steps = medium.device.steps
    locked.open()
    assert read(locked, 1) == b"kept" and list(locked.numbers()) == [1] and medium.device.steps == steps
    with pytest.raises(OSError, match="flash:testdb/ can't be written: .*the chip is locked") as caught:
        write(locked, 3, b"x")
    assert caught.value.errno == EIO
    with pytest.raises(OSError, match="can't be written"):
        locked.log(b"w").append(b"x")
    assert opened(medium).free() == free


def test_a_call_that_interrupts_the_taking_of_a_block_takes_another():
    """A callback in the middle of an erase writes to its own database, in the same thread."""
    device = NorFlash(24, 1024)
    ours, theirs = Flash(device, "a"), Flash(device, "b")
    ours.open()
    theirs.open()
    erase, calls = device.ioctl, []

    def interrupted(op, arg):
        if op == 6 and not calls:
            calls.append(arg)
            write(theirs, 1, b"theirs")
        return erase(op, arg)

    device.ioctl = interrupted
    write(ours, 1, b"ours")
    assert calls and read(ours, 1) == b"ours" and read(theirs, 1) == b"theirs" and not device.violation


def test_a_block_taken_between_the_search_and_the_claim_is_left_alone(monkeypatch):
    device = NorFlash(24, 1024)
    ours, theirs = Flash(device, "a"), Flash(device, "b")
    ours.open()
    theirs.open()
    vacant, calls = Blocks._vacant, []

    def interrupted(blocks, reserve):
        block = vacant(blocks, reserve)
        if not calls:
            calls.append(block)
            write(theirs, 1, b"theirs")
        return block

    monkeypatch.setattr(Blocks, "_vacant", interrupted)
    write(ours, 1, b"ours")
    assert calls and read(ours, 1) == b"ours" and read(theirs, 1) == b"theirs" and not device.violation
    assert ours.total() == theirs.total() == 24 * 1024


# -- names


def names(device, password=None):
    return {number: told(log, password) for number, log in manifests(device).items()}


def test_manifests_tell_the_names_of_all_databases_on_a_flash():
    """Of the newest record, wherever that lies: in the first of two blocks that a cut has left, and beside blocks that are free."""
    flash = NorFlash(64, 1024)
    stores = {name: Store(Flash(flash, name), Observer(), 1024) for name in ("one", "two", "three")}
    for name, store in stores.items():
        store.open(b"sixteen byte key" if name == "three" else None, 3)
    for i in range(60):
        if i == 40:
            stores["one"].storage.log(b"m")._retire = lambda: None  # as if a cut came each time
        for name in ("one", "two"):
            stores[name].apply([(b"%d" % i, bytes(60))])
            stores[name].flush()
    assert len(stores["one"].storage.log(b"m")._chain) > 1
    numbers = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") for name in stores}
    assert names(flash) == {numbers["one"]: "one", numbers["two"]: "two", numbers["three"]: None}
    assert names(flash, b"sixteen byte key")[numbers["three"]] == "three"
    flash.clear_counts()
    names(flash)
    assert not flash.programs and not flash.erases


def test_names_of_databases_whose_manifest_is_cut_off():
    flash = NorFlash(16, 1024)
    Store(Flash(flash, "one"), Observer(), 1024).open(None, 3)
    number = next(iter(manifests(flash)))
    for i in range(33, 1024):  # the frame of the first record begins at 32
        image = bytearray(flash.image)
        start = flash.image.index(b"U1m")
        image[start + i : start + 1024] = b"\xff" * (1024 - i)
        assert names(NorFlash(16, 1024, image=bytes(image))) in ({number: None}, {number: "one"})


def test_a_manifest_of_an_earlier_edition_tells_no_name(monkeypatch):
    flash = NorFlash(16, 1024)
    with monkeypatch.context() as patch:
        patch.delattr(Chain, "name")  # a log of somebody's own need not have it, either
        store = Store(Flash(flash, "one"), Observer(), 1024)
        store.open(None, 3)
        for i in range(3):
            store.apply([(b"%d" % i, b"x")])
            store.flush()
    assert list(names(flash).values()) == [""]
    again = Store(Flash(flash, "one"), Observer(), 1024)
    again.open(None, 3)
    again.apply([(b"z", b"x")])
    again.flush()
    assert list(names(flash).values()) == ["one"] and again.get(b"1") == b"x"
