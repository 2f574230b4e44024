"""A function run in stretches gives the numbers and the gradients of the function run whole."""

import pytest
import torch
from torch import nn

from genolong.model import recompute
from genolong.model.norm import Norm
from genolong.model.recompute import Sums, in_chunks, recomputed_alone, stretches


@pytest.mark.parametrize("positions", [1, 5, 29, 64])
def test_stretches_change_no_number(positions, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", positions * 4 * 2 * 7)
    torch.manual_seed(1)
    norm = Norm(7).double()
    states = torch.randn(2, 29, 7, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(2, 29, 7, dtype=torch.float64)
    wanted = torch.autograd.grad(norm(states), [states, norm.weight], grad)
    made = states * 1
    out = in_chunks(norm, made, [norm.weight])
    assert torch.allclose(out, norm(states), atol=1e-12)
    found = torch.autograd.grad(out, [made, norm.weight], grad, retain_graph=True)
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-10)
    assert found[0].data_ptr() == made.data_ptr()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(out, [made, norm.weight], grad)


@pytest.mark.parametrize("least", [1, 3, 40])
def test_stretches_lie_end_to_end_and_are_long_enough(least, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 2 * 4 * 2 * 7)
    found = stretches(torch.empty(2, 29, 7), least)
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])] and found[-1][1] == 29
    assert all(end - begin == max(2, least) for begin, end in found[:-1])


def test_in_inference_stretches_of_a_cpu_are_half_as_long():
    states = torch.empty(1, 1 << 13, 128)
    longest = stretches(states)[0][1]
    with torch.inference_mode():
        assert 2 * stretches(states)[0][1] == longest < 1 << 13


@pytest.mark.parametrize(
    ("length", "stretches", "positions"),
    [(1 << 18, 1, 1 << 18), (1 << 19, 2, 1 << 18), ((1 << 21) - 1, 8, 1 << 18), (1 << 24, 8, 1 << 21),
     ((1 << 24) + 1, 8, (1 << 21) + 128)],
)  # fmt: skip
def test_a_gpu_reads_long_windows_in_few_stretches(length, stretches, positions):
    at_a_time = recompute.stretch_positions(2, length, 64, "cuda")
    assert -(-length // at_a_time) == stretches and at_a_time == positions
    assert recompute.stretch_positions(2, length, 64, "cpu") == 1 << 12
    assert recompute.stretch_positions(2, length, 64, "cuda", least=1 << 22) == 1 << 22


@pytest.mark.parametrize("stretches", [0, 1, 3])
def test_gradients_are_summed_in_their_weights_types(stretches):
    weights = torch.zeros(2, 3), torch.zeros(5, dtype=torch.float64)
    sums = Sums(weights)
    for number in range(stretches):
        sums.add([torch.full((2, 3), 2.0**number, dtype=torch.bfloat16), torch.full((5,), 3.0**number)])
    twos, threes = (sum((base**number for number in range(stretches)), 0.0) for base in (2.0, 3.0))
    wanted = torch.full((2, 3), twos), torch.full((5,), threes, dtype=torch.float64)
    for got, right in zip(sums.all, wanted, strict=True):
        assert torch.equal(got, right) and got.dtype == right.dtype


def test_what_is_run_again_alone_is_told_so():
    told = []

    def function(states: torch.Tensor, again: bool) -> torch.Tensor:
        told.append(again)
        kept = states * 2
        return kept * kept

    states = torch.randn(3, requires_grad=True)
    recomputed_alone(function, states).sum().backward()
    assert told == [False, True]
    assert states.grad is not None and torch.allclose(states.grad, 8 * states)


def test_mixed_precision_is_in_force_again_in_the_backward_pass():
    linear = nn.Linear(8, 8)
    states = torch.randn(1, 13, 8, requires_grad=True)
    seen = []

    def function(stretch):
        seen.append(linear(stretch).dtype)
        return linear(stretch)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = in_chunks(function, states, list(linear.parameters()))
    out.float().sum().backward()
    assert seen == [torch.bfloat16, torch.bfloat16]
