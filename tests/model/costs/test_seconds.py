"""A step's time is what is counted at the device's rates: operations, what goes through memory, what is received."""

from typing import Any

import pytest

from genolong.model.costs.flops import flops
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.seconds import Rates, bytes_moved, seconds
from genolong.model.costs.traffic import traffic
from tests.builders.steps import model, step

THREE: dict[str, Any] = {"devices": 3, "sequence": 3}


def test_each_part_takes_as_long_as_its_rate_says_and_they_add_up():
    taken = step(**THREE)
    found = seconds(taken, Rates(operations=7.0, moved=11.0, received=13.0))
    assert found.arithmetic == pytest.approx(flops(taken).all / 7)
    assert found.memory == pytest.approx(bytes_moved(taken) / 11)
    assert found.link == pytest.approx(traffic(taken).all / 13)
    assert found.all == pytest.approx(found.arithmetic + found.memory + found.link)


@pytest.mark.parametrize("slow", ["arithmetic", "memory", "link"])
def test_what_takes_longest_is_the_limit(slow):
    names = {"arithmetic": "operations", "memory": "moved", "link": "received"}
    rates = Rates(**{rate: 1e-9 if part == slow else 1e9 for part, rate in names.items()})
    assert seconds(step(**THREE), rates).limit == slow


@pytest.mark.parametrize("checkpoint_blocks", [0, 2])
def test_every_run_of_a_block_moves_what_it_keeps_and_a_step_moves_the_optimizers_state_once(checkpoint_blocks):
    def moved(**changes: Any) -> int:
        return bytes_moved(step({"layers": 5}, checkpoint_blocks=checkpoint_blocks, **changes))

    taken = step({"layers": 5}, checkpoint_blocks=checkpoint_blocks)
    of_batch = moved(batch=3) - moved(batch=2)
    times = taken.runs_of_blocks + 2 * 5  # a backward pass counts as two forward passes
    assert of_batch == 3 * times * kept_rows(taken).block * 101  # written once, read twice
    state = moved(batch=2) - 2 * of_batch
    numbers = sum(weight.numel() for weight in model(taken).parameters())
    assert state == 2 * 4 * 4 * numbers  # read and written: weight, gradient and two averages, 4 bytes each
    assert moved(batch=2, accumulation=7) == 7 * 2 * of_batch + state
    assert moved(batch=2, devices=2, share_weights=True) == 2 * of_batch + state // 2
    assert moved(batch=2, devices=2) == moved(batch=2)
    assert moved(batch=3, **THREE) - moved(batch=2, **THREE) == of_batch // 101 * 34  # the longest slice of a window
