"""Several processes on one work: the first hands out its pieces and collects what comes back, in order."""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import torch.distributed as dist
import torch.multiprocessing as processes

Piece = TypeVar("Piece")
Result = TypeVar("Result")

PATIENCE = timedelta(hours=12)  # a piece may take long; a process that dies is noticed at once


@dataclass(frozen=True)
class Team:
    """Which of how many processes this one is; `local_rank` counts those of this machine."""

    rank: int
    size: int
    local_rank: int

    @classmethod
    def alone(cls) -> "Team":
        """One process."""
        return cls(0, 1, 0)

    @classmethod
    def joined(cls) -> "Team | None":
        """The team that torchrun or SLURM started, joined; None where neither did, or with one process."""
        for names in (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")):
            if all(name in os.environ for name in names):
                team = cls(*(int(os.environ[name]) for name in names))
                if team.size > 1:
                    team._meet(f"{os.environ.get('MASTER_ADDR', 'localhost')}:{os.environ.get('MASTER_PORT', '29500')}")
                    return team
        return None

    @classmethod
    def started(cls, size: int, serve: Callable[..., None], *arguments: Any) -> "Team":
        """This process and size - 1 new ones, which call `serve(team, *arguments)` and end with this one."""
        with socket.socket() as free:
            free.bind(("localhost", 0))
            address = f"localhost:{free.getsockname()[1]}"
        for rank in range(1, size):
            begin = (cls(rank, size, rank), address, serve, arguments)
            processes.get_context("spawn").Process(target=_begin, args=begin, daemon=True).start()
        team = cls(0, size, 0)
        team._meet(address)
        return team

    def lead(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """What `work` makes of every piece, in order; as many at a time as there are processes. For the first one.

        Raises what a process raised.
        """
        if self.size == 1:
            yield from map(work, pieces)
            return
        rest = iter(pieces)
        while handed := list(islice(rest, self.size)):
            own = _hand_out([_Order(True, *map(_Piece, handed[at : at + 1])) for at in range(self.size)])
            collected: list[Any] = [None] * self.size
            dist.gather_object(_done(work, own), collected)
            for result in collected[: len(handed)]:
                if isinstance(result, BaseException):
                    raise result
                yield result
        _hand_out([_Order(False)] * self.size)

    def serve(self, work: Callable[[Any], Any]) -> None:
        """Do what the first process hands out until it says that there is no more."""
        while (order := _hand_out(None)).goes_on:
            dist.gather_object(_done(work, order))

    def leave(self) -> None:
        """The work is over; a later team may be started."""
        if dist.is_initialized():
            dist.destroy_process_group()

    def _meet(self, address: str) -> None:
        dist.init_process_group(
            "gloo", init_method=f"tcp://{address}", rank=self.rank, world_size=self.size, timeout=PATIENCE
        )


class _Piece(NamedTuple):
    """What is to be worked on; it may be anything, None included."""

    content: Any


class _Order(NamedTuple):
    """What a process is told in a round: whether the work goes on, and its piece; near the end some have none."""

    goes_on: bool
    piece: _Piece | None = None


def _hand_out(orders: list[_Order] | None) -> _Order:
    """This process's order; the first process has them all."""
    own: list[Any] = [None]
    dist.scatter_object_list(own, orders)
    return own[0]


def _done(work: Callable[[Any], Any], order: _Order) -> Any:
    """The result, or the exception, which the first process raises."""
    if order.piece is None:
        return None
    try:
        return work(order.piece.content)
    except BaseException as error:
        return error


def _begin(team: Team, address: str, serve: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    with suppress(KeyboardInterrupt, RuntimeError):  # Ctrl-C reaches all; a first process that is gone ends the rest
        team._meet(address)
        serve(team, *arguments)
