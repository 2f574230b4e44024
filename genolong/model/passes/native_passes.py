"""Norms, short convolutions, GELU and rotations in C++, in one pass over memory (PyTorch needs several)."""

import ctypes
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from genolong.model.compilers.cpp import compiled, has_memory

SOURCE = Path(__file__).with_suffix(".cpp")


class NativePasses(NamedTuple):
    """The compiled library, for CPU tensors.

    States and gradients of weights are float32; other gradients and rotated rows may be any of `dtypes`.
    """

    library: ctypes.CDLL
    dtypes = (torch.float32, torch.bfloat16)  # for gradients, rotated rows, and the output of a norm

    def norm(self, x: Tensor, weight: Tensor, tiny: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        """x * shrink * weight, (*positions, width), in `dtype`, and shrink = (mean(x^2) + tiny)^-1/2, (*positions)."""
        x, weight = x.contiguous(), weight.contiguous()
        out, shrink = torch.empty_like(x, dtype=dtype), x.new_empty(x.shape[:-1])
        self.library.genolong_norm(
            *(tensor.data_ptr() for tensor in (x, weight, out, shrink)), shrink.numel(), x.shape[-1], tiny,
            out.dtype == torch.bfloat16, torch.get_num_threads(),
        )  # fmt: skip
        return out, shrink

    def shrinks(self, x: Tensor, tiny: float) -> Tensor:
        """The same `shrink` alone."""
        x = x.contiguous()
        shrink = x.new_empty(x.shape[:-1])
        sizes = shrink.numel(), x.shape[-1], tiny, torch.get_num_threads()
        self.library.genolong_shrinks(x.data_ptr(), shrink.data_ptr(), *sizes)
        return shrink

    def norm_backward(self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of x and weight, given that of the norm's output."""
        of_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        return of_x, self._norm_backward(grad, x, weight, shrink, None, of_x)

    def norm_backward_onto(self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor, total: Tensor) -> Tensor:
        """The gradient of the weight; that of x, (batch, positions, width), is added to `total`."""
        parts = zip(grad, x, shrink, total, strict=True)
        return torch.stack([self._norm_backward(*part[:2], weight, part[2], part[3], part[3]) for part in parts]).sum(0)

    def _norm_backward(
        self, grad: Tensor, x: Tensor, weight: Tensor, shrink: Tensor, also: Tensor | None, of_x: Tensor
    ) -> Tensor:
        """Writes the gradient of x, plus `also`, to `of_x`; returns that of the weight."""
        grad, x, weight = grad.contiguous(), x.contiguous(), weight.contiguous()
        threads = torch.get_num_threads()
        of_weight = weight.new_zeros((threads, len(weight)))
        self.library.genolong_norm_backward(
            *(tensor.data_ptr() for tensor in (grad, x, weight, shrink)), also if also is None else also.data_ptr(),
            of_x.data_ptr(), of_weight.data_ptr(), shrink.numel(), len(weight), grad.dtype == torch.bfloat16, threads,
        )  # fmt: skip
        return of_weight.sum(0)

    def convolve(self, x: Tensor, norm: Tensor, taps: Tensor, bias: Tensor, tiny: float) -> tuple[Tensor, Tensor]:
        """x + bias + the convolution of the normed x, and shrink as above: (batch, length, width), (batch, length).

        `taps` is (taps, width), with an odd number of taps; the norm's weight and the bias are (width).
        """
        x, norm, taps, bias = (tensor.contiguous() for tensor in (x, norm, taps, bias))
        out, shrink = torch.empty_like(x), x.new_empty(x.shape[:-1])
        self.library.genolong_convolve(
            _convolution(x, taps), *(tensor.data_ptr() for tensor in (x, norm, taps, bias, out, shrink)), tiny
        )
        return out, shrink

    def convolve_backward(
        self, grad: Tensor, x: Tensor, norm: Tensor, taps: Tensor, shrink: Tensor, start: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gradients of x, norm, taps and bias, given that of the output from position `start` on.

        Output before and beyond those positions does not count.
        """
        grad, x, norm, taps = (tensor.contiguous() for tensor in (grad, x, norm, taps))
        of_x = torch.empty_like(x)
        of_weights = x.new_zeros((torch.get_num_threads(), 2 + len(taps), x.shape[-1]))
        self.library.genolong_convolve_backward(
            _convolution(x, taps), grad.data_ptr(), start, grad.shape[1],
            *(tensor.data_ptr() for tensor in (x, norm, taps, shrink, of_x, of_weights)),
        )  # fmt: skip
        of_weights = of_weights.sum(0)
        return of_x, of_weights[0], of_weights[2:], of_weights[1]

    def gelu(self, x: Tensor, bias: Tensor) -> Tensor:
        """GELU(x + bias), float32: (*positions, width) and (width)."""
        x, bias = x.contiguous(), bias.contiguous()
        out, threads = torch.empty_like(x), torch.get_num_threads()
        places = (tensor.data_ptr() for tensor in (x, bias, out))
        self.library.genolong_gelu(*places, x.numel() // len(bias), len(bias), threads)
        return out

    def gelu_backward(self, grad: Tensor, x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The gradients of x and bias, given that of the output."""
        grad, x, bias = grad.contiguous(), x.contiguous(), bias.contiguous()
        threads = torch.get_num_threads()
        of_x, of_bias = torch.empty_like(x), bias.new_zeros((threads, len(bias)))
        places = (tensor.data_ptr() for tensor in (grad, x, bias, of_x, of_bias))
        self.library.genolong_gelu_backward(*places, x.numel() // len(bias), len(bias), threads)
        return of_x, of_bias.sum(0)

    def turn(self, rows: Tensor, cosine: Tensor, sine: Tensor, sign: int, out: Tensor) -> None:
        """Write `rows` to `out`, both (batch, positions, 3, heads, width), with queries and keys rotated.

        The last three axes of both are contiguous. Cosine and sine have width / 2 float32 numbers per position; the
        sines are multiplied by `sign`.
        """
        batch, positions, parts, heads, width = rows.shape
        sizes = (ctypes.c_int64 * 6)(batch, positions, parts, heads, width, torch.get_num_threads())
        places = [
            (ctypes.c_int64 * 3)(tensor.data_ptr(), *(tensor.element_size() * step for step in tensor.stride()[:2]))
            for tensor in (rows, out)
        ]
        half = rows.dtype == torch.bfloat16
        self.library.genolong_turn(*places, cosine.data_ptr(), sine.data_ptr(), sign, sizes, half)


def _convolution(x: Tensor, taps: Tensor) -> ctypes.Array:
    return (ctypes.c_int64 * 5)(*x.shape, len(taps), torch.get_num_threads())


def native_passes(x: Tensor) -> NativePasses | None:
    """The library for tensors such as `x`; None if it cannot be compiled here or does not support them."""
    if not has_memory(x) or x.dtype not in NativePasses.dtypes:
        return None
    library = compiled(SOURCE)
    return None if isinstance(library, str) else _typed(library)


@cache
def _typed(library: ctypes.CDLL) -> NativePasses:
    at, count = ctypes.c_void_p, ctypes.c_int64
    library.genolong_norm.argtypes = [at] * 4 + [count, count, ctypes.c_float, count, count]
    library.genolong_norm_backward.argtypes = [at] * 7 + [count] * 4
    library.genolong_convolve.argtypes = [at] * 7 + [ctypes.c_float]
    library.genolong_shrinks.argtypes = [at, at, count, count, ctypes.c_float, count]
    library.genolong_convolve_backward.argtypes = [at, at, count, count] + [at] * 6
    library.genolong_gelu.argtypes = [at] * 3 + [count] * 3
    library.genolong_gelu_backward.argtypes = [at] * 5 + [count] * 3
    library.genolong_turn.argtypes = [at] * 4 + [ctypes.c_float, at, count]
    return NativePasses(library)
