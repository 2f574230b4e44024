"""Attention in C++, on strided rows without copies."""

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genolong.model.compilers.cpp import compiled, has_memory, lanes, multiplies_bfloat16, multiplies_squares

SOURCE = Path(__file__).with_suffix(".cpp")
# How the compiler is told to multiply: whole squares of bfloat16 at once, pairs of them, or numbers in float32.
SQUARES = ("-DWANTED_PAIR=2", "-DWANTED_SQUARES=1", "-mavx512bf16", "-mamx-tile", "-mamx-bf16")
PAIRS = ("-DWANTED_PAIR=2", "-DWANTED_SQUARES=0", "-mavx512bf16")
WIDENED = ("-DWANTED_PAIR=1", "-DWANTED_SQUARES=0")
WIDEST = 64  # channels of a head: the largest number tested and measured


class NativeAttention(NamedTuple):
    """The compiled library for heads of a certain width.

    Tensors are (batch, segments, offsets, heads, positions[, width]) with any strides but adjacent channels. All are
    of one type, float32 or bfloat16, but `out` of the forward pass, sums and log-sum-exps are float32.
    """

    library: ctypes.CDLL

    def attend(self, rows: Sequence[Tensor], out: Tensor, lse: Tensor, *, overwrite: bool) -> None:
        """Merge the attention of `rows`, queries, keys and values, into the running output and log-sum-exp.

        `overwrite` replaces these instead.
        """
        self._call(self.library.genolong_attend, (*rows, out, lse), *rows[:2], overwrite=overwrite)

    def attend_backward(self, rows: Sequence[Tensor], grads: Sequence[Tensor], *, overwrite: bool) -> None:
        """Add to `grads`, the gradients of queries, keys and values, or overwrite them.

        `rows` are the output's gradient, queries, keys, values, each row's sum of gradient * output, and log-sum-exp.
        """
        function = self.library.genolong_attend_backward
        self._call(function, (*rows, *grads), *rows[1:3], overwrite=overwrite, backward=True)

    def _call(
        self, function: Any, tensors: Sequence[Tensor], queries: Tensor, keys: Tensor, *, overwrite: bool,
        backward: bool = False,
    ) -> None:  # fmt: skip
        *outer, positions, width = queries.shape
        threads = torch.get_num_threads()
        half = queries.dtype == torch.bfloat16
        sizes = (ctypes.c_int64 * 10)(*outer, positions, keys.shape[4], width, half, threads, overwrite)
        places = [
            number
            for tensor in tensors
            for number in (tensor.data_ptr(), *(step * tensor.element_size() for step in tensor.stride()[:5]))
        ]
        room = self.library.genolong_room(sizes, backward)
        scratch = torch.empty(threads * room, dtype=torch.float32, device="cpu")
        function(sizes, (ctypes.c_int64 * len(places))(*places), scratch.data_ptr(), room)


def native_attention(rows: Sequence[Tensor]) -> NativeAttention | None:
    """The library for such queries, keys and values; None if it cannot be compiled or does not support them."""
    first = rows[0]
    if first.dtype not in (torch.float32, torch.bfloat16) or first.shape[-1] > WIDEST:
        return None
    if any(tensor.dtype != first.dtype or not has_memory(tensor) for tensor in rows):
        return None
    built = _built(first.shape[-1], _fastest() if first.dtype == torch.bfloat16 else WIDENED)
    return built if isinstance(built, NativeAttention) else None


def why_not(width: int) -> str:
    """The reason why heads of this width cannot be attended in C++ on this machine's CPU; empty if they can."""
    if width > WIDEST:
        return f"heads of {width} channels are wider than {WIDEST}"
    built = _built(width)
    return "" if isinstance(built, NativeAttention) else built


def _fastest() -> tuple[str, ...]:
    """How this processor multiplies bfloat16 fastest; with squares, pairs would take it longer than float32."""
    if lanes() < 16:
        return WIDENED
    return SQUARES if multiplies_squares() else PAIRS if multiplies_bfloat16() else WIDENED


def _built(width: int, way: tuple[str, ...] = WIDENED) -> NativeAttention | str:
    """The library for heads of this width, or the reason why there is none.

    It multiplies in the given way if the compiler and the system support it, otherwise in float32.
    """
    wanted = f"-DWIDE={-(-width // (lanes() or 1))}", f"-DWANTED_LANES={lanes()}"
    library = compiled(SOURCE, *wanted, *way)
    built = library if isinstance(library, str) else _typed(library)
    return _built(width) if isinstance(built, str) and way != WIDENED else built


@cache
def _typed(library: ctypes.CDLL) -> NativeAttention | str:
    if not library.genolong_allowed():
        return "the system does not allow it"
    library.genolong_room.restype = ctypes.c_int64
    for function in (library.genolong_attend, library.genolong_attend_backward):
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        function.restype = None
    library.genolong_room.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    return NativeAttention(library)
