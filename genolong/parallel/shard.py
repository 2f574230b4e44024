"""The slice of a sequence that this process holds, and the exchange of keys, halos and sums, with gradients."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genolong.parallel.group import Pending, SequenceGroup
from genolong.parallel.slices import SharedSegment, shared_segments, slice_bounds


class SequenceShard:
    """Positions start ... end - 1 of a sequence of `length`; the other processes of the group hold the rest."""

    def __init__(self, length: int, group: SequenceGroup) -> None:
        self.length, self.group = length, group
        self.bounds = slice_bounds(length, group.size)
        self.start, self.end = self.bounds[group.rank : group.rank + 2]

    @classmethod
    def whole(cls, length: int) -> "SequenceShard":
        """The shard of a single process, which holds the whole sequence."""
        return cls(length, SequenceGroup.alone())

    def shared(self, segment: int) -> list[SharedSegment]:
        """The segments of `segment` positions of which this process holds a part, but not all."""
        rank = self.group.rank
        return [found for found in shared_segments(self.bounds, segment) if found.first <= rank <= found.last]

    @classmethod
    def of_world(cls, length: int, sequence: int, segments: Sequence[int]) -> "SequenceShard":
        """This process's shard, when all processes form groups of `sequence` that share sequences.

        All processes must create theirs at the same time; `segments` lists the lengths of all segments to be used.
        """
        if sequence == 1:
            return cls.whole(length)
        bounds = slice_bounds(length, sequence)
        parts = [(found.first, found.last) for segment in segments for found in shared_segments(bounds, segment)]
        return cls(length, SequenceGroup.of_world(sequence, parts))

    def whole_segments(self, segment: int) -> tuple[int, int]:
        """The range in the slice of segments of `segment` positions that no other process holds a part of."""
        begin = -(-self.start // segment) * segment
        end = self.end if self.end == self.length else self.end // segment * segment
        return begin, max(begin, end)

    def gather_keys(self, segment: SharedSegment, rows: Tensor) -> Pending:
        """The rows of all processes of a segment, (processes, *rows.shape), as a pending message.

        They carry no gradient; `return_gradients` sends the gradients of gathered rows back.
        """
        return self.group.gather(segment.first, segment.last, rows)

    def return_gradients(self, segment: SharedSegment, gradients: Tensor) -> Pending:
        """The summed gradients of this process's rows; `gradients` holds those of all rows, as in gather_keys."""
        return self.group.sum_parts(segment.first, segment.last, gradients)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes of the group.

        Its gradient is the sum of all processes' gradients: the loss counts as the sum of all processes' losses, which
        is consistent with averaging over processes.
        """
        return tensor if self.group.size == 1 else _Sum.apply(tensor, self.group)  # type: ignore[return-value]

    def with_halo(self, states: Float[Tensor, "batch slice width"], reach: int) -> tuple[Tensor, int]:
        """The slice with `reach` positions added on each side that has a neighbour, and the number added before it.

        Raises ValueError if any slice of the sequence is shorter than `reach`.
        """
        if self.group.size == 1 or reach == 0:
            return states, 0
        shortest = min(end - start for start, end in zip(self.bounds, self.bounds[1:], strict=False))
        if shortest < reach:
            raise ValueError(f"a slice of {shortest} positions is shorter than the reach of {reach}")
        return _Halo.apply(states, reach, self.group), reach if self.group.rank else 0  # type: ignore[return-value]


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: SequenceGroup) -> Tensor:
        ctx.group = group
        return group.sum(tensor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.group.sum(grad), None


class _Halo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, reach: int, group: SequenceGroup) -> Tensor:
        ctx.reach, ctx.group = reach, group
        before, behind = group.exchange(states[:, :reach], states[:, -reach:])
        return torch.cat([part for part in (before, states, behind) if part is not None], dim=1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        reach, group = ctx.reach, ctx.group
        left, right = reach if group.rank else 0, reach if group.rank < group.size - 1 else 0
        own = grad[:, left : grad.shape[1] - right].clone()
        before, behind = group.exchange(grad[:, :reach], grad[:, -reach:])
        if before is not None:
            own[:, :reach] += before
        if behind is not None:
            own[:, -reach:] += behind
        return own, None, None
