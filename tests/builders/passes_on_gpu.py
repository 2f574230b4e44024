"""Triton's norms, convolutions and rotations on a GPU beside float64 on the CPU; a program that ends with 1."""

import copy
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from genolong.model.convolution import Convolution
from genolong.model.norm import Norm, choose_kernels
from genolong.model.passes.chosen_passes import passes_for
from genolong.model.passes.triton_passes import TritonPasses
from genolong.model.rotary import rotate, rotation

BATCH, LENGTH = 2, 4099
NARROW = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}


def differs(found: list[Tensor], exact: list[Tensor]) -> float:
    """The largest difference of each pair in its largest number, of all pairs."""
    pairs = [(one.detach().cpu().double(), other.detach()) for one, other in zip(found, exact, strict=True)]
    return max(float((one - other).abs().max() / other.abs().max()) for one, other in pairs)


def of_module(module: nn.Module, width: int, run: Callable, dtype: torch.dtype, device: str) -> float:
    """Of what `run(module, x)` gives, in `dtype`, and of all gradients."""
    for weight in module.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    choose_kernels(module, "triton")
    x, grad = torch.randn(BATCH, LENGTH, width), torch.randn(BATCH, LENGTH, width).to(dtype)
    there, single = copy.deepcopy(module).to(device), x.to(device).requires_grad_()
    assert isinstance(passes_for(single, "triton"), TritonPasses)
    with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
        out = run(there, single)
    assert out.dtype == dtype
    found = [out, *torch.autograd.grad(out, [single, *there.parameters()], grad.to(device))]
    exact, double = module.double(), x.double().requires_grad_()
    for norm in (each for each in exact.modules() if isinstance(each, Norm)):
        norm.eps = torch.finfo(torch.float32).eps
    out = exact(double)
    return differs(found, [out, *torch.autograd.grad(out, [double, *exact.parameters()], grad.double())])


def of_turns(width: int, dtype: torch.dtype, device: str) -> float:
    """Of rows that are a slice of a longer sequence, turned, and their gradient."""
    rows, grad = torch.randn(2, BATCH, LENGTH, 3, 5, width).to(dtype)
    by = rotation(1_000_003, LENGTH, width, 1e4, torch.zeros(()), "triton").stretch(7, LENGTH - 11)
    there = type(by)(by.cosine.to(device), by.sine.to(device), by.kernels)
    results = []
    for each, angles in ((rows.to(device), there), (rows.double(), by._replace(kernels="aten"))):
        read = each[:, 7 : LENGTH - 4].requires_grad_()
        out = rotate(read, angles)
        results.append([out, *torch.autograd.grad(out, read, grad.to(out)[:, 7 : LENGTH - 4])])
    return differs(*results)


def cases(device: str) -> Iterator[tuple[str, float, float]]:
    """What is compared, the largest difference, and which is allowed."""
    for width in (512, 1024, 331):
        for dtype, allowed in NARROW.items():
            yield f"norm of {width}, {dtype}", of_module(Norm(width), width, Norm.rounded, dtype, device), allowed
        for kernel in (1, 3, 9, 17):
            difference = of_module(Convolution(width, kernel), width, Convolution.__call__, torch.float32, device)
            yield f"convolution of {width}, {kernel} taps", difference, 2e-5
    for width in (64, 22):
        for dtype, allowed in NARROW.items():
            yield f"turned heads of {width}, {dtype}", of_turns(width, dtype, device), allowed


if __name__ == "__main__":
    torch.manual_seed(0)
    wrong = 0
    for name, difference, allowed in cases("cuda"):
        wrong += not difference <= allowed
        sys.stdout.write(f"{name}: {difference:.1e}, allowed {allowed:.0e}\n")
    sys.exit(bool(wrong))
