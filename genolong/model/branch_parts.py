"""Attention branch by branch on a GPU: flash kernels on rows as they lie, and their parts put together in one pass."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from genolong.model.blocks import Block, head_offset, segment_blocks
from genolong.model.flash_kernels import attend, attend_backward
from genolong.model.joint import Joint
from genolong.model.query_classes import BranchHere
from genolong.model.triton_attention import DTYPES, no_triton, padded

ROWS, WARPS = 32, 4  # positions of a head that one program puts together
MOST_PROBLEMS = 1 << 15  # of one kernel's grid
ALIGNED = 8  # numbers of 16 bits that are read at once
SPEC, STEPS = 6, 8  # numbers of a branch and of where its part is, in the table that part_kernels.py describes

Parts = list[list[tuple[Block, Tensor]]]  # of every branch's blocks: (problems, heads, positions[, width])


class BranchParts(NamedTuple):
    """Some heads' branches.

    Rows are (batch, length, heads, width), with any strides but adjoining channels, and all of one type.
    """

    branches: tuple[BranchHere, ...]
    first_head: int
    all_heads: int

    def attend(self, rows: Sequence[Tensor], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The output for `rows`, queries, keys and values, in `dtype`, and every row's log-sum-exp in float32."""
        queries = rows[0]
        out = torch.empty(queries.shape, dtype=dtype, device=queries.device)
        lse = torch.empty(queries.shape[:3], dtype=torch.float32, device=queries.device)
        parts, sums = self._parts(attend, rows, kinds=2)
        table, first, first_sums = self._table(queries.shape[2], kinds=1), _first(parts, queries), _first(sums, lse)
        _find(table[0, ..., SPEC : SPEC + STEPS], parts, self.branches, first)
        _find(table[0, ..., SPEC + STEPS :], sums, self.branches, first_sums)
        _start("join", (first, first_sums, out, lse), table, (*out.stride()[:3], *lse.stride()), out.shape)
        return out, lse

    def attend_backward(self, rows: Sequence[Tensor], joint: Joint, grads: Tensor) -> None:
        """Writes `grads`, (batch, length, 3, heads, width), of queries, keys and values.

        `rows` are the output's gradient, queries, keys and values.
        """
        kinds = self._parts(attend_backward, (*rows, joint.output, joint.lse), kinds=3)
        table, first = self._table(rows[0].shape[2], kinds=3), _first(kinds[0], grads)
        for of_kind, parts in zip(table, kinds, strict=True):
            _find(of_kind[..., SPEC : SPEC + STEPS], parts, self.branches, first)
        _start("add_up", (first, grads), table, grads.stride()[:4], rows[0].shape)

    def _parts(self, function: Callable[..., Sequence[Tensor]], rows: Sequence[Tensor], kinds: int) -> list[Parts]:
        """Of each of the tensors that `function` makes, what it is for every branch."""
        found: list[Parts] = [[[] for _ in self.branches] for _ in range(kinds)]
        for number, branch in enumerate(self.branches):
            for whole in segment_blocks(*branch, rows[0].shape[2], self.first_head, self.all_heads):
                for block in whole.apart():
                    made = _in_grids(function, [block.problems(tensor) for tensor in rows])
                    for parts, part in zip(found, made, strict=True):
                        parts[number].append((block, part))
        return found

    def _table(self, heads: int, kinds: int) -> Int64[np.ndarray, "kinds branches heads numbers"]:
        """One of each kind."""
        return np.stack([_specs(self.branches, heads, self.first_head, self.all_heads)] * kinds)


@lru_cache(maxsize=64)
def _specs(
    branches: tuple[BranchHere, ...], heads: int, first_head: int, all_heads: int
) -> Int64[np.ndarray, "branches heads numbers"]:
    """The table of branches, in which where their parts are is 0."""
    table = np.zeros((len(branches), heads, SPEC + 2 * STEPS), dtype=np.int64)
    for of_branch, branch in zip(table, branches, strict=True):
        for head, spec in enumerate(of_branch):
            offset = head_offset(first_head + head, branch.dilation, all_heads)
            spec[:SPEC] = branch.begin, _whole_end(branch), branch.end, branch.segment, offset, branch.dilation
    return table


def branch_parts(
    rows: Sequence[Tensor], branches: tuple[BranchHere, ...], first_head: int, all_heads: int
) -> BranchParts | None:
    """For rows such as these, (batch, length, heads, width); None where Triton is not, or not made for them."""
    first = rows[0]
    if first.dtype not in DTYPES or not first.numel() or no_triton(cuda=first.device.type == "cuda"):
        return None
    return BranchParts(branches, first_head, all_heads)


def _whole_end(branch: BranchHere) -> int:
    """Behind the last segment that is as long as others."""
    return branch.end - (branch.end - branch.begin) % branch.segment


def _in_grids(function: Callable[..., Sequence[Tensor]], problems: Sequence[Tensor]) -> Sequence[Tensor]:
    """`function` of tensors whose first axis are problems, at most MOST_PROBLEMS at once."""
    if len(problems[0]) <= MOST_PROBLEMS:
        return function(*problems)
    made = (function(*some) for some in zip(*(tensor.split(MOST_PROBLEMS) for tensor in problems), strict=True))
    return [torch.cat(parts) for parts in zip(*made, strict=True)]


def _first(parts: Parts, otherwise: Tensor) -> Tensor:
    """The tensor that places are counted from: the first part, if there is any."""
    return next((part for branch in parts for _, part in branch), otherwise)


def _find(
    table: Int64[np.ndarray, "branches heads steps"], parts: Parts, branches: Sequence[BranchHere], first: Tensor
) -> None:
    """Writes where each head's part of a branch begins, and its steps to the next batch, segment and row."""
    for of_branch, branch, blocks in zip(table, branches, parts, strict=True):
        for block, part in blocks:
            begin = (part.data_ptr() - first.data_ptr()) // part.element_size()
            problem, head, row = part.stride()[:3]
            ragged = block.start >= _whole_end(branch)
            at = STEPS // 2 * ragged
            steps = of_branch[block.head : block.head + part.shape[1], at : at + STEPS // 2]
            steps[:, 0] = begin + head * np.arange(part.shape[1])
            steps[:, 1:] = block.segments * problem, 0 if ragged else problem, row


def _start(
    kernel: str, tensors: Sequence[Tensor], table: Int64[np.ndarray, "kinds branches heads numbers"],
    steps: Sequence[int], shape: Sequence[int],
) -> None:  # fmt: skip
    """Runs a kernel that puts parts together to (batch, length, heads, width)."""
    batch, length, heads, width = shape
    kinds, branches = table.shape[:2]
    aligned = int(np.gcd.reduce(table[..., SPEC : SPEC + STEPS], axis=None, initial=ALIGNED))
    table[..., SPEC : SPEC + STEPS] //= aligned
    on_device = torch.from_numpy(table).to(tensors[0].device)
    constants = {"BRANCHES": branches} | ({"KINDS": kinds} if kernel == "add_up" else {})
    with torch.cuda.device_of(tensors[0]):
        _kernels()[kernel][-(-length // ROWS), heads, batch * kinds](
            *tensors, on_device, length, *steps, **constants,
            WIDTH=width, WIDE=padded(width), ROWS=ROWS, ALIGNED=aligned, num_warps=WARPS,
        )  # fmt: skip


@cache
def _kernels() -> Any:
    """Imported when first wanted, for triton is not everywhere."""
    from genolong.model import part_kernels

    return vars(part_kernels)
