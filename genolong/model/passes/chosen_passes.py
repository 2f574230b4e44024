"""Chooses the kernels that norm, convolve and rotate in one pass over memory: C++, Triton, or none (PyTorch)."""

from torch import Tensor

from genolong.model.passes.native_passes import NativePasses, native_passes
from genolong.model.passes.triton_passes import TritonPasses, triton_passes


def passes_for(x: Tensor, kernels: str) -> NativePasses | TritonPasses | None:
    """The one-pass kernels of the given kind for tensors such as `x`; None if PyTorch has to do it."""
    if kernels == "cpp":
        return native_passes(x)
    return triton_passes(x) if kernels in ("triton", "flash") else None
