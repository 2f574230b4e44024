"""The processes that hold one sequence between them, and what they send each other."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

# torch 2.13 renamed these, and warns of the names that earlier versions know
_all_gather = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
_reduce_scatter = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor

PATIENCE = timedelta(hours=2)  # with a message: a process may validate one window more, or write a checkpoint

Range = tuple[int, int]  # the first and the last process of a part of a group
Pending = Callable[[], Tensor]  # what is under way: a call waits for it and returns it


class Neighbours(NamedTuple):
    """What comes from the process before and from the one behind; None where there is none."""

    before: Tensor | None
    behind: Tensor | None


class SequenceGroup:
    """Neighbouring processes of the world, from `first` on, of which this one is number `rank`.

    `groups` are those of its processes that send each other messages, by the first and the last of them. Whatever one
    of them asks for, all that take part must ask for, in the same order.
    """

    def __init__(self, rank: int, size: int, first: int, groups: Mapping[Range, dist.ProcessGroup | None]) -> None:
        self.rank, self.size, self._first, self._groups = rank, size, first, groups

    @classmethod
    def alone(cls) -> "SequenceGroup":
        """One process, which holds whole sequences."""
        return cls(0, 1, 0, {})

    @classmethod
    def of_world(cls, size: int, parts: Iterable[Range]) -> "SequenceGroup":
        """This process's group, where all processes there are stand in groups of `size` neighbours.

        All processes make all groups, in one order: torch names a group by how many were made before.
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
        """The same: processes are not copied with the model that knows them."""
        return self

    def gather(self, first: int, last: int, message: Tensor) -> Pending:
        """The messages, all of one shape, of processes `first` ... `last`, stacked."""
        messages = message.new_empty((last - first + 1, *message.shape))
        work = _all_gather(messages.flatten(0, 1), message, group=self._groups[first, last], async_op=True)
        return partial(_wait, work, messages, message)

    def sum_parts(self, first: int, last: int, parts: Tensor) -> Pending:
        """The sum over processes `first` ... `last` of their parts for this one; `parts` has one for each of them."""
        own = torch.empty_like(parts[0])
        work = _reduce_scatter(own, parts.flatten(0, 1), group=self._groups[first, last], async_op=True)
        return partial(_wait, work, own, parts)

    def exchange(self, to_before: Tensor, to_behind: Tensor) -> Neighbours:
        """What the neighbours sent this way, of the shapes that are sent to them."""
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
        """The sum over all processes of the group, in all of them."""
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=self._groups[0, self.size - 1])
        return total


def _wait(work: Any, result: Tensor, _sent: Tensor) -> Tensor:
    """The result when it is there; until then, what is sent must live."""
    work.wait()
    return result
