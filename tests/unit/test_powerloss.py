"""A bounded share of the power-loss cases; `make test-powerloss` runs all of them."""
import gc

import run_kills
import powerloss
import pytest
import operations
from media import FlashMedium, PowerCut

SHARE = 300  # each so-manieth step, and one of each model at least


@pytest.fixture(scope="module", autouse=True)
def backups():
    operations.make_backups()


@pytest.mark.parametrize("name, kind", operations.PAIRS)
def test_power_cut_during(name, kind):
    counts = powerloss.run_pair(name, kind, SHARE)
    assert counts["cuts"] >= 3 and (counts["errors"] >= 2 or name == "full_medium")


@pytest.mark.parametrize("kind", ["files", "littlefs"])
def test_a_backup_takes_the_place_of_another_at_once(kind):
    """Power cut in each of the last steps of making it: one of the two is there."""
    operation = powerloss.Operation("backup", kind)
    for step in range(operation.steps - 8, operation.steps):
        powerloss.run_one(powerloss.Case(operation, operation.medium.device.MODELS[0], step, 0))


@pytest.mark.parametrize("kind", ["files", "fat"])
def test_a_backup_given_up_leaves_nothing(kind):
    """An I/O error in each step of making it."""
    operation = powerloss.Operation("backup", kind)
    for step in range(operation.steps):
        powerloss.run_one(powerloss.Case(operation, "error", step, 0))


def test_an_error_in_the_merge_that_a_write_waits_for():
    """The store loads all anew, and the write goes to the log that it has then: no later one takes its numbers."""
    operation = powerloss.Operation("sync", "encrypted")
    for step in range(operation.steps - 60, operation.steps):
        powerloss.run_one(powerloss.Case(operation, "error", step, 0))


def test_a_loss_is_noticed():
    """The harness itself: a database that forgets an acknowledged call is found out."""
    operation = powerloss.Operation("insert", "files")
    operation.states = operation.states[1:] + operation.states[-1:]
    with pytest.raises(powerloss.Broken):
        powerloss.Case(operation, "atomic", 0, 0).run()


@pytest.mark.parametrize("kind", operations.MEDIA)
def test_what_ran_before_a_cut_does_not_reach_the_medium_after_it(kind):
    """Generators of a database that lost its power, collected later, must not close or remove files of the next one's."""
    medium = operations.MEDIA[kind]()
    db = operations.opened(medium)
    for i in range(60):  # some merging is under way
        db.insert("c", {"n": i, "text": "x" * 90})
    medium.device.cut(0, medium.device.MODELS[0])
    with pytest.raises(PowerCut):
        db.insert("c", {})
    medium.device.restart()
    steps = medium.device.steps
    del db
    operations.shared.databases.clear()
    gc.collect()
    assert medium.device.steps == steps
    assert operations.opened(medium).verify() == []


def test_storage_from_before_a_cut_is_refused():
    medium = operations.MEDIA["littlefs"]()
    fs = medium.fs()
    file = fs.open("f", "w")
    medium.device.restart()
    file.close()
    fs.remove("f")
    with pytest.raises(PowerCut):
        fs.open("g", "w")
    before = bytes((flash := FlashMedium(8)).device.image)
    sink = _opened(flash).create(1)
    flash.device.restart()
    sink.append(bytes(9000))
    assert flash.device.image == before


def _opened(medium):
    storage = medium.storage()
    storage.open()
    return storage


def test_kill_of_the_emulated_board(request):
    wanted = request.config.getoption("--target")
    if wanted and "qemu" not in wanted:
        pytest.skip("needs the emulated board: --target qemu")
    assert run_kills.run(3) > 0
