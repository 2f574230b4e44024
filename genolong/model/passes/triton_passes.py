"""Norms, short convolutions and rotations in Triton: decides whether the kernels can run, and starts them."""

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genolong.model.compilers.triton import DTYPES, no_triton, padded

WIDEST = 4096  # channels of a row, all of which one program holds
MOST_ROWS = 1 << 30  # row numbers have 32 bits
TILE = 2048  # numbers of a tensor that a program holds, 16 per thread
NEAR_TILE = 4096, 128  # the same for a convolution, and its most channels
TAPS_TILE = {"DEEP": 16, "TALL": 16, "BROAD": 32}  # taps, rows and channels: each thread has 4 channels of all taps
PROGRAMS = 4  # per multiprocessor, which together go through all rows; as many as fit at once


class TritonPasses(NamedTuple):
    """The kernels for a device; `programs` is the number of programs that share all rows in a sum over rows.

    States and gradients of weights are float32; other gradients and rotated rows may be any of `dtypes`.
    """

    programs: int
    dtypes = DTYPES

    def norm(self, x: Tensor, weight: Tensor, tiny: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """x * shrink * weight, (*positions, width), in `dtype`, and shrink = (mean(x^2) + tiny)^-1/2, (*positions)."""
        x, weight = x.contiguous(), weight.contiguous()
        out, shrink = torch.empty_like(x, dtype=dtype), x.new_empty(x.shape[:-1])
        rows, tile = shrink.numel(), rows_tile(x.shape[-1])
        _run("norm", (-(-rows // tile["TALL"]),), x, weight, out, shrink, rows, tiny, **tile)
        return out, shrink

    def shrinks(self, x: Tensor, tiny: float) -> Tensor:
        """The same `shrink` alone."""
        x = x.contiguous()
        shrink = x.new_empty(x.shape[:-1])
        rows, tile = shrink.numel(), rows_tile(x.shape[-1])
        _run("shrinks", (-(-rows // tile["TALL"]),), x, shrink, rows, tiny, **tile)
        return shrink

    def norm_backward(self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of x and weight, given that of the norm's output."""
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        return of_x, self._norm_backward(grad, x, weight, shrink, of_x, length=shrink.numel(), gap=0, add=False)

    def norm_backward_onto(self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor, total: Tensor) -> Tensor:
        """The gradient of the weight; that of x, (batch, positions, width), is added to whole rows of `total`."""
        length, width = x.shape[1:]
        gap = total.stride(0) // width - length
        return self._norm_backward(grad, x, weight, shrink, total, length=length, gap=gap, add=True)

    def _norm_backward(
        self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor, of_x: Tensor, *, length: int, gap: int, add: bool
    ) -> Tensor:  # fmt: skip
        grad, x, weight = grad.contiguous(), x.contiguous(), weight.contiguous()
        rows, tile = shrink.numel(), norm_backward_tile(x.shape[-1], add=add)
        programs = self._programs(rows, tile["TALL"])
        of_weight = x.new_empty((programs, x.shape[-1]))
        tensors = grad, x, weight, shrink, of_x, of_weight
        _run("norm_backward", (programs,), *tensors, rows, length, gap, **tile)
        return of_weight.sum(0)

    def convolve(self, x: Tensor, norm: Tensor, taps: Tensor, bias: Tensor, tiny: float) -> tuple[Tensor, Tensor]:
        """x + bias + the convolution of the normed x, and shrink as above: (batch, length, width), (batch, length).

        `taps` is (taps, width), with an odd number of taps; the norm's weight and the bias are (width).
        """
        x, norm, taps, bias = (tensor.contiguous() for tensor in (x, norm, taps, bias))
        out, shrink, length = torch.empty_like(x), self.shrinks(x, tiny), x.shape[1]
        rows, near = shrink.numel(), near_tile(*taps.shape)
        blocks = -(-rows // near["TALL"]) * -(-x.shape[-1] // near["BROAD"])
        _run("convolve", (blocks,), x, norm, taps, bias, shrink, out, rows, length, **near)
        return out, shrink

    def convolve_backward(
        self, grad: Tensor, x: Tensor, norm: Tensor, taps: Tensor, shrink: Tensor, start: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gradients of x, norm, taps and bias, given that of the output from position `start` on.

        Output before and beyond those positions does not count.
        """
        grad, x, norm, taps = (tensor.contiguous() for tensor in (grad, x, norm, taps))
        of_x, (_, length, width), rows = torch.empty_like(x), x.shape, shrink.numel()
        sizes = rows, length, start, grad.shape[1]
        tile = rows_tile(width) | {"TAPS": len(taps)}
        programs = self._programs(rows, tile["TALL"])
        of_norm = x.new_empty((programs, width))
        _run("convolve_backward", (programs,), grad, x, norm, taps, shrink, of_x, of_norm, *sizes, **tile)
        tile = taps_tile(*taps.shape)
        across, deep = -(-width // tile["BROAD"]), -(-(len(taps) + 1) // tile["DEEP"])
        programs = self._programs(rows, tile["TALL"], beside=across * deep)
        of_taps = x.new_empty((programs, len(taps) + 1, width))
        grid = programs, across, deep
        _run("convolve_backward_taps", grid, grad, x, norm, shrink, of_taps, *sizes, **tile)
        of_taps = of_taps.sum(0)
        return of_x, of_norm.sum(0), of_taps[:-1], of_taps[-1]

    def turn(self, rows: Tensor, cosine: Tensor, sine: Tensor, sign: int, out: Tensor) -> None:
        """Write `rows` to `out`, both (batch, positions, 3, heads, width), with queries and keys rotated.

        The last three axes of both are contiguous. Cosine and sine have width / 2 float32 numbers per position; the
        sines are multiplied by `sign`.
        """
        batch, length, _, heads, width = rows.shape
        places, tile = batch * length * 3 * heads, turn_tile(heads, width)
        tensors = rows, cosine.contiguous(), sine.contiguous(), out
        steps = *rows.stride()[:2], *out.stride()[:2]
        _run("turn", (-(-places // tile["TALL"]),), *tensors, float(sign), places, length, *steps, **tile)

    def _programs(self, rows: int, tall: int, beside: int = 1) -> int:
        """The number of programs that share the rows, if `beside` programs read the same rows."""
        return min(-(-rows // tall), -(-self.programs // beside))


def triton_passes(x: Tensor) -> TritonPasses | None:
    """The kernels for tensors such as `x`; None if they do not support them or cannot run here."""
    width, device = x.shape[-1], x.device
    if x.dtype not in DTYPES or not 0 < width <= WIDEST or x.numel() // width >= MOST_ROWS:
        return None
    if device.type not in ("cpu", "cuda") or no_triton(cuda=device.type == "cuda"):
        return None
    return _passes_on(device)


def rows_tile(width: int) -> dict[str, int]:
    """The constants to compile and start kernels that hold whole rows."""
    wide = padded(width)
    return {"WIDTH": width, "WIDE": wide, "TALL": max(1, TILE // wide), "num_warps": max(4, wide // 512)}


def norm_backward_tile(width: int, *, add: bool) -> dict[str, int]:
    """The same for `norm_backward`."""
    return rows_tile(width) | {"ADD": add}


def near_tile(taps: int, width: int) -> dict[str, int]:
    """The same for `convolve`."""
    numbers, most = NEAR_TILE
    broad = min(most, padded(width))
    return {"WIDTH": width, "TAPS": taps, "TALL": numbers // broad, "BROAD": broad, "num_warps": 4}


def taps_tile(taps: int, width: int) -> dict[str, int]:
    """The same for `convolve_backward_taps`."""
    return {"WIDTH": width, "TAPS": taps, **TAPS_TILE, "num_warps": 4}


def turn_tile(heads: int, width: int) -> dict[str, int]:
    """The same for `turn`."""
    wide = padded(width // 2)
    return {"HEADS": heads, "HALF": width // 2, "WIDE": wide, "TALL": max(1, TILE // wide), "num_warps": 4}


def _run(name: str, grid: tuple[int, ...], first: Tensor, *others: Tensor | int | float, **how: int) -> None:
    if all(grid):
        with torch.cuda.device_of(first):
            _kernels()[name][grid](first, *others, **how)


@cache
def _passes_on(device: torch.device) -> TritonPasses:
    return TritonPasses(
        PROGRAMS * (torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1)
    )


@cache
def _kernels() -> Any:
    """Import the kernels on first use, because triton may not be installed."""
    from genolong.model.passes import triton_pass_kernels

    return vars(triton_pass_kernels)
