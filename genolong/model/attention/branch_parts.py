"""Attention on a GPU by one flash kernel per branch, and one kernel that combines the branches' results."""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from math import gcd
from typing import Any, NamedTuple

import torch
from jaxtyping import Int32
from torch import Tensor

from genolong.model.attention.blocks import Block, head_offset, segment_blocks
from genolong.model.attention.flash_kernels import attend, attend_backward
from genolong.model.attention.joint import Joint
from genolong.model.attention.query_classes import BranchHere
from genolong.model.compilers.triton import DTYPES, interpreted, no_triton, padded

ROWS, READ = 32, 32  # positions of a head that one program combines, and rows that it reads at once
WARPS = {2: 1, 4: 4}  # by bytes per number: the fastest of those timed
MOST_PROBLEMS = 1 << 15  # in one kernel's grid
ALIGNED = 8  # 16-bit numbers that are read at once
STEPS = 8  # numbers that locate a head's part of a branch; see part_kernels.py
NO_ROW = -(1 << 30)

Parts = list[list[tuple[Block, Tensor]]]  # for each branch its blocks, with (problems, heads, positions[, width])


class BranchParts(NamedTuple):
    """The branches of some heads.

    Rows are (batch, length, heads, width), with any strides but adjacent channels, and all of one type.
    """

    branches: tuple[BranchHere, ...]
    first_head: int
    all_heads: int

    def attend(self, rows: Sequence[Tensor], out: Tensor) -> Tensor:
        """Writes the output for `rows` (queries, keys, values) to `out`; returns each row's log-sum-exp in float32."""
        queries = rows[0]
        lse = torch.empty(queries.shape[:3], dtype=torch.float32, device=queries.device)
        parts, sums = self._parts(attend, rows, kinds=2)
        first, first_sums = _first(parts, queries), _first(sums, lse)
        steps, aligned = _aligned(_steps(parts, self.branches, queries.shape[2], first))
        steps += _steps(sums, self.branches, queries.shape[2], first_sums)
        tensors, strides = (first, first_sums, out, lse), (*out.stride()[:3], *lse.stride())
        self._start("join", tensors, strides, out.shape, steps, ALIGNED=aligned)
        return lse

    def attend_backward(self, rows: Sequence[Tensor], joint: Joint, grads: Tensor) -> None:
        """Write the gradients of queries, keys and values to `grads`, (batch, length, 3, heads, width).

        `rows` are the output's gradient, queries, keys and values.
        """
        kinds = self._parts(attend_backward, (*rows, joint.output, joint.lse), kinds=3)
        first, shape = _first(kinds[0], grads), rows[0].shape
        steps, aligned = _aligned([step for parts in kinds for step in _steps(parts, self.branches, shape[2], first)])
        self._start("add_up", (first, grads), grads.stride()[:4], shape, steps, ALIGNED=aligned, KINDS=len(kinds))

    def _parts(self, function: Callable[..., Sequence[Tensor]], rows: Sequence[Tensor], kinds: int) -> list[Parts]:
        """For each of the tensors that `function` returns, its parts from all branches."""
        found: list[Parts] = [[[] for _ in self.branches] for _ in range(kinds)]
        for number, branch in enumerate(self.branches):
            for whole in segment_blocks(*branch, rows[0].shape[2], self.first_head, self.all_heads):
                for block in whole.apart():
                    made = _in_grids(function, [block.problems(tensor) for tensor in rows])
                    for parts, part in zip(found, made, strict=True):
                        parts[number].append((block, part))
        return found

    def _start(
        self, kernel: str, tensors: Sequence[Tensor], strides: Sequence[int], shape: Sequence[int],
        steps: Sequence[int], **fixed: int,
    ) -> None:  # fmt: skip
        """Run a kernel that combines parts to (batch, length, heads, width)."""
        (batch, length, heads, width), device = shape, tensors[0].device
        layout = _layout(self.branches, length, heads, self.first_head, self.all_heads, device)
        table = torch.tensor(steps, dtype=torch.int64, pin_memory=device.type == "cuda")  # else the copy blocks
        fixed |= {"BRANCHES": len(self.branches), "PLACES": layout.places.shape[1], "READ": READ, "ROWS": ROWS}
        with torch.cuda.device_of(tensors[0]):
            _kernels()[kernel][-(-length // ROWS), heads, batch](
                *tensors, *layout, table.to(device, non_blocking=True), length, *strides, **fixed,
                DENSE=_side_by_side(self.branches[0]), WIDTH=width, WIDE=padded(width), WIDEN=interpreted(),
                num_warps=WARPS[tensors[0].element_size()],
            )  # fmt: skip


def branch_parts(
    rows: Sequence[Tensor], branches: tuple[BranchHere, ...], first_head: int, all_heads: int
) -> BranchParts | None:
    """The kernels for such rows, (batch, length, heads, width); None if Triton is missing or does not support them."""
    first = rows[0]
    vectors = first.numel() // gcd(ALIGNED, first.shape[-1])  # the kernels count them in 32 bits
    if first.dtype not in DTYPES or not 0 < vectors < 1 << 31 or no_triton(cuda=first.device.type == "cuda"):
        return None
    return BranchParts(branches, first_head, all_heads)


def _whole_end(branch: BranchHere) -> int:
    """The end of the last full-length segment."""
    return branch.end - (branch.end - branch.begin) % branch.segment


def _in_grids(function: Callable[..., Sequence[Tensor]], problems: Sequence[Tensor]) -> Sequence[Tensor]:
    """Apply `function` to tensors whose first axis is problems, at most MOST_PROBLEMS at once."""
    if problems[0].shape[0] <= MOST_PROBLEMS:
        return function(*problems)
    made = (function(*some) for some in zip(*(tensor.split(MOST_PROBLEMS) for tensor in problems), strict=True))
    return [torch.cat(parts) for parts in zip(*made, strict=True)]


def _first(parts: Parts, otherwise: Tensor) -> Tensor:
    """The tensor relative to which places are given: the first part, if there is any."""
    return next((part for branch in parts for _, part in branch), otherwise)


def _steps(parts: Parts, branches: Sequence[BranchHere], heads: int, first: Tensor) -> list[int]:
    """The start of each head's part of every branch, and its steps to the next batch, segment and row."""
    found = []
    for branch, blocks in zip(branches, parts, strict=True):
        of_branch = [[0] * STEPS for _ in range(heads)]
        for block, part in blocks:
            begin = (part.data_ptr() - first.data_ptr()) // part.element_size()
            problem, head, row = part.stride()[:3]
            ragged = block.start >= _whole_end(branch)
            at, steps = STEPS // 2 * ragged, (block.segments * problem, 0 if ragged else problem, row)
            for number in range(part.shape[1]):
                of_branch[block.head + number][at : at + STEPS // 2] = begin + head * number, *steps
        found += [step for of_head in of_branch for step in of_head]
    return found


def _aligned(steps: list[int]) -> tuple[list[int], int]:
    """The steps in units of their largest common divisor, at most ALIGNED numbers, and that unit."""
    size = gcd(ALIGNED, *steps)
    return [step // size for step in steps], size


class Layout(NamedTuple):
    """The tables of a geometry that the kernels read, on their device; see part_kernels.py."""

    places: Int32[Tensor, "3 places"]
    specs: Int32[Tensor, "branches heads 6"]


@lru_cache(maxsize=64)
def _layout(
    branches: tuple[BranchHere, ...], length: int, heads: int, first_head: int, all_heads: int, device: torch.device
) -> Layout:  # fmt: skip
    specs = [
        (branch.begin, _whole_end(branch), branch.end, branch.segment, offset, branch.dilation)
        for branch in branches
        for offset in (head_offset(first_head + head, branch.dilation, all_heads) for head in range(heads))
    ]
    places = [
        (number, later, row)
        for number, branch in enumerate(branches)
        if number or not _side_by_side(branch)
        for later in range(_segments_of_rows(branch))
        for row in range(-(-min(branch.segment, ROWS) // branch.dilation))
    ]
    places += [(0, 0, NO_ROW)] * (-len(places) % READ)
    of_places = torch.tensor(places, dtype=torch.int32).view(-1, 3).mT.contiguous()
    of_branches = torch.tensor(specs, dtype=torch.int32).view(len(branches), heads, 6)
    return Layout(of_places.to(device), of_branches.to(device))


def _side_by_side(branch: BranchHere) -> bool:
    """Whether all positions of a program are consecutive rows of one segment of a branch."""
    return branch.dilation == 1 and _segments_of_rows(branch) == 1


def _segments_of_rows(branch: BranchHere) -> int:
    """The most segments of a branch that the ROWS positions of one program can touch."""
    begin, end, segment, _ = branch
    if not (begin % ROWS or segment % ROWS):
        return 1
    return min((ROWS - 2) // segment + 2, -(-(end - begin) // segment))


@cache
def _kernels() -> Any:
    """Import the kernels on first use, because triton may not be installed."""
    from genolong.model.attention import part_kernels

    return vars(part_kernels)
