"""Attention within one block's rows, merged into the running result of all branches; PyTorch's kernels or C++."""

from collections.abc import Sequence

import torch
from torch import Tensor

from genolong.model.attention.blocks import Block
from genolong.model.attention.flash_kernels import attend, attend_backward
from genolong.model.attention.native_attention import NativeAttention


def attend_block(
    block: Block, rows: Sequence[Tensor], out: Tensor, lse: Tensor, *, overwrite: bool, native: NativeAttention | None
) -> None:
    """Merge the attention of the block's rows (queries, keys, values) into the running output and log-sum-exp.

    `overwrite` replaces these instead, for the first branch.
    """
    if native is not None:
        native.attend([block.view(tensor) for tensor in rows], block.view(out), block.view(lse), overwrite=overwrite)
        return
    for take in block.chunks(rows[1]):
        part, part_lse = attend(*map(take.rows, rows))
        if overwrite:
            place, place_lse = take.view(out), take.view(lse)
            place.copy_(part.view(place.shape))
            place_lse.copy_(part_lse.view(place_lse.shape))
        else:
            merge(take.view(out), take.view(lse), part, part_lse)


def merge(out: Tensor, lse: Tensor, part: Tensor, part_lse: Tensor) -> None:
    """Merge another branch's output and log-sum-exp into the running ones, in place."""
    part, part_lse = part.view(out.shape), part_lse.view(lse.shape)
    joint = torch.logaddexp(lse, part_lse)
    out.lerp_(part.to(out.dtype), (part_lse - joint).exp_().unsqueeze(-1))
    lse.copy_(joint)


def attend_block_backward(
    block: Block, rows: Sequence[Tensor], grads: Sequence[Tensor], *, overwrite: bool, native: NativeAttention | None
) -> None:
    """Add the contribution of the block's rows to the gradients of queries, keys and values, or overwrite these.

    `rows` are the output's gradient, queries, keys, values, the joint output and its log-sum-exp. C++ takes each row's
    sum of gradient * output instead of the output.
    """
    if native is not None:
        seen, gradients = ([block.view(tensor) for tensor in tensors] for tensors in (rows, grads))
        native.attend_backward(seen, gradients, overwrite=overwrite)
        return
    for take in block.chunks(rows[1]):
        grad, queries, keys, values, out, lse = map(take.rows, rows)
        parts = attend_backward(grad, queries, keys, values, out, lse)
        del grad, queries, keys, values, out, lse  # these are copies if the branch is dilated
        for total, part in zip(grads, parts, strict=True):
            place = take.view(total)
            part = part.view(place.shape) if part.is_contiguous() else part.reshape(place.shape)
            place.copy_(part) if overwrite else place.add_(part)
