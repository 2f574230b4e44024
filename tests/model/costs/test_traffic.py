"""Bytes are those that a process receives, and stay constant where dilations grow as segments do."""

import pytest
import torch

from genolong.model.costs.step import weights
from genolong.model.costs.traffic import traffic
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard
from tests.builders.steps import step
from tests.builders.thread_group import in_threads


def received(of, dtype=torch.float32) -> int:
    """By the process that receives most, in one forward and backward pass."""
    encoders = [Encoder(of.encoder, of.checkpoint_blocks) for _ in range(of.sequence)]
    codes = torch.randint(0, 6, (of.batch, of.window_bp), dtype=torch.uint8)

    def read(group):
        shard = SequenceShard(of.window_bp, group)
        with torch.autocast("cpu", torch.bfloat16, enabled=of.half):
            encoders[group.rank](codes[:, shard.start : shard.end], shard).float().sum().backward()
        return group.received

    return max(in_threads(of.sequence, read))


@pytest.mark.parametrize("sequence", [2, 3, 4])
@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
@pytest.mark.parametrize(
    "encoder", [{}, {"kernel": 0, "growth": 4}, {"heads": 2, "dilation_growth": 3, "kernel": 5}], ids=str
)
def test_a_process_receives_what_is_counted(sequence, checkpoint_blocks, encoder):
    taken = step(encoder, checkpoint_blocks=checkpoint_blocks, sequence=sequence, devices=sequence)
    counted = traffic(taken)
    assert received(taken) == counted.all - counted.weights


def test_in_mixed_precision_keys_are_half_as_long():
    taken = step(half=True, sequence=3, devices=3)
    counted = traffic(taken)
    assert received(taken) == counted.all - counted.weights
    assert 2 * sum(size for _, size in counted.branches) == sum(
        size for _, size in traffic(step(sequence=3, devices=3)).branches
    )


def test_one_device_receives_nothing():
    assert traffic(step()).all == 0


def test_gradients_of_all_weights_are_summed_once_and_shared_weights_gathered_for_every_run():
    size = 4 * weights(step().encoder).all
    assert traffic(step(devices=4, accumulation=3)).weights == round(2 * size * 3 / 4)
    shared = traffic(step(devices=4, accumulation=3, share_weights=True, checkpoint_blocks=1))
    assert shared.weights == round(3 * size * 3 / 4 * (1 + 1 + 1)), "forward, backward, and the gradients'"


@pytest.mark.parametrize(("dilation_growth", "limited"), [(2, False), (4, True)])
def test_keys_of_a_branch_stay_below_a_limit_where_dilations_grow_as_segments_do(dilation_growth, limited):
    """From 64 thousand to a million bases, with 16,384 to a device: segment / dilation rows, less a device's own."""
    geometry = {"segment": 256, "growth": 4, "dilation_growth": dilation_growth}
    lengths = (1 << 16, 1 << 18, 1 << 20)
    steps = [
        step(geometry, window_bp=length, batch=1, devices=length >> 14, sequence=length >> 14) for length in lengths
    ]
    row = 2 * 4 * steps[0].encoder.width
    limit = 256 * row * (steps[0].runs_of_blocks + 2 * steps[0].encoder.layers)
    longest = [traffic(taken).branches[-1][1] for taken in steps]
    assert longest == sorted(longest)
    assert (longest[-1] <= limit) == limited
    if limited:
        assert longest == [limit * (taken.devices - 1) // taken.devices for taken in steps]
