"""Attention a few heads at a time gives the numbers and the gradients of attention done whole."""

import pytest
import torch
from torch import Tensor, nn

from genolong.model import lean_attention as lean
from genolong.model import recompute
from genolong.model.dilated_attention import Geometry, dilated_attention
from genolong.model.lean_attention import Heads, add_lean_attention
from genolong.parallel.shard import SequenceShard

BRANCHES = ((8, 1), (31, 2), (41, 7))


class Projections(nn.Module):
    """Five heads of three channels, with something between states and rows that depends on the position."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(15, 45, bias=False), nn.Linear(15, 15, bias=False)

    def rows(self, first: int, count: int, stretch: Tensor, start: int) -> Tensor:
        made = self.inward(stretch).unflatten(-1, (3, 5, 3))[..., first : first + count, :]
        return made * torch.arange(start, start + stretch.shape[1]).cos()[:, None, None, None].to(made)

    def whole(self, states: Tensor) -> Tensor:
        queries, keys, values = self.rows(0, 5, states, 0).unbind(2)
        return states + self.outward(dilated_attention(queries, keys, values, *zip(*BRANCHES, strict=True)).flatten(2))

    def lean(self, states: Tensor) -> Tensor:
        return add_lean_attention(
            states,
            Heads(5, self.rows, [self.inward.weight], self.outward.weight),
            Geometry(BRANCHES, 0, 5, SequenceShard.whole(states.shape[1])),
        )


@pytest.mark.parametrize("at_once", [1, 2, 5, 7])
@pytest.mark.parametrize("chunk", [7, 64])
def test_a_few_heads_at_a_time_change_no_number(at_once, chunk, monkeypatch):
    monkeypatch.setattr(lean, "HEADS_AT_ONCE", at_once)
    monkeypatch.setattr(recompute, "CHUNK", chunk)
    torch.manual_seed(1)
    part = Projections().double()
    states = torch.randn(2, 41, 15, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(2, 41, 15, dtype=torch.float64)
    outs = part.whole(states), part.lean(states)
    assert torch.allclose(*outs, atol=1e-12)
    of = [states, *part.parameters()]
    for found, wanted in zip(*(torch.autograd.grad(out, of, grad) for out in outs), strict=True):
        assert torch.allclose(found, wanted, atol=1e-10)


def test_outputs_are_kept_and_rows_are_not():
    part, kept = Projections(), []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    states = torch.randn(1, 41, 15, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        part.lean(states)
    long = [tensor for tensor in kept if 41 in tensor.shape]
    assert sum(tensor.numel() for tensor in long) == 41 * (15 + 15 + 5), "states, outputs, one number a row"


def test_mixed_precision_is_in_force_again_in_the_backward_pass():
    torch.manual_seed(2)
    part = Projections()
    states = torch.randn(1, 41, 15, requires_grad=True)
    grads = []
    for attend in (part.whole, part.lean):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = attend(states)
        assert out.dtype == torch.float32, "as the states are"
        grads.append(torch.autograd.grad(out.float().square().sum(), [states, *part.parameters()]))
    for wanted, found in zip(*grads, strict=True):
        assert found.dtype == torch.float32
        assert torch.allclose(found, wanted, rtol=0.05, atol=0.05 * float(wanted.abs().max()))
