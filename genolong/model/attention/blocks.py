"""The rows of one branch as strided views of whole tensors, without copies."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from torch import Tensor

CHUNK_BYTES = {"cpu": 4 << 20, "cuda": 512 << 20}  # of one gathered tensor: limits the work space of a branch


class Block(NamedTuple):
    """Attention problems at regular strides in memory.

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
        """(batch, length, heads[, width]) as a view (batch, segments, offsets, heads, positions[, width])."""
        batch, row, head, *width = tensor.stride()
        strides = (batch, self.segment * row, self.offset * row + self.heads * head, head, self.dilation * row, *width)
        shape = (tensor.shape[0], self.segments, self.offsets, self.heads, self.positions, *tensor.shape[3:])
        return tensor.as_strided(shape, strides, tensor.storage_offset() + self.start * row + self.head * head)

    def apart(self) -> "list[Block]":
        """The block, split if necessary into blocks whose `problems` are views: one offset, or one head per offset."""
        if self.offsets == 1 or self.heads == 1:
            return [self]
        return [
            self._replace(
                start=self.start + self.offset * group, offset=0, offsets=1, head=self.head + self.heads * group
            )
            for group in range(self.offsets)
        ]

    def problems(self, tensor: Tensor) -> Tensor:
        """(problems, offsets * heads, positions[, width]): a view, except for several sequences with a ragged end.

        Only for a block that `apart` returned.
        """
        (batch, row, head, *width), sequences = tensor.stride(), tensor.shape[0]
        apart = self.segment * row
        if sequences > 1 and self.segments > 1 and batch != self.segments * apart:
            return self.view(tensor).flatten(2, 3).flatten(0, 1)
        shape = (sequences * self.segments, self.offsets * self.heads, self.positions, *tensor.shape[3:])
        strides = (
            batch if self.segments == 1 else apart,
            head if self.offsets == 1 else self.offset * row + head,
            self.dilation * row,
            *width,
        )
        return tensor.as_strided(shape, strides, tensor.storage_offset() + self.start * row + self.head * head)

    def chunks(self, tensor: Tensor) -> "Iterator[Chunk]":
        """Chunks of segments and offsets, each of at most CHUNK_BYTES unless it holds a single problem."""
        limit = CHUNK_BYTES.get(tensor.device.type, CHUNK_BYTES["cuda"])
        problem = tensor.shape[0] * self.heads * self.positions * tensor.shape[3] * tensor.element_size()
        offsets = max(1, min(self.offsets, limit // problem))
        segments = max(1, limit // (problem * self.offsets))
        for segment in range(0, self.segments, segments):
            for offset in range(0, self.offsets, offsets):
                yield Chunk(self, slice(segment, segment + segments), slice(offset, offset + offsets))


class Chunk(NamedTuple):
    """Some segments and offsets of a block."""

    block: Block
    segments: slice
    offsets: slice

    def view(self, tensor: Tensor) -> Tensor:
        return self.block.view(tensor)[:, self.segments, self.offsets]

    def rows(self, tensor: Tensor) -> Tensor:
        """The chunk as (problems, heads, positions[, width]); a copy only if strides do not allow a view."""
        return self.view(tensor).flatten(0, 2)


@lru_cache(maxsize=256)
def segment_blocks(
    begin: int, end: int, segment: int, dilation: int, heads: int, first_head: int, all_heads: int
) -> tuple[Block, ...]:
    """The blocks of the complete segments at rows begin ... end - 1 of the tensors.

    Together the blocks hold each (position, head) of the branch once. A segment of `size` positions has
    ceil((size - offset) / dilation) positions at an offset: one more for offsets below size % dilation, so heads fall
    into at most two groups. The shorter last segment is a block of its own.
    """
    length = end - begin
    tail = length % segment
    blocks = []
    for at, count, size in ((begin, length // segment, segment), (end - tail, 1, tail)):
        for fuller in (True, False):
            positions = size // dilation + fuller
            kept = [
                (head, offset)
                for head in range(heads)
                if ((offset := head_offset(first_head + head, dilation, all_heads)) < size % dilation) == fuller
            ]
            if positions and count:
                blocks += [Block(at + offset, segment, count, step, many, dilation, positions, head, wide)
                           for offset, step, many, head, wide in progressions(kept)]  # fmt: skip
    return tuple(blocks)


def head_offset(head: int, dilation: int, heads: int) -> int:
    """The offset in every segment at which a head's positions start."""
    return head * dilation // heads


def progressions(kept: list[tuple[int, int]]) -> list[tuple[int, int, int, int, int]]:
    """(head, offset) pairs as runs (offset, step, offsets, head, heads), with equal steps and equally many heads each.

    Heads must be consecutive, and offsets non-decreasing.
    """
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
