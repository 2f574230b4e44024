"""GELU with a layer's bias, in C++: one pass over memory each way, where PyTorch needs two."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import Function, once_differentiable

from genolong.model.passes.native_passes import NativePasses


def biased_gelu(
    x: Float[Tensor, "*positions width"], bias: Float[Tensor, " width"], passes: NativePasses
) -> Float[Tensor, "*positions width"]:
    """GELU(x + bias) (arXiv 1606.08415), for float32."""
    return _BiasedGelu.apply(x, bias, passes)  # type: ignore[no-any-return]


class _BiasedGelu(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor, passes: NativePasses) -> Tensor:
        ctx.save_for_backward(x, bias)
        ctx.passes = passes
        return passes.gelu(x, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        return *ctx.passes.gelu_backward(grad, *ctx.saved_tensors), None
