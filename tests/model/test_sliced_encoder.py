"""An encoder that reads a sequence in slices gives the states and the gradients of one that reads it whole."""

import pytest
import torch

from genolong.model import lean_block, recompute
from genolong.model.attention.native_attention import why_not
from genolong.model.encoder import Encoder
from genolong.parallel.shard import SequenceShard
from tests.builders.models import encoder_settings
from tests.builders.thread_group import in_threads

LENGTH = 67


def made(checkpoint_blocks: int, dtype=torch.float64, **changes) -> Encoder:
    torch.manual_seed(3)
    return Encoder(encoder_settings(layers=3, **changes), checkpoint_blocks).to(dtype)


def codes() -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randint(0, 6, (2, LENGTH), dtype=torch.uint8)


def weights_of(start: int, end: int) -> torch.Tensor:
    return (torch.arange(start, end)[:, None] * 12 + torch.arange(12)).sin()


def read_whole(**changes):
    """States, and gradients of a loss that weighs every position otherwise."""
    encoder = made(0, **changes)
    states = encoder(codes())
    (states * weights_of(0, LENGTH)).sum().backward()
    return states.detach(), [weight.grad for weight in encoder.parameters() if weight.grad is not None]


def read_in_slices(processes: int, checkpoint_blocks: int, kernels: str = "aten", **changes):
    encoders, read_codes = [made(checkpoint_blocks, **changes) for _ in range(processes)], codes()
    for each in encoders:
        each.kernels = kernels

    def read(group):
        shard, encoder = SequenceShard(LENGTH, group), encoders[group.rank]
        states = encoder(read_codes[:, shard.start : shard.end], shard)
        (states * weights_of(shard.start, shard.end)).sum().backward()
        return states.detach(), [weight.grad for weight in encoder.parameters() if weight.grad is not None]

    slices = in_threads(processes, read)
    grads = [torch.stack(parts).sum(0) for parts in zip(*(grads for _, grads in slices), strict=True)]
    return torch.cat([states for states, _ in slices], dim=1), grads


@pytest.mark.parametrize("processes", [2, 3, 4])
@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
@pytest.mark.parametrize("kernel", [0, 5])
def test_slices_change_no_state_and_no_gradient(processes, checkpoint_blocks, kernel, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 11 * 4 * 2 * 12)
    states, grads = read_in_slices(processes, checkpoint_blocks, kernel=kernel)
    whole, wanted = read_whole(kernel=kernel)
    assert torch.allclose(states, whole, atol=1e-11)
    for found, right in zip(grads, wanted, strict=True):
        assert float((found - right).abs().max() / right.abs().max()) <= 1e-10


@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
@pytest.mark.parametrize(
    "kernels", ["aten", pytest.param("cpp", marks=pytest.mark.skipif(bool(why_not(4)), reason=why_not(4)))]
)
def test_float32_stays_within_its_rounding(kernels, checkpoint_blocks, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 5 * 4 * 2 * 12)
    monkeypatch.setitem(lean_block.HELD_BYTES, "cpu", 1)
    states, grads = read_in_slices(3, checkpoint_blocks, kernels, kernel=3, dtype=torch.float32)
    whole, wanted = read_whole(kernel=3)
    assert torch.allclose(states.double(), whole, atol=1e-5)
    for found, right in zip(grads, wanted, strict=True):
        assert float((found - right).abs().max() / right.abs().max()) <= 1e-5


def test_a_reach_beyond_the_next_slice_is_refused():
    def reach(group):
        shard = SequenceShard(7, group)
        return shard.with_halo(torch.zeros(1, shard.end - shard.start, 1), 3)

    with pytest.raises(ValueError, match="a slice of 2 positions is shorter than the reach of 3"):
        in_threads(3, reach)


@pytest.mark.parametrize("checkpoint_blocks", [1, 2])
def test_slices_of_other_lengths_take_heads_in_the_same_groups(checkpoint_blocks, monkeypatch):
    number, width, batch, heads = 8, 4, 2, 3
    monkeypatch.setitem(lean_block.HELD_BYTES, "cpu", 3 * number * width * batch * heads * (LENGTH // 3))  # not of 23
    states, grads = read_in_slices(3, checkpoint_blocks, kernel=3)
    whole, wanted = read_whole(kernel=3)
    assert torch.allclose(states, whole, atol=1e-11)
    for found, right in zip(grads, wanted, strict=True):
        assert float((found - right).abs().max() / right.abs().max()) <= 1e-10
