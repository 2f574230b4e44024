"""LongNet's dilated attention: branches of segments and dilations under one softmax, with its exact gradient."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from genolong.model.attention.block_attention import attend_block, attend_block_backward, merge
from genolong.model.attention.blocks import Block, segment_blocks
from genolong.model.attention.branch_parts import BranchParts, branch_parts
from genolong.model.attention.joint import HeadRows, Joint
from genolong.model.attention.kernel_names import check_kernels
from genolong.model.attention.native_attention import native_attention
from genolong.model.attention.query_classes import BranchHere
from genolong.model.attention.shared_segments import SharedRows, shared_rows
from genolong.model.attention.triton_attention import TritonAttention, triton_attention
from genolong.model.spare import Spare
from genolong.parallel.shard import SequenceShard

Branches = tuple[tuple[int, int], ...]  # (segment, dilation) of each


def dilated_attention(
    queries: HeadRows,
    keys: HeadRows,
    values: HeadRows,
    segments: Sequence[int],
    dilations: Sequence[int],
    *,
    first_head: int = 0,
    all_heads: int | None = None,
    shard: SequenceShard | None = None,
    kernels: str = "aten",
) -> HeadRows:
    """Attention of each position to the keys in its branches, under one joint softmax.

    Branch (w, r) splits the sequence into segments of w positions (the last may be shorter; w is at most the length).
    In each segment, head h of H attends among the positions at offset h * r // H and every r-th after it. A key that
    is in several branches of a query counts several times: the output is the mean of the branches' outputs, weighted by
    their softmax denominators (LongNet, arXiv 2307.02486, equations 3-10), and the gradient is exactly that of this
    function. A position and head that no branch covers (only if all dilations are above 1) gets zeros.

    Any length works; a last, shorter segment is exact, too. Memory besides inputs and output: one number per position
    and head, and the work space of one chunk. A process with some of the heads names them by `first_head` and
    `all_heads`; one with a slice of the positions passes `shard`, and gets the same numbers (LongNet, section 3.1).
    `kernels`: "cpp" uses C++ compiled on first use; on GPUs, "triton" uses one kernel for all branches, and "flash"
    PyTorch's kernel per branch and one that combines them; "aten", and where these cannot run, PyTorch's kernels alone.
    Raises ValueError for arguments that do not fit together.
    """
    check_kernels(kernels)
    if queries.shape != keys.shape or queries.shape != values.shape:
        raise ValueError(
            f"queries {tuple(queries.shape)}, keys {tuple(keys.shape)}, values {tuple(values.shape)} differ in shape"
        )
    if queries.dim() != 4 or (shard is None and not queries.numel()):  # one process of several may hold no position
        raise ValueError(f"queries {tuple(queries.shape)}: wanted (batch, length, heads, width), all 1 or more")
    if not segments or len(segments) != len(dilations) or min(*segments, *dilations) < 1:
        raise ValueError(f"segments {segments} and dilations {dilations}: wanted as many of each, all 1 or more")
    heads = queries.shape[2]
    all_heads = heads if all_heads is None else all_heads
    if not 0 <= first_head <= all_heads - heads:
        raise ValueError(f"heads {first_head} to {first_head + heads - 1} are not all among {all_heads}")
    shard = shard or SequenceShard.whole(queries.shape[1])
    if queries.shape[1] != shard.end - shard.start:
        raise ValueError(f"{queries.shape[1]} positions, where the shard holds {shard.end - shard.start}")
    geometry = Geometry(tuple(zip(segments, dilations, strict=True)), first_head, all_heads, shard, kernels)
    return _DilatedAttention.apply(queries, keys, values, geometry)  # type: ignore[no-any-return]


class Geometry(NamedTuple):
    """The branches, and the heads (of `all_heads`) and positions that this process holds.

    `kernels` is cpp, triton or flash, used where they can run, or aten for PyTorch's.
    """

    branches: Branches
    first_head: int
    all_heads: int
    shard: SequenceShard
    kernels: str = "aten"

    def blocks(self, heads: int) -> list[tuple[Block, ...]]:
        """For each branch, the blocks of the segments that this process holds completely."""
        of_heads = heads, self.first_head, self.all_heads
        return [segment_blocks(*branch, *of_heads) for branch in self.whole]

    @property
    def whole(self) -> tuple[BranchHere, ...]:
        """For each branch, the range of the segments that this process holds completely."""
        found = []
        for segment, dilation in self.branches:
            begin, end = (at - self.shard.start for at in self.shard.whole_segments(segment))
            found.append(BranchHere(begin, end, min(segment, self.shard.length), dilation))
        return tuple(found)

    @property
    def covers_all(self) -> bool:
        """Whether the first branch covers every position and head here with complete segments."""
        segment, dilation = self.branches[0]
        return dilation == 1 and self.shard.whole_segments(segment) == (self.shard.start, self.shard.end)

    def shared(self, heads: int) -> list[SharedRows]:
        """The segments of all branches that this process shares with others."""
        of_heads = heads, self.first_head, self.all_heads
        return [rows for branch in self.branches for rows in shared_rows(self.shard, *branch, *of_heads)]


class _DilatedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, geometry: Geometry):
        out, lse = attend_branches(queries, keys, values, geometry)
        ctx.save_for_backward(queries, keys, values, out, lse)
        ctx.geometry = geometry
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor):
        queries, keys, values, out, lse = ctx.saved_tensors
        joint = Joint(out, lse, None)
        return *attend_branches_backward(grad, queries, keys, values, joint, ctx.geometry, Spare()).unbind(2), None


def attend_branches(
    queries: HeadRows, keys: HeadRows, values: HeadRows, geometry: Geometry, into: HeadRows | None = None
) -> tuple[HeadRows, Float[Tensor, "batch length heads"]]:
    """The output of dilated_attention and the log-sum-exp of every row's scores, without an autograd graph.

    Computes all branches at once, or one by one into a running output and denominator, while keys and values of shared
    segments are in transit. The output is written to `into`, if given, which is of the queries' type.
    """
    wide = torch.promote_types(queries.dtype, torch.float32)
    shared = [(rows, rows.gather(keys, values)) for rows in geometry.shared(queries.shape[2])]
    rows = [_adjoining(tensor) for tensor in (queries, keys, values)]
    at_once = _at_once(rows, geometry)
    running = wide if shared or at_once is None else queries.dtype
    fits = into is not None and into.dtype == running
    out = into if into is not None and fits else torch.empty(queries.shape, dtype=running, device=queries.device)
    lse = _one_by_one(rows, out, geometry) if at_once is None else at_once.attend(rows, out)
    for rows, gathered in shared:
        for block, part, part_lse in rows.attend(queries, gathered()):
            merge(block.view(out), block.view(lse), part, part_lse)
    if into is None:
        return out.to(queries.dtype), lse
    return (into if fits else into.copy_(out)), lse


def _at_once(rows: Sequence[Tensor], geometry: Geometry) -> TritonAttention | BranchParts | None:
    """The kernels for all branches at once, if the geometry asks for them and they support these rows."""
    found = {"triton": triton_attention, "flash": branch_parts}.get(geometry.kernels)
    return found and found(rows, geometry.whole, geometry.first_head, geometry.all_heads)


def _one_by_one(rows: Sequence[Tensor], out: Tensor, geometry: Geometry) -> Tensor:
    """Writes the output to `out`; returns the log-sum-exp of every row's scores, in its type."""
    queries = rows[0]
    covers_all = geometry.covers_all  # then the first branch writes every output, so zeroing is not needed
    if not covers_all:
        out.zero_()
    lse = torch.full(queries.shape[:3], float("-inf"), dtype=out.dtype, device=queries.device)
    native = native_attention(rows) if geometry.kernels == "cpp" else None
    for number, blocks in enumerate(geometry.blocks(queries.shape[2])):
        for block in blocks:  # blocks of one branch never overlap
            attend_block(block, rows, out, lse, overwrite=number == 0 and covers_all, native=native)
    return lse


def sums_suffice(out: HeadRows, geometry: Geometry) -> bool:
    """Whether the backward pass needs only each row's sum of grad * out, not the output: if no PyTorch kernel runs."""
    native = geometry.kernels == "cpp" and native_attention([out]) is not None
    return (native or isinstance(_at_once([out], geometry), TritonAttention)) and not geometry.shared(out.shape[2])


def attend_branches_backward(
    grad: HeadRows, queries: HeadRows, keys: HeadRows, values: HeadRows, joint: Joint, geometry: Geometry, spare: Spare
) -> Float[Tensor, "batch length 3 heads width"]:  # fmt: skip
    """Gradients of queries, keys and values, given the output's gradient; each branch uses the joint softmax.

    The result uses memory from `spare`.
    """
    shared = [(rows, rows.gather(keys, values)) for rows in geometry.shared(queries.shape[2])]
    rows = [_adjoining(tensor) for tensor in (grad, queries, keys, values)]
    at_once = _at_once(rows, geometry)
    batch, length, *row = queries.shape
    all_grads = spare.empty((batch, length, 3, *row), queries)
    if at_once is None and not geometry.covers_all:
        all_grads.zero_()
    grads = all_grads.unbind(2)
    if at_once is not None:
        at_once.attend_backward(rows, joint, all_grads)
    else:
        _one_by_one_backward(rows, joint, grads, geometry)
    homeward = [
        (rows, rows.attend_backward((grad, queries, joint.output, joint.lse), gathered(), grads[0]))
        for rows, gathered in shared
    ]
    for rows, returned in homeward:
        rows.add_home(returned(), *grads[1:])
    return all_grads


def _one_by_one_backward(rows: Sequence[Tensor], joint: Joint, grads: Sequence[Tensor], geometry: Geometry) -> None:
    native = native_attention(rows) if geometry.kernels == "cpp" else None
    seen = joint.sums(rows[0]) if native is not None else _adjoining(joint.output)
    covers_all = geometry.covers_all
    for number, blocks in enumerate(geometry.blocks(rows[0].shape[2])):
        for block in blocks:
            seen_rows = [*rows, seen, joint.lse]
            attend_block_backward(block, seen_rows, grads, overwrite=number == 0 and covers_all, native=native)


def _adjoining(tensor: HeadRows) -> HeadRows:
    """The tensor with adjacent channels; a copy only if they are not."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()
