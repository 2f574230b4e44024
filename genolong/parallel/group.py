"""The processes that share one sequence, and the messages between them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

# torch 2.13 renamed these functions, and warns about the names that earlier versions have
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
_reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor

PATIENCE = timedelta(hours=2)  # timeout of a message: a process may validate one more window, or write a checkpoint

Range = tuple[int, int]  # the first and the last process of a part of a group
Pending = Callable[[], Tensor]  # a message in transit: calling it waits for the result and returns it


class Neighbours(NamedTuple):
    """The tensors received from the process before and from the one behind; None if there is no such process."""

    before: Tensor | None
    behind: Tensor | None


class SequenceGroup:
    """Neighbouring processes of the world, starting at `first`; this one is number `rank` of them.

    `groups` maps the first and last process of each subset that exchanges messages to its torch group. All processes
    of a subset must make the same calls in the same order.
    """

    def __init__(self, rank: int, size: int, first: int, groups: Mapping[Range, dist.ProcessGroup | None]) -> None:
        self.rank, self.size, self._first, self._groups = rank, size, first, groups

    @classmethod
    def alone(cls) -> "SequenceGroup":
        """A single process, which holds whole sequences."""
        return cls(0, 1, 0, {})

    @classmethod
    def of_world(cls, size: int, parts: Iterable[Range]) -> "SequenceGroup":
        """This process's group, when all processes form groups of `size` neighbours.

        All processes create all groups, in the same order, because torch names a group by how many were created before.
        """
        rank, groups = dist.get_rank(), {}
        wanted = sorted({(0, size - 1), *parts})
        for row in range(0, dist.get_world_size(), size):
            for first, last in wanted:
                made = dist.new_group([*range(row + first, row + last + 1)], timeout=PATIENCE)
                if row <= rank < row + size:
                    groups[first, last] = made
        return cls(rank % size, size, rank - rank % size, groups)

    def __deepcopy__(self, _: object) -> "SequenceGroup":
        """Return the same object: copying a model does not copy its processes."""
        return self

    def gather(self, first: int, last: int, message: Tensor) -> Pending:
        """The stacked messages of processes `first` ... `last`, all of the same shape."""
        messages = message.new_empty((last - first + 1, *message.shape))
        work = _all_gather(messages.flatten(0, 1), message, group=self._groups[first, last], async_op=True)
        return partial(_wait, work, messages, message)

    def sum_parts(self, first: int, last: int, parts: Tensor) -> Pending:
        """The sum of what processes `first` ... `last` have for this one; `parts` has one part for each of them."""
        own = torch.empty_like(parts[0])
        work = _reduce_scatter(own, parts.flatten(0, 1), group=self._groups[first, last], async_op=True)
        return partial(_wait, work, own, parts)

    def exchange(self, to_before: Tensor, to_behind: Tensor) -> Neighbours:
        """Send a tensor to each neighbour, and receive one of the same shape from it."""
        received: list[Tensor | None] = [None, None]
        calls = []
        for side, (peer, message) in enumerate(((self.rank - 1, to_before), (self.rank + 1, to_behind))):
            if 0 <= peer < self.size:
                room = torch.empty_like(message, memory_format=torch.contiguous_format)
                received[side] = room
                group = self._groups[0, self.size - 1]
                calls += [
                    dist.P2POp(dist.isend, message.contiguous(), self._first + peer, group),
                    dist.P2POp(dist.irecv, room, self._first + peer, group),
                ]
        for work in dist.batch_isend_irecv(calls) if calls else ():
            work.wait()
        return Neighbours(*received)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes of the group, returned in each of them."""
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=self._groups[0, self.size - 1])
        return total


def _wait(work: Any, result: Tensor, _sent: Tensor) -> Tensor:
    """Wait for the result and return it; `_sent` keeps the sent tensor alive until then."""
    work.wait()
    return result
