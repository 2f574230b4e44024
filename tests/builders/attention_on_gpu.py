"""Attention on a GPU by each kind of kernels beside PyTorch's in float64 on the CPU; a program that ends with 1.

Of both passes.
"""

import sys
from functools import partial

import torch

from genolong.model.dilated_attention import dilated_attention
from tests.model.test_dilated_attention import with_gradients

CASES = ((torch.float32, 64, 2e-5), (torch.float16, 64, 4e-3), (torch.bfloat16, 128, 3e-2), (torch.bfloat16, 24, 3e-2))
KERNELS = ("aten", "flash", "triton")
GEOMETRY = [32, 512, 4099], [1, 2, 4]


def differences(dtype: torch.dtype, width: int) -> dict[str, float]:
    """Of each kind of kernels the largest difference of the output and gradients, in their largest numbers."""
    torch.manual_seed(0)
    rows = [torch.randn(2, 4099, 3, width).to(dtype).requires_grad_() for _ in range(4)]
    exact = with_gradients(dilated_attention, [row.detach().double().requires_grad_() for row in rows], *GEOMETRY)
    found = {}
    for kernels in KERNELS:
        on_gpu = with_gradients(partial(dilated_attention, kernels=kernels), [row.cuda() for row in rows], *GEOMETRY)
        pairs = zip((one.detach().cpu().double() for one in on_gpu), (one.detach() for one in exact), strict=True)
        found[kernels] = max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)
    return found


if __name__ == "__main__":
    wrong = 0
    for dtype, width, tolerance in CASES:
        for kernels, difference in differences(dtype, width).items():
            wrong += not difference <= tolerance
            sys.stdout.write(f"{kernels}, {dtype}, heads of {width}: {difference:.1e}, allowed {tolerance:.0e}\n")
    sys.exit(bool(wrong))
