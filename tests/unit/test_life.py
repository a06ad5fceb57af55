"""A short life of a device, as tests/runs/life.py runs it: inserts that push others out, with power cuts."""
import pytest

import life

ERASE = 4096


@pytest.mark.parametrize("medium, key", [("raw flash", None), ("littlefs", life.KEY)], ids=lambda value: str(value).split()[0])
def test_a_life_loses_nothing_and_stays_small(medium, key):
    found = life.live(medium, key, 1500)
    assert found["inserts"] == 1500 and found["cuts"] >= 2 and found["openings"] > found["cuts"]
    assert 0 < found["live"] <= found["most"] < 2 * found["live"] + 16 * ERASE
    assert found["dearest"][0] < 16 * ERASE and found["dearest"][1] <= 24
    assert medium != "raw flash" or found["wear"] < 2  # where to erase next is unosql's matter there only


@pytest.mark.parametrize("lost", ["ring", "queue", "taken"])
def test_a_life_notices_what_is_lost(lost):
    device = life.Life("raw flash", None)
    device.run(200)
    setattr(device, lost, getattr(device, lost) + 1)  # acknowledged, and yet not there
    with pytest.raises(life.Lost):
        device._check()


def test_the_table_and_the_plot(tmp_path):
    pytest.importorskip("matplotlib")  # which only the long run needs
    device = life.Life("raw flash", None)
    device.run(100)
    results = {life.name_of("raw flash", None): device.finish()}
    assert "| raw flash, plain | 100 |" in life.table(results)
    life.draw(results, tmp_path / "life.svg")
    assert (tmp_path / "life.svg").read_text().count("<svg") == 1
