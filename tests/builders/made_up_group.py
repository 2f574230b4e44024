"""One process of many whose neighbours are not there: what they would send is made up, in its true size."""

from torch import Tensor

from genolong.parallel.group import Neighbours, Pending, SequenceGroup


class MadeUpGroup(SequenceGroup):
    """What the others would send are copies of what this process sends itself; `received` counts the bytes."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size, 0, {})
        self.received = 0

    def gather(self, first: int, last: int, message: Tensor) -> Pending:
        messages = message.unsqueeze(0).repeat(last - first + 1, *[1] * message.ndim)
        self.received += messages.nbytes - message.nbytes
        return lambda: messages

    def sum_parts(self, first: int, last: int, parts: Tensor) -> Pending:
        own = parts[self.rank - first].clone()
        self.received += own.nbytes * (last - first)
        return lambda: own

    def exchange(self, to_before: Tensor, to_behind: Tensor) -> Neighbours:
        before = to_before.clone() if self.rank else None
        behind = to_behind.clone() if self.rank + 1 < self.size else None
        self.received += sum(halo.nbytes for halo in (before, behind) if halo is not None)
        return Neighbours(before, behind)

    def sum(self, tensor: Tensor) -> Tensor:
        return tensor * self.size
