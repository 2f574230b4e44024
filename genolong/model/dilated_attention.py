"""LongNet's dilated attention: branches of segments and dilations under one softmax, with its exact gradient."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from genolong.model.flash_kernels import attend, attend_backward

HeadRows = Float[Tensor, "batch length heads width"]
Branches = tuple[tuple[int, int], ...]  # (segment, dilation) of each

CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 512 << 20}  # of one gathered tensor: bounds the work space of a branch


def dilated_attention(
    queries: HeadRows,
    keys: HeadRows,
    values: HeadRows,
    segments: Sequence[int],
    dilations: Sequence[int],
    *,
    first_head: int = 0,
    all_heads: int | None = None,
) -> HeadRows:
    """Attention of each position to the keys that its branches give it, under one joint softmax.

    Branch (w, r) cuts the sequence into segments of w positions (the last may be shorter; w is cut to the length). In
    each, head h of H joins the positions at offset h * r // H and every r-th after it. Where several branches give a
    query the same key, the key counts several times: the output is the mean of the branches' outputs, weighted by their
    softmax denominators (LongNet, arXiv 2307.02486, equations 3-10), and the gradient is that of exactly this function.
    A position and head that no branch covers (only where every dilation is above 1) gets zeros.

    Any length works, and every tail is exact. Memory beside inputs and output: one number a position and head, and the
    work space of one chunk. A process that holds some of the heads says which with `first_head` and `all_heads`.
    """
    if queries.shape != keys.shape or queries.shape != values.shape:
        raise ValueError(
            f"queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)} differ in shape"
        )
    if not segments or len(segments) != len(dilations) or min(*segments, *dilations) < 1:
        raise ValueError(f"segments {segments} and dilations {dilations}: wanted as many of each, all 1 or more")
    heads = queries.shape[2]
    all_heads = heads if all_heads is None else all_heads
    if not 0 <= first_head <= all_heads - heads:
        raise ValueError(f"heads {first_head} to {first_head + heads - 1} are not all among {all_heads}")
    branches = tuple(zip(segments, dilations, strict=True))
    return _DilatedAttention.apply(queries, keys, values, branches, first_head, all_heads)  # type: ignore[no-any-return]


class _DilatedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, branches: Branches, first: int, heads: int):
        out, lse = attend_branches(queries, keys, values, branches, first, heads)
        ctx.save_for_backward(queries, keys, values, out, lse)
        ctx.branches, ctx.first, ctx.heads = branches, first, heads
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        queries, keys, values, out, lse = ctx.saved_tensors
        of = (queries, keys, values, out, lse, ctx.branches, ctx.first, ctx.heads)
        return *attend_branches_backward(grad, *of), None, None, None


def attend_branches(
    queries: HeadRows, keys: HeadRows, values: HeadRows, branches: Branches, first_head: int, all_heads: int
) -> tuple[HeadRows, Float[Tensor, "batch length heads"]]:
    """The output of dilated_attention and the log-sum-exp of every row's scores, without a graph.

    Branch by branch into one running output and denominator.
    """
    wide = torch.promote_types(queries.dtype, torch.float32)
    out = torch.zeros(queries.shape, dtype=wide, device=queries.device)
    lse = torch.full(queries.shape[:3], float("-inf"), dtype=wide, device=queries.device)
    for number, branch in enumerate(branches):
        for block in _blocks(queries.shape[1], queries.shape[2], *branch, first_head, all_heads):
            for take in block.chunks(queries):
                part, part_lse = attend(take.rows(queries), take.rows(keys), take.rows(values))
                old, old_lse = take.view(out), take.view(lse)
                part, part_lse = part.view(old.shape), part_lse.view(old_lse.shape)
                if number == 0:  # nothing has been here yet: blocks of one branch never overlap
                    old.copy_(part)
                    old_lse.copy_(part_lse)
                else:
                    joint = torch.logaddexp(old_lse, part_lse)
                    old.lerp_(part.to(wide), (part_lse - joint).exp_().unsqueeze(-1))
                    old_lse.copy_(joint)
    return out.to(queries.dtype), lse


def attend_branches_backward(
    grad: HeadRows, queries: HeadRows, keys: HeadRows, values: HeadRows, out: HeadRows,
    lse: Float[Tensor, "batch length heads"], branches: Branches, first_head: int, all_heads: int,
) -> tuple[HeadRows, HeadRows, HeadRows]:  # fmt: skip
    """Gradients of queries, keys and values, given that of the output: each branch sees the joint `out` and `lse`."""
    covers_all = branches[0][1] == 1  # then the first branch writes every gradient, and none need be cleared
    make = torch.empty if covers_all else torch.zeros
    grads = [make(queries.shape, dtype=queries.dtype, device=queries.device) for _ in range(3)]
    for number, branch in enumerate(branches):
        for block in _blocks(queries.shape[1], queries.shape[2], *branch, first_head, all_heads):
            for take in block.chunks(queries):
                rows = [take.rows(tensor) for tensor in (grad, queries, keys, values, out, lse)]
                for total, part in zip(grads, attend_backward(*rows), strict=True):
                    place = take.view(total)
                    part = part.view(place.shape) if part.is_contiguous() else part.reshape(place.shape)
                    place.copy_(part) if number == 0 and covers_all else place.add_(part)
    return grads[0], grads[1], grads[2]


class _Block(NamedTuple):
    """Attention problems that lie in memory at regular strides.

    position = start + segment * s + offset * g + dilation * p       s < segments, g < offsets, p < positions
    head     = head + heads * g + k                                  k < heads
    """

    start: int
    segment: int
    segments: int
    offset: int
    offsets: int
    dilation: int
    positions: int
    head: int
    heads: int

    def view(self, tensor: Tensor) -> Tensor:
        """(batch, length, heads[, width]) seen as (batch, segments, offsets, heads, positions[, width]), no copy."""
        batch, row, head, *width = tensor.stride()
        strides = (batch, self.segment * row, self.offset * row + self.heads * head, head, self.dilation * row, *width)
        shape = (tensor.shape[0], self.segments, self.offsets, self.heads, self.positions, *tensor.shape[3:])
        return tensor.as_strided(shape, strides, tensor.storage_offset() + self.start * row + self.head * head)

    def chunks(self, tensor: Tensor) -> "Iterator[_Chunk]":
        """Slices over segments and offsets, each of at most CHUNK_BYTES if it holds more than one problem."""
        limit = CHUNK_BYTES.get(tensor.device.type, CHUNK_BYTES["cuda"])
        problem = tensor.shape[0] * self.heads * self.positions * tensor.shape[3] * tensor.element_size()
        offsets = max(1, min(self.offsets, limit // problem))
        segments = max(1, limit // (problem * self.offsets))
        for segment in range(0, self.segments, segments):
            for offset in range(0, self.offsets, offsets):
                yield _Chunk(self, slice(segment, segment + segments), slice(offset, offset + offsets))


class _Chunk(NamedTuple):
    """Some segments and offsets of a block."""

    block: _Block
    segments: slice
    offsets: slice

    def view(self, tensor: Tensor) -> Tensor:
        return self.block.view(tensor)[:, self.segments, self.offsets]

    def rows(self, tensor: Tensor) -> Tensor:
        """The chunk as (problems, heads, positions[, width]), a copy only where strides do not allow a view."""
        return self.view(tensor).flatten(0, 2)


@lru_cache(maxsize=256)
def _blocks(length: int, heads: int, segment: int, dilation: int, first: int, all_heads: int) -> tuple[_Block, ...]:
    """The blocks of one branch; together they hold each (position, head) of the branch once.

    A segment of `size` positions holds ceil((size - offset) / dilation) of an offset's: one more for the offsets below
    size % dilation, so heads fall into at most two groups, and the ragged last segment is a block of its own.
    """
    segment = min(segment, length)
    tail = length % segment
    blocks = []
    for start, count, size in ((0, length // segment, segment), (length - tail, 1, tail)):
        for fuller in (True, False):
            positions = size // dilation + fuller
            kept = [
                (head, offset)
                for head in range(heads)
                if ((offset := (first + head) * dilation // all_heads) < size % dilation) == fuller
            ]
            if positions:
                blocks += [_Block(start + at, segment, count, step, many, dilation, positions, head, wide)
                           for at, step, many, head, wide in _progressions(kept)]  # fmt: skip
    return tuple(blocks)


def _progressions(kept: list[tuple[int, int]]) -> list[tuple[int, int, int, int, int]]:
    """(head, offset) pairs as runs (offset, step, offsets, head, heads): equal steps, as many heads at each offset."""
    shared = [(offset, [head for head, _ in pairs]) for offset, pairs in groupby(kept, key=lambda pair: pair[1])]
    runs: list[tuple[int, int, int, int, int]] = []
    for offset, at in shared:
        if runs:
            begin, step, many, head, wide = runs[-1]
            last = begin + step * (many - 1)
            if wide == len(at) and (many == 1 or offset - last == step):
                runs[-1] = (begin, offset - begin if many == 1 else step, many + 1, head, wide)
                continue
        runs.append((offset, 0, 1, at[0], len(at)))
    return runs
