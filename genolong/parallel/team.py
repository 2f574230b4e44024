"""Several processes on one work: the first hands out its pieces and collects what comes back, in order."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import torch.distributed as dist

from genolong.parallel.causes import breaks_connection, naming_the_lost
from genolong.parallel.child import exit_code
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import met
from genolong.parallel.place import Place

Piece = TypeVar("Piece")
Result = TypeVar("Result")

LONGEST_PIECE = timedelta(hours=12)  # a process that dies or falls silent is noticed long before


@dataclass
class Team:
    """This process's place among those that share the work; `copies` consecutive ones work on the same piece."""

    place: Place
    copies: int = 1
    _heard: bool = True  # the others listen to the first, or soon will

    @classmethod
    @contextmanager
    def joined(cls, place: Place, copies: int = 1) -> Iterator["Team"]:
        """The team of processes that something else started, all of which come here.

        Where the first one fails, the others end with its exit code.
        """
        team = cls(place, copies, copies == 1)  # those that share a piece may have to meet among themselves first
        with naming_the_lost(place), met(place, LONGEST_PIECE):
            try:
                yield team
            except Exception as error:
                if team._heard and not breaks_connection(error):
                    with suppress(RuntimeError):  # they may have failed in the same way
                        team._dismiss(exit_code(error))
                raise
            team._dismiss(0)

    @classmethod
    @contextmanager
    def started(
        cls, size: int, serve: Callable[..., None], *arguments: Any, copies: int = 1, patience_s: int
    ) -> Iterator["Team"]:
        """This process and size - 1 new ones, which call `serve(team, *arguments)` and end with this one.

        Raises what one of them raises, and LostProcessError where one dies, or is silent for longer than `patience_s`.
        """
        with launched(size, _serve, copies, serve, arguments, patience_s=patience_s) as place:
            team = cls(place, copies)
            with met(place, LONGEST_PIECE):
                yield team
                team._dismiss(0)

    def lead(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """What `work` makes of every piece, in order; as many at a time as there are groups. For the first process.

        Raises what a process raised.
        """
        if self.place.size == 1:
            yield from map(work, pieces)
            return
        rest = iter(pieces)
        while handed := list(islice(rest, self.place.size // self.copies)):
            for result in self._round(work, handed):
                if isinstance(result, Exception):
                    raise result
                yield result

    def serve(self, work: Callable[[Any], Any]) -> None:
        """Do what the first process hands out until it says that there is no more; ends where that has failed."""
        while (order := _hand_out(None)).goes_on:
            dist.gather_object(self._done(work, order))
        if order.exit_code:
            raise SystemExit(order.exit_code)

    def _round(self, work: Callable[[Any], Any], pieces: list[Any]) -> list[Any]:
        self._heard = False
        collected: list[Any] = [None] * self.place.size
        dist.gather_object(self._done(work, _hand_out(self._orders(pieces))), collected)
        self._heard = True
        return collected[:: self.copies][: len(pieces)]

    def _orders(self, pieces: list[Any]) -> list["_Order"]:
        orders = [_Order(True, _Piece(piece)) for piece in pieces for _ in range(self.copies)]
        return orders + [_Order(True)] * (self.place.size - len(orders))

    def _done(self, work: Callable[[Any], Any], order: "_Order") -> Any:
        """The result, or the exception, which the first process raises.

        Those that work on the same piece may wait for each other, and would for ever for one that failed: it raises
        its exception itself, which ends them all.
        """
        if order.piece is None:
            return None
        try:
            result = work(order.piece.content)
        except Exception as error:
            if self.copies > 1:
                raise
            return error
        return None if self.place.rank % self.copies else result

    def _dismiss(self, code: int) -> None:
        """Tells the others that there is no more, and why."""
        if self.place.rank == 0 and self.place.size > 1:
            _hand_out([_Order(False, exit_code=code)] * self.place.size)


class _Piece(NamedTuple):
    """What is to be worked on; it may be anything, None included."""

    content: Any


class _Order(NamedTuple):
    """What a process is told in a round: whether the work goes on, and its piece; near the end some have none."""

    goes_on: bool
    piece: _Piece | None = None
    exit_code: int = 0


def _hand_out(orders: list[_Order] | None) -> _Order:
    """This process's order; the first process has them all."""
    own: list[Any] = [None]
    dist.scatter_object_list(own, orders)
    return own[0]


def _serve(place: Place, copies: int, serve: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    team = Team(place, copies)
    with met(place, LONGEST_PIECE):
        serve(team, *arguments)
