"""A sequence's processes played by threads of one: the same calls, without any network."""

from collections import defaultdict
from collections.abc import Callable
from threading import Barrier, Lock, Thread
from typing import Any, TypeVar

import torch
from torch import Tensor

from genolong.parallel.group import Neighbours, Pending, SequenceGroup

Result = TypeVar("Result")
PATIENCE = 60  # seconds


class ThreadGroup(SequenceGroup):
    """One thread's place among `size` of them."""

    def __init__(self, rank: int, size: int, meeting: "Meeting") -> None:
        super().__init__(rank, size, 0, {})
        self.meeting, self.received = meeting, 0

    def gather(self, first: int, last: int, message: Tensor) -> Pending:
        messages = torch.stack(self.meeting.all_of(first, last, self.rank, message.clone()))
        self.received += messages.nbytes - message.nbytes
        return lambda: messages

    def sum_parts(self, first: int, last: int, parts: Tensor) -> Pending:
        everyones = self.meeting.all_of(first, last, self.rank, parts.clone())
        total = torch.stack([of_one[self.rank - first] for of_one in everyones]).sum(0)
        self.received += total.nbytes * (last - first)
        return lambda: total

    def exchange(self, to_before: Tensor, to_behind: Tensor) -> Neighbours:
        sent = self.meeting.all_of(0, self.size - 1, self.rank, (to_before.clone(), to_behind.clone()))
        before = sent[self.rank - 1][1] if self.rank else None
        behind = sent[self.rank + 1][0] if self.rank + 1 < self.size else None
        self.received += sum(message.nbytes for message in (before, behind) if message is not None)
        return Neighbours(before, behind)

    def sum(self, tensor: Tensor) -> Tensor:
        return torch.stack(self.meeting.all_of(0, self.size - 1, self.rank, tensor.clone())).sum(0)


class Meeting:
    """Where some of the threads lay something down, and each takes what all of them have laid down."""

    def __init__(self) -> None:
        self._lock, self._barriers = Lock(), {}
        self._laid: dict[tuple[int, int], dict[int, Any]] = defaultdict(dict)

    def all_of(self, first: int, last: int, rank: int, thing: Any) -> list[Any]:
        with self._lock:
            barrier = self._barriers.setdefault((first, last), Barrier(last - first + 1, timeout=PATIENCE))
            laid = self._laid[first, last]
        laid[rank] = thing
        barrier.wait()
        everything = [laid[member] for member in range(first, last + 1)]
        barrier.wait()
        return everything

    def give_up(self) -> None:
        with self._lock:
            for barrier in self._barriers.values():
                barrier.abort()


def in_threads(size: int, work: Callable[[ThreadGroup], Result]) -> list[Result]:
    """What `work` returns in each of `size` threads that share a sequence; raises what the first of them raised."""
    meeting, results, errors = Meeting(), {}, []

    def run(rank: int) -> None:
        try:
            results[rank] = work(ThreadGroup(rank, size, meeting))
        except BaseException as error:
            errors.append(error)
            meeting.give_up()

    threads = [Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[rank] for rank in range(size)]
