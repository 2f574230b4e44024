"""What norms, convolves and turns states in one pass over memory: C++, Triton, or nothing but PyTorch."""

from torch import Tensor

from genolong.model.passes.native_passes import NativePasses, native_passes
from genolong.model.passes.triton_passes import TritonPasses, triton_passes


def passes_for(x: Tensor, kernels: str) -> NativePasses | TritonPasses | None:
    """For numbers such as these, by the kernels that are asked for; None where PyTorch's own have to do."""
    if kernels == "cpp":
        return native_passes(x)
    return triton_passes(x) if kernels in ("triton", "flash") else None
