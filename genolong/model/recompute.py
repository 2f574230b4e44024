"""Trades time for memory: functions whose activations are recomputed in the backward pass instead of kept."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

STRETCH_BYTES = {"cpu": 1 << 21, "cuda": 1 << 27}  # of states; intermediate results stay in a CPU's cache
STRETCHES = 8  # of a window on a GPU, at most, because a CPU starts the same kernels for each


def recomputed(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """`function(*inputs)`; only the inputs are kept for the backward pass."""
    return checkpoint(function, *inputs, use_reentrant=False)  # type: ignore[return-value]


def recomputed_alone(function: Callable[..., Tensor], states: Tensor) -> Tensor:
    """`function(states, again=False)`, keeping only `states`; the recomputation's output (again=True) is unused."""
    again = False

    def run(states: Tensor) -> Tensor:
        nonlocal again
        now, again = again, True
        return function(states, again=now)

    return recomputed(run, states)


def groups(blocks: int, keep: int) -> list[tuple[int, int]]:
    """Start and end of each group of `keep` blocks; all blocks form one group if `keep` is 0 or 1."""
    size = keep if keep > 1 else blocks
    return [(begin, min(begin + size, blocks)) for begin in range(0, blocks, size)]


def in_chunks(
    function: Callable[[Tensor], Tensor], states: Float[Tensor, "batch length width"], weights: Sequence[Tensor]
) -> Tensor:
    """`function(states)`, one stretch of positions at a time; only `states` is kept for the backward pass.

    The backward pass overwrites `states` with their gradient, so nothing else may read them. The output at a position
    may depend only on the states at that position. `weights` are the parameters that `function` reads. It must not
    draw random numbers.
    """
    return _InChunks.apply(states, function, *weights)  # type: ignore[no-any-return]


class _InChunks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, function: Callable, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(states, *weights)
        ctx.function, ctx.autocast = function, autocast_now(states.device.type)
        outs = states.new_empty(0)
        for begin, end in stretches(states):
            out = function(states[:, begin:end])
            if begin == 0:
                outs = out.new_empty((states.shape[0], states.shape[1], *out.shape[2:]))
            outs[:, begin:end] = out
        return outs

    @staticmethod
    def backward(ctx: Any, grad: Tensor):  # type: ignore[override]
        states, *weights = ctx.saved_tensors
        trained = [weight for weight in weights if weight.requires_grad]
        total, sums = states.detach(), Sums(trained)
        for begin, end in stretches(states):
            stretch = states[:, begin:end].detach().requires_grad_()
            with torch.enable_grad(), ctx.autocast():
                out = ctx.function(stretch)
            total[:, begin:end], *parts = torch.autograd.grad(out, [stretch, *trained], grad[:, begin:end])
            sums.add(parts)
        of_trained = iter(sums.all)
        return total, None, *(next(of_trained) if weight.requires_grad else None for weight in weights)


def stretches(states: Float[Tensor, "batch length width"], least: int = 1) -> list[tuple[int, int]]:
    """Start and end of each stretch; only the last may be shorter than `least`."""
    batch, length, width = states.shape
    positions = stretch_positions(batch, length, width, states.device.type, least)
    return [(begin, min(begin + positions, length)) for begin in range(0, length, positions)]


def stretch_positions(batch: int, length: int, width: int, device: str, least: int = 1) -> int:
    """The number of positions run at a time; windows may be shorter."""
    size = STRETCH_BYTES.get(device, STRETCH_BYTES["cuda"])
    if device == "cpu" and torch.is_inference_mode_enabled():
        size //= 2  # inference holds little memory, so the C library would free larger buffers, to be zeroed again
    share = 1 if device == "cpu" else -(-length // (STRETCHES * 128)) * 128  # kernels prefer round numbers
    return max(least, share, size // (4 * batch * width))


class Sums:
    """The gradients of some weights, summed over stretches; those of the first become the sums: nothing is zeroed."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights, self._sums = weights, list[Tensor]()

    def add(self, parts: Sequence[Tensor]) -> None:
        """Adds gradients that nothing else may read; a GPU adds all at once if they have the sums' types."""
        if not self._sums:
            self._sums = [part.to(weight.dtype) for weight, part in zip(self._weights, parts, strict=True)]
        else:
            torch.ops.aten._foreach_add_.List(self._sums, list(parts))

    @property
    def all(self) -> list[Tensor]:
        """The sum for each weight; zeros if there was no stretch."""
        return self._sums or [torch.zeros_like(weight) for weight in self._weights]


def autocast_now(device: str) -> Callable[[], AbstractContextManager]:
    """A function that recreates the current autocast context, for the backward pass, which runs outside of it."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype=dtype, enabled=enabled)
