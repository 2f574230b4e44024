"""Attention over all branches at once in Triton: decides whether it can run, and starts its kernels."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genolong.model.attention.joint import Joint
from genolong.model.attention.query_classes import MOST_BRANCHES, BranchHere, QueryClasses, Tile, query_classes
from genolong.model.compilers.triton import DTYPES, interpreted, no_triton, padded

WIDEST = 128  # channels of a head: the largest number tested
HELD_BYTES, READ_BYTES = 128, 64  # rows that a program holds and reads, times bytes per number: fastest of those timed
HOW = {"num_warps": 4, "num_stages": 3}  # fastest of those timed


class TritonAttention(NamedTuple):
    """The kernels for some heads, a length and a geometry, with the tables they read on their device.

    Rows are (batch, length, heads, width), with any strides but adjacent channels, and all of one type.
    """

    classes: QueryClasses
    tables: tuple[Tensor, ...]

    def attend(self, rows: Sequence[Tensor], out: Tensor) -> Tensor:
        """Writes the output for `rows` (queries, keys, values) to `out`; returns each row's log-sum-exp in float32."""
        queries = rows[0]
        lse = torch.empty(queries.shape[:3], dtype=torch.float32, device=queries.device)
        self._run("attend", (*rows, out, lse))
        return lse

    def attend_backward(self, rows: Sequence[Tensor], joint: Joint, grads: Tensor) -> None:
        """Write the gradients of queries, keys and values to `grads`, (batch, length, 3, heads, width).

        `rows` are the output's gradient, queries, keys and values.
        """
        seen = *rows, joint.sums(rows[0]), joint.lse
        of_queries, of_keys, of_values = grads.unbind(2)
        self._run("attend_backward_queries", (*seen, of_queries))
        self._run("attend_backward_keys", (*seen, of_keys, of_values))

    def _run(self, name: str, tensors: Sequence[Tensor]) -> None:
        batch, _, _, width = tensors[0].shape
        strides = [step for tensor in tensors for step in tensor.stride()[:3]]
        tile, blocks = self.classes.tile, len(self.classes.class_of_block)
        if batch and blocks:
            with torch.cuda.device_of(tensors[0]):
                _kernels()[name][blocks, batch](
                    *tensors, *strides, *self.tables, self.classes.period, self.classes.branches.shape[1], width**-0.5,
                    WIDTH=width, WIDE=padded(width), HELD=tile.held, READ=tile.read,
                    WIDEN=interpreted(), **HOW,
                )  # fmt: skip


def triton_attention(
    rows: Sequence[Tensor], branches: tuple[BranchHere, ...], first_head: int, all_heads: int
) -> TritonAttention | None:
    """The kernels for such rows, (batch, length, heads, width); None if they do not support them."""
    first = rows[0]
    _, length, heads, width = first.shape
    if first.dtype not in DTYPES or any(row.dtype != first.dtype for row in rows) or len(branches) > MOST_BRANCHES:
        return None
    if not 0 < length * heads < 1 << 31 or why_not(width, cuda=first.device.type == "cuda"):  # tables count in 32 bits
        return None
    of_heads = first_head, heads, all_heads
    return _arranged(branches, length, *of_heads, tile_of(width, first.element_size()), first.device)


def why_not(width: int, *, cuda: bool) -> str:
    """The reason why heads of this width cannot be attended in Triton, on the GPU or CPU; empty if they can."""
    if width > WIDEST:
        return f"heads of {width} channels are wider than {WIDEST}"
    return no_triton(cuda=cuda)


def tile_of(width: int, number: int) -> Tile:
    """The tile for heads of `width` channels, with numbers of `number` bytes."""
    return Tile(max(16, HELD_BYTES // number), max(16, READ_BYTES // number))


@cache
def _kernels() -> Any:
    """Import the kernels on first use, because triton may not be installed."""
    from genolong.model.attention import triton_kernels

    return vars(triton_kernels)


@lru_cache(maxsize=16)
def _arranged(
    branches: tuple[BranchHere, ...], length: int, first_head: int, heads: int, all_heads: int, tile: Tile,
    device: torch.device,
) -> TritonAttention:  # fmt: skip
    found = query_classes(branches, length, first_head, heads, all_heads, tile)
    tables = found.residues, found.classes, found.class_of_block, found.branches
    return TritonAttention(found, tuple(torch.from_numpy(table).to(device) for table in tables))
