"""A bounded share of the power-loss cases; `make test-powerloss` runs all of them."""
import kills
import powerloss
import pytest

SHARE = 150  # each so-manieth step


@pytest.fixture(scope="module", autouse=True)
def backups():
    powerloss.make_backups()


@pytest.mark.parametrize("name", powerloss.OPERATIONS)
@pytest.mark.parametrize("kind", powerloss.MEDIA)
def test_power_cut_during(name, kind):
    operation = powerloss.Operation(name, kind)
    assert operation.steps > 0
    rng = powerloss.random.Random(name + kind)
    for case in powerloss.cases(operation, SHARE, rng):
        powerloss.run_one(operation, *case)


def test_a_loss_is_noticed():
    """The harness itself: a database that forgets an acknowledged call is found out."""
    operation = powerloss.Operation("insert", "files")
    operation.states = operation.states[1:] + operation.states[-1:]
    with pytest.raises(powerloss.Broken):
        operation.case("atomic", 0, 0)


def test_kill_of_the_emulated_board(request):
    wanted = request.config.getoption("--target")
    if wanted and "qemu" not in wanted:
        pytest.skip("needs the emulated board: --target qemu")
    assert kills.run(3) > 0
