"""A step's time is what is counted at the device's rates: operations, what goes through memory, what is received.

Or the time of the CPU that starts all of it, if that is longer.
"""

from typing import Any

import pytest

from genolong.model.costs.flops import flops
from genolong.model.costs.kept import kept_rows
from genolong.model.costs.seconds import Rates, bytes_moved, seconds
from genolong.model.costs.starts import starts
from genolong.model.costs.traffic import traffic
from tests.builders.steps import model, step

THREE: dict[str, Any] = {"devices": 3, "sequence": 3}


def test_each_part_takes_as_long_as_its_rate_says_and_they_add_up():
    taken = step(**THREE)
    found = seconds(taken, Rates(operations=7.0, moved=11.0, received=13.0, start=17.0))
    assert found.arithmetic == pytest.approx(flops(taken).all / 7)
    assert found.memory == pytest.approx(bytes_moved(taken) / 11)
    assert found.link == pytest.approx(traffic(taken).all / 13)
    assert found.starting == starts(taken) * 17
    assert found.all == pytest.approx(found.arithmetic + found.memory + found.link)


@pytest.mark.parametrize("slow", ["arithmetic", "memory", "link"])
def test_what_takes_longest_is_the_limit(slow):
    names = {"arithmetic": "operations", "memory": "moved", "link": "received"}
    rates = Rates(**{rate: 1e-9 if part == slow else 1e9 for part, rate in names.items()}, start=1e-6)
    assert seconds(step(**THREE), rates).limit == slow


def test_a_gpu_waits_for_a_cpu_that_takes_longer_than_all_of_it():
    most, there = Rates(1e9, 1e9, 1e9, 0.0), seconds(step(**THREE), Rates(1e9, 1e9, 1e9, 0.0)).all
    each = there / starts(step(**THREE))
    waits, does_not = (seconds(step(**THREE), most._replace(start=each * share)) for share in (1.1, 0.9))
    assert waits.limit == "starting" and waits.all == waits.starting == pytest.approx(1.1 * there)
    assert does_not.limit != "starting" and does_not.all == there


def test_more_is_started_where_more_is_to_be_done_but_not_for_more_windows_at_once():
    few = starts(step())
    assert starts(step(batch=7)) == few < starts(step({"layers": 5})) and starts(step(accumulation=3)) == 3 * few
    of_kernels = [starts(step(fused=True, checkpoint_blocks=1, kernels=name)) for name in ("triton", "flash", "aten")]
    assert sorted(of_kernels) == of_kernels and len(set(of_kernels)) == 3
    once, again, more = (starts(step({"layers": 5}, fused=True, checkpoint_blocks=number)) for number in (1, 5, 2))
    assert once < again < more


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
