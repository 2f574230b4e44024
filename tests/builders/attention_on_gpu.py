"""Triton's kernels on a GPU beside PyTorch's in float64 on the CPU, both passes; a program that ends with 1."""

import sys
from functools import partial

import torch

from genolong.model.dilated_attention import dilated_attention
from tests.model.test_dilated_attention import with_gradients

CASES = ((torch.float32, 64, 2e-5), (torch.float16, 64, 4e-3), (torch.bfloat16, 128, 3e-2), (torch.bfloat16, 24, 3e-2))
GEOMETRY = [32, 512, 4099], [1, 2, 4]


def differs(dtype: torch.dtype, width: int) -> float:
    """The largest difference of the output and gradients, in their largest numbers."""
    torch.manual_seed(0)
    rows = [torch.randn(2, 4099, 3, width).to(dtype).requires_grad_() for _ in range(4)]
    on_gpu = with_gradients(partial(dilated_attention, kernels="triton"), [row.cuda() for row in rows], *GEOMETRY)
    exact = with_gradients(dilated_attention, [row.detach().double().requires_grad_() for row in rows], *GEOMETRY)
    pairs = zip((one.detach().cpu().double() for one in on_gpu), (one.detach() for one in exact), strict=True)
    return max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)


if __name__ == "__main__":
    wrong = 0
    for dtype, width, tolerance in CASES:
        difference = differs(dtype, width)
        wrong += not difference <= tolerance
        sys.stdout.write(f"{dtype}, heads of {width}: {difference:.1e}, allowed {tolerance:.0e}\n")
    sys.exit(bool(wrong))
