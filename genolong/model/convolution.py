"""A short convolution along the sequence, with norm and residual; in one pass in C++ or Triton."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from genolong.model.norm import Norm
from genolong.model.passes.native_passes import NativePasses
from genolong.model.passes.triton_passes import TritonPasses


class Convolution(nn.Module):
    """Adds to the states a depthwise convolution of the normed states.

    It shows each position its neighbours, which dilated attention sees only in part. It runs in C++ or Triton whenever
    the norm does.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.norm = Norm(width)
        self.taps = nn.Conv1d(width, width, kernel, padding=self.reach, groups=width)

    def forward(
        self, states: Float[Tensor, "batch length width"], by_tap: Tensor | None = None
    ) -> Float[Tensor, "batch length width"]:
        """The output states; `by_tap` is what the method returned, to be used for several stretches."""
        taps, passes = self.taps, self._passes(states)
        if passes is not None:
            of = states, self.norm.weight, taps.weight, taps.bias, self.by_tap() if by_tap is None else by_tap
            return _OnePassConvolution.apply(*of, passes)  # type: ignore[no-any-return]
        normed = self.norm(states)
        if states.device.type != "cpu":
            return states + taps(normed.transpose(1, 2)).transpose(1, 2)
        # an image of one row in channels-last layout: the fastest kernel on a CPU, and no copies
        picture = normed.unsqueeze(1).permute(0, 3, 1, 2)
        weight = taps.weight.flatten(1)[:, None, None]  # so that its gradient has the same memory layout
        convolved = functional.conv2d(picture, weight, taps.bias, padding=(0, self.reach), groups=taps.groups)
        return states + convolved.permute(0, 2, 3, 1).squeeze(1)

    def by_tap(self) -> Float[Tensor, "taps width"]:
        """The layer's weight now, as kernels read it."""
        return self.taps.weight.detach()[:, 0].mT.contiguous()

    def gradients(
        self, states: Float[Tensor, "batch length width"], grad: Float[Tensor, "batch count width"], start: int,
        by_tap: Tensor | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Those of the states and of all parameters, given that of the output from position `start` on.

        Output before and beyond those positions does not count. `by_tap` is as above.
        """
        passes = self._passes(states)
        if passes is None:
            states = states.detach().requires_grad_()
            with torch.enable_grad():
                out = self(states)[:, start : start + grad.shape[1]]
            return torch.autograd.grad(out, [states, *self.parameters()], grad)
        shrink = passes.shrinks(states, torch.finfo(states.dtype).eps)
        taps = self.by_tap() if by_tap is None else by_tap
        return _gradients(passes, grad, (states, self.norm.weight, taps, shrink), start)

    def _passes(self, states: Tensor) -> NativePasses | TritonPasses | None:
        """The one-pass kernels that can do all of this, if any."""
        weight = self.taps.weight
        fits = states.ndim == 3 and weight.dtype == states.dtype and weight.device == states.device
        return self.norm.passes(states) if fits else None


class _OnePassConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, norm: Tensor, _weight: Tensor, bias: Tensor, taps: Tensor,
        passes: NativePasses | TritonPasses,
    ) -> Tensor:  # fmt: skip
        out, shrink = passes.convolve(x, norm, taps, bias, torch.finfo(x.dtype).eps)
        ctx.save_for_backward(x, norm, taps, shrink)
        ctx.passes = passes
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        return *_gradients(ctx.passes, grad, ctx.saved_tensors), None, None


def _gradients(
    passes: NativePasses | TritonPasses, grad: Tensor, saved: tuple[Tensor, Tensor, Tensor, Tensor], start: int = 0
) -> tuple[Tensor, ...]:  # fmt: skip
    """Those of x, norm, weight and bias, given x, norm, taps and what shrinks x."""
    of_x, of_norm, of_taps, of_bias = passes.convolve_backward(grad, *saved, start)
    return of_x, of_norm, of_taps.mT.unsqueeze(1), of_bias
