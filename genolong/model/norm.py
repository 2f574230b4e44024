"""Root-mean-square norm and its gradient in few passes over memory: one in C++ or Triton (PyTorch: twenty)."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from genolong.model.passes.chosen_passes import passes_for
from genolong.model.passes.native_passes import NativePasses
from genolong.model.passes.triton_passes import TritonPasses

Backward = Callable[[Tensor, Tensor], Tensor]


class Norm(nn.RMSNorm):
    """Each position's channels divided by their root mean square, times one weight per channel (arXiv 1910.07467)."""

    kernels = "aten"  # cpp: C++ where it can run; triton or flash: Triton where it can run

    def forward(self, x: Float[Tensor, "*positions width"]) -> Float[Tensor, "*positions width"]:
        passes = self.passes(x)
        if passes is not None:
            return _OnePassNorm.apply(x, self.weight, passes)  # type: ignore[no-any-return]
        if x.device.type != "cpu":
            return super().forward(x)
        return _Norm.apply(x, self.weight)  # type: ignore[no-any-return]

    def rounded(self, x: Float[Tensor, "*positions width"]) -> Float[Tensor, "*positions width"]:
        """The norm as input of a matrix product; C++ and Triton write it directly in autocast's precision."""
        passes = self.passes(x)
        dtype = self._rounded_to(x, passes)
        if passes is None or dtype == x.dtype:
            return self(x)
        return _OnePassNorm.apply(x, self.weight, passes, dtype)  # type: ignore[no-any-return]

    def opened(self, x: Float[Tensor, "batch positions width"]) -> tuple[Tensor, Backward]:
        """`rounded(x)` without an autograd graph, and its backward pass.

        Given the gradient of the norm, and a total, that adds the gradient of `x` to the total, and returns that of the
        weight. In C++ and Triton this is one pass over memory.
        """
        passes = self.passes(x)
        if passes is not None:
            weight, tiny = self.weight.detach(), torch.finfo(x.dtype).eps
            out, shrink = passes.norm(x, weight, tiny, self._rounded_to(x, passes))
            return out, lambda grad, total: passes.norm_backward_onto(grad, x, weight, shrink, total)
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            out = self.rounded(x)

        def backward(grad: Tensor, total: Tensor) -> Tensor:
            found, of_weight = torch.autograd.grad(out, [x, self.weight], grad)
            total += found
            return of_weight

        return out.detach(), backward

    def _rounded_to(self, x: Tensor, passes: NativePasses | TritonPasses | None) -> torch.dtype:
        """Autocast's type if it is enabled and these passes write it."""
        device = x.device.type
        dtype = torch.get_autocast_dtype(device)
        rounds = passes is not None and dtype in passes.dtypes and torch.is_autocast_enabled(device)
        return dtype if rounds else x.dtype

    def passes(self, x: Tensor) -> NativePasses | TritonPasses | None:
        """The one-pass kernels for such states, if any."""
        weight = self.weight
        fits = x.dtype == weight.dtype == torch.float32 and x.shape[-1:] == weight.shape and x.device == weight.device
        return passes_for(x, self.kernels) if fits else None


def choose_kernels(module: nn.Module, kernels: str) -> None:
    """Set the kernels of all norms in a module."""
    for each in module.modules():
        if isinstance(each, Norm):
            each.kernels = kernels


class _OnePassNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, passes: NativePasses | TritonPasses, *dtype: torch.dtype
    ) -> Tensor:  # fmt: skip
        out, shrink = passes.norm(x, weight, torch.finfo(x.dtype).eps, *dtype)
        ctx.save_for_backward(x, weight, shrink)
        ctx.passes, ctx.others = passes, [None] * (1 + len(dtype))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        return *ctx.passes.norm_backward(grad, *ctx.saved_tensors), *ctx.others


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        mean = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
        shrink = mean.add_(torch.finfo(x.dtype).eps).rsqrt_()
        ctx.save_for_backward(x, weight, shrink)
        return (x * shrink).mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        x, weight, shrink = ctx.saved_tensors
        normed = x * shrink
        along = grad * normed
        of_weight = along.flatten(0, -2).sum(0)
        mean = (along @ weight).unsqueeze(-1).div_(-x.shape[-1])
        return torch.addcmul(grad * weight, normed, mean).mul_(shrink), of_weight
