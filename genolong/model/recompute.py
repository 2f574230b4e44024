"""Memory for time: functions whose insides are not kept for the backward pass but computed again."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK = 1 << 13  # positions


def recomputed(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """`function(*inputs)`, of which only the inputs are kept."""
    return checkpoint(function, *inputs, use_reentrant=False)  # type: ignore[return-value]


def in_chunks(
    function: Callable[[Tensor, int], Tensor],
    states: Float[Tensor, "batch length width"],
    weights: Sequence[Tensor],
    *,
    halo: int = 0,
) -> Tensor:
    """`function(states, 0)`, a stretch of positions at a time; only `states` is kept for the backward pass.

    `function(stretch, start)` gets the positions from `start` on, and its output at a position must depend on nothing
    more than `halo` positions away. `weights` are the parameters that it reads. It must draw no random numbers.
    """
    return _InChunks.apply(states, function, halo, *weights)  # type: ignore[no-any-return]


class _InChunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, function: Callable, halo: int, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(states, *weights)
        ctx.function, ctx.halo, ctx.autocast = function, halo, autocast_now(states.device.type)
        outs = states.new_empty(0)
        for begin, end, left, right in stretches(states.shape[1], halo):
            out = function(states[:, left:right], left)[:, begin - left : end - left]
            if begin == 0:
                outs = out.new_empty((states.shape[0], states.shape[1], *out.shape[2:]))
            outs[:, begin:end] = out
        return outs

    @staticmethod
    def backward(ctx: Any, grad: Tensor):  # type: ignore[override]
        states, *weights = ctx.saved_tensors
        total = torch.zeros_like(states) if ctx.halo else torch.empty_like(states)
        totals = [torch.zeros_like(weight) for weight in weights]
        for begin, end, left, right in stretches(states.shape[1], ctx.halo):
            stretch = states[:, left:right].detach().requires_grad_()
            with torch.enable_grad(), ctx.autocast():
                out = ctx.function(stretch, left)[:, begin - left : end - left]
            part, *parts = torch.autograd.grad(out, [stretch, *weights], grad[:, begin:end])
            if ctx.halo:  # stretches share positions
                total[:, left:right] += part
            else:
                total[:, left:right] = part
            for weight, more in zip(totals, parts, strict=True):
                weight += more
        return total, None, None, *totals


def stretches(length: int, halo: int = 0) -> list[tuple[int, int, int, int]]:
    """(begin, end, left, right): the positions a stretch gives, and those it reads."""
    begins = range(0, length, CHUNK)
    return [(at, min(at + CHUNK, length), max(at - halo, 0), min(at + CHUNK + halo, length)) for at in begins]


def autocast_now(device: str) -> Callable[[], AbstractContextManager]:
    """A maker of the mixed-precision context in force now, for the backward pass, which runs outside of it."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype=dtype, enabled=enabled)
