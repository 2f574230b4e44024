"""Segments that several processes share: exchanges keys and values, and attends to those of all processes."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from genolong.model.attention.blocks import Block, head_offset, progressions
from genolong.model.attention.flash_kernels import attend, attend_backward
from genolong.parallel.group import Pending
from genolong.parallel.shard import SequenceShard
from genolong.parallel.slices import SharedSegment


class SharedBlock(NamedTuple):
    """Heads with equal numbers of keys in each process: `own` are our rows, `counts` the rows of every process."""

    own: Block
    counts: tuple[int, ...]

    @property
    def heads(self) -> slice:
        return slice(self.own.head, self.own.head + self.own.offsets * self.own.heads)

    def view(self, tensor: Tensor) -> Tensor:
        """This process's rows as (batch, heads, positions[, width])."""
        return self.own.view(tensor)[:, 0]

    def rows(self, tensor: Tensor) -> Tensor:
        """The same with all heads in one axis, in order: (batch, heads, positions[, width])."""
        return self.view(tensor).flatten(1, 2)


class SharedRows(NamedTuple):
    """The rows that this process holds of one branch's segment, and the messages with keys and values.

    A message is (2, batch, heads, rows, width): for every head the process's keys and values in order, padded with
    zeros that are never read, because processes may hold different numbers of rows.
    """

    shard: SequenceShard
    segment: SharedSegment
    room: int
    blocks: tuple[SharedBlock, ...]

    def gather(self, keys: Tensor, values: Tensor) -> Pending:
        """Start sending this process's keys and values, and receiving those of the others."""
        return self.shard.gather_keys(self.segment, self._pack(keys, values))

    def attend(self, queries: Tensor, gathered: Tensor) -> Iterator[tuple[SharedBlock, Tensor, Tensor]]:
        """The output and log-sum-exp of this process's queries, block by block, in the shape of the blocks' rows."""
        for block in self.blocks:
            yield block, *attend(block.rows(queries), *self._unpack(block, gathered))

    def attend_backward(self, rows: Sequence[Tensor], gathered: Tensor, of_queries: Tensor) -> Pending:
        """Add to the queries' gradients, and start sending those of keys and values back to their processes.

        `rows` are the output's gradient, the queries, the joint output and its log-sum-exp.
        """
        home = torch.zeros_like(gathered)
        for block in self.blocks:
            grad, queries, out, lse = (block.rows(tensor) for tensor in rows)
            dq, *of_rows = attend_backward(grad, queries, *self._unpack(block, gathered), out, lse)
            place = block.view(of_queries)
            place.add_(dq.reshape(place.shape))
            for process, parts in enumerate(zip(*(part.split(block.counts, dim=2) for part in of_rows), strict=True)):
                for kind, part in enumerate(parts):
                    home[process, kind, :, block.heads, : block.counts[process]] = part
        return self.shard.return_gradients(self.segment, home)

    def add_home(self, returned: Tensor, of_keys: Tensor, of_values: Tensor) -> None:
        """Add the returned sums over all processes to the gradients of this process's keys and values."""
        for block in self.blocks:
            for kind, total in enumerate((of_keys, of_values)):
                place = block.view(total)
                place.add_(returned[kind, :, block.heads, : block.own.positions].reshape(place.shape))

    def _pack(self, keys: Tensor, values: Tensor) -> Tensor:
        message = keys.new_zeros((2, keys.shape[0], keys.shape[2], self.room, keys.shape[3]))
        for block in self.blocks:
            for kind, tensor in enumerate((keys, values)):
                message[kind, :, block.heads, : block.own.positions] = block.rows(tensor)
        return message

    def _unpack(self, block: SharedBlock, gathered: Tensor) -> tuple[Tensor, Tensor]:
        """All processes' keys and values for a block's heads, in order of position."""
        parts = [gathered[process, :, :, block.heads, :count] for process, count in enumerate(block.counts)]
        keys, values = torch.cat(parts, dim=3)
        return keys, values


def shared_rows(
    shard: SequenceShard, segment: int, dilation: int, heads: int, first_head: int, all_heads: int
) -> list[SharedRows]:
    """The rows that this process holds of the branch's shared segments, of which there are at most two."""
    return [
        SharedRows(
            shard, shared, shared.rows(shard.bounds, dilation),
            _blocks(shard.bounds, shard.group.rank, shared, dilation, heads, first_head, all_heads),
        )
        for shared in shard.shared(segment)
    ]  # fmt: skip


@lru_cache(maxsize=256)
def _blocks(
    bounds: tuple[int, ...], rank: int, segment: SharedSegment, dilation: int, heads: int, first: int, all_heads: int
) -> tuple[SharedBlock, ...]:
    """Runs of heads with equal numbers of rows in each process; a run also ends where a head's first row jumps back.

    A head's first row in a process is the first of the head's positions at or after the start of the process's slice:

        segment     |.x...x...x...x...x|      a head's positions
        slices      |-------|----------|      the second one's first row is its third position
    """
    pieces = [segment.piece(bounds, process) for process in range(segment.first, segment.last + 1)]

    def rows(head: int) -> tuple[tuple[int, ...], int]:
        """How many rows every process has of a head, and where this process's rows start in the sequence."""
        offset = segment.start + head_offset(first + head, dilation, all_heads)
        before = [[max(0, -((offset - at) // dilation)) for at in piece] for piece in pieces]
        return tuple(end - begin for begin, end in before), offset + before[rank - segment.first][0] * dilation

    held = [(head, *rows(head)) for head in range(heads)]
    runs, blocks = [held[:1]], []
    for last, this in pairwise(held):
        if this[1] == last[1] and this[2] >= last[2]:
            runs[-1].append(this)
        else:
            runs.append([this])
    for run in runs:
        counts = run[0][1]
        positions = counts[rank - segment.first]
        if positions:
            for at, step, many, head, wide in progressions([(head, at) for head, _, at in run]):
                own = Block(at - bounds[rank], 0, 1, step, many, dilation, positions, head, wide)
                blocks.append(SharedBlock(own, counts))
    return tuple(blocks)
