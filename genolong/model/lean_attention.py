"""Attention of a whole block in little memory: a few heads at a time, of which only their outputs are kept."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from genolong.model.dilated_attention import Geometry, attend_branches, attend_branches_backward
from genolong.model.recompute import autocast_now, stretches

HEADS_AT_ONCE = 2

Rows = Callable[[int, int, Tensor, int], Tensor]


class Heads(NamedTuple):
    """How the heads read and are read: `rows(first, count, stretch, start)` makes queries, keys and values.

    Of heads first ... first + count - 1 at the positions of `stretch`, which begins at `start`: (batch, positions, 3,
    count, width). `weights` are the parameters that it reads, `outward` the matrix that the heads' outputs go through.
    """

    count: int
    rows: Rows
    weights: Sequence[Tensor]
    outward: Float[Tensor, "width width"]


def add_lean_attention(
    states: Float[Tensor, "batch length width"], heads: Heads, geometry: Geometry
) -> Float[Tensor, "batch length width"]:
    """`states` plus their dilated attention: kept for the backward pass are `states` and the heads' outputs.

    Projections and rotations are done again there, the attention itself is not.
    """
    return _LeanAttention.apply(states, heads.outward, heads, geometry, *heads.weights)  # type: ignore[no-any-return]


class _LeanAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, outward: Tensor, heads: Heads, geometry: Geometry, *weights: Tensor
    ):  # fmt: skip
        total, kept = states.clone(), []
        for group in _groups(heads):
            rows = group.rows(states)
            out, lse = attend_branches(*rows, geometry._replace(first_head=group.first))
            del rows
            kept += [out, lse]
            _add_projection(out, group.of(outward), total)
        ctx.save_for_backward(states, outward, *weights, *kept)
        ctx.heads, ctx.geometry = heads, geometry
        ctx.autocast = autocast_now(states.device.type)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        states, outward, *rest = ctx.saved_tensors
        weights, kept = rest[: len(ctx.heads.weights)], rest[len(ctx.heads.weights) :]
        total, totals = grad.clone(), [torch.zeros_like(weight) for weight in weights]
        of_outward = torch.zeros_like(outward)
        with ctx.autocast():
            for number, group in enumerate(_groups(ctx.heads)):
                out, lse = kept[2 * number : 2 * number + 2]
                group.of(of_outward).add_(grad.flatten(0, 1).mT @ out.flatten(2).flatten(0, 1))
                grads = _grads(grad, states, out, lse, group, outward, ctx)
                group.add_grads(states, grads, weights, total, totals)
                del grads  # before those of the next heads are made
        return total, of_outward, None, None, *totals


def _grads(grad: Tensor, states: Tensor, out: Tensor, lse: Tensor, group: "_Group", outward: Tensor, ctx: Any):
    """The gradients of a group's queries, keys and values; all else that is as long is gone when they are there."""
    along = (grad @ group.of(outward)).unflatten(-1, (group.count, -1)).to(out)
    geometry = ctx.geometry._replace(first_head=group.first)
    return attend_branches_backward(along, *group.rows(states), out, lse, geometry)


class _Group(NamedTuple):
    """Some heads."""

    first: int
    count: int
    heads: Heads

    def of(self, outward: Tensor) -> Tensor:
        """Their columns of the outward matrix."""
        width = outward.shape[1] // self.heads.count
        return outward[:, self.first * width : (self.first + self.count) * width]

    def rows(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, made a stretch at a time."""
        rows = torch.empty(0)
        for begin, end, _, _ in stretches(states.shape[1]):
            part = self.heads.rows(self.first, self.count, states[:, begin:end], begin)
            if begin == 0:
                rows = part.new_empty((3, states.shape[0], states.shape[1], *part.shape[3:]))
            rows[:, :, begin:end] = part.movedim(2, 0)
        return rows[0], rows[1], rows[2]

    def add_grads(
        self, states: Tensor, grads: Sequence[Tensor], weights: Sequence[Tensor], total: Tensor, totals: list[Tensor]
    ) -> None:
        """Adds to the gradients of states and weights what comes from those of queries, keys and values."""
        for begin, end, _, _ in stretches(states.shape[1]):
            stretch = states[:, begin:end].detach().requires_grad_()
            with torch.enable_grad():
                rows = self.heads.rows(self.first, self.count, stretch, begin)
            above = torch.stack([part[:, begin:end] for part in grads], dim=2)
            part, *parts = torch.autograd.grad(rows, [stretch, *weights], above.to(rows.dtype))
            total[:, begin:end] += part
            for weight, more in zip(totals, parts, strict=True):
                weight += more


def _groups(heads: Heads) -> Iterator[_Group]:
    for first in range(0, heads.count, HEADS_AT_ONCE):
        yield _Group(first, min(HEADS_AT_ONCE, heads.count - first), heads)


def _add_projection(out: Tensor, outward: Tensor, total: Tensor) -> None:
    """Adds the outputs of some heads to `total`, through their columns of the outward matrix."""
    for begin, end, _, _ in stretches(out.shape[1]):
        total[:, begin:end] += functional.linear(out[:, begin:end].flatten(2), outward)
