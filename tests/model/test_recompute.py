"""A function run in stretches gives the numbers and the gradients of the function run whole."""

import pytest
import torch
from torch import nn

from genolong.model import recompute
from genolong.model.encoder import Convolution
from genolong.model.recompute import in_chunks


@pytest.mark.parametrize("chunk", [1, 5, 29, 64])
def test_stretches_with_a_halo_change_no_number(chunk, monkeypatch):
    monkeypatch.setattr(recompute, "CHUNK", chunk)
    torch.manual_seed(1)
    near = Convolution(7, 5).double()
    states = torch.randn(2, 29, 7, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(2, 29, 7, dtype=torch.float64)
    wanted = torch.autograd.grad(near(states), [states, *near.parameters()], grad)
    out = in_chunks(lambda x, _: near(x), states, list(near.parameters()), halo=near.reach)
    found = torch.autograd.grad(out, [states, *near.parameters()], grad)
    assert torch.allclose(out, near(states), atol=1e-12)
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-10)


def test_mixed_precision_is_in_force_again_in_the_backward_pass():
    linear = nn.Linear(8, 8)
    states = torch.randn(1, 13, 8, requires_grad=True)
    seen = []

    def function(stretch, start):
        seen.append(linear(stretch).dtype)
        return linear(stretch)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = in_chunks(function, states, list(linear.parameters()))
    out.float().sum().backward()
    assert seen == [torch.bfloat16, torch.bfloat16]
