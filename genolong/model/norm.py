"""Root-mean-square norm and its gradient in few passes over memory: one in C++ or Triton (PyTorch: twenty)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from genolong.model.passes.chosen_passes import passes_for
from genolong.model.passes.native_passes import NativePasses
from genolong.model.passes.triton_passes import TritonPasses


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
        passes, device = self.passes(x), x.device.type
        dtype = torch.get_autocast_dtype(device)
        if passes is None or dtype not in passes.dtypes or not torch.is_autocast_enabled(device):
            return self(x)
        return _OnePassNorm.apply(x, self.weight, passes, dtype)  # type: ignore[no-any-return]

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
