"""Root-mean-square norm with its gradient in a few passes on a CPU, in C++ in one, where PyTorch makes it of twenty."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from genolong.model.native_passes import NativePasses, native_passes


class Norm(nn.RMSNorm):
    """Each position's channels divided by their root mean square, times a weight a channel (arXiv 1910.07467)."""

    kernels = "aten"  # with cpp, C++ does the work where it can

    def forward(self, x: Float[Tensor, "*positions width"]) -> Float[Tensor, "*positions width"]:
        if x.device.type != "cpu":
            return super().forward(x)
        native = self.native(x)
        if native is not None:
            return _NativeNorm.apply(x, self.weight, native)  # type: ignore[no-any-return]
        return _Norm.apply(x, self.weight)  # type: ignore[no-any-return]

    def native(self, x: Tensor) -> NativePasses | None:
        """What norms such states in C++, if anything does."""
        return native_passes(x) if self.kernels == "cpp" and self.weight.dtype == x.dtype else None


def choose_kernels(module: nn.Module, kernels: str) -> None:
    """Says by what all norms of a module run."""
    for each in module.modules():
        if isinstance(each, Norm):
            each.kernels = kernels


class _NativeNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, native: NativePasses) -> Tensor:
        out, shrink = native.norm(x, weight, torch.finfo(x.dtype).eps)
        ctx.save_for_backward(x, weight, shrink)
        ctx.native = native
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        return *ctx.native.norm_backward(grad, *ctx.saved_tensors), None


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
