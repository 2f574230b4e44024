"""A team of processes: the first hands out pieces of work and collects the results in order."""

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
from genolong.parallel.same_model import refuse_other_model

Piece = TypeVar("Piece")
Result = TypeVar("Result")

LONGEST_PIECE = timedelta(hours=12)  # a process that dies or hangs is noticed long before


@dataclass
class Team:
    """This process's place among those that share the work; `copies` consecutive processes work on the same piece.

    `model` is the hash of the weights that this process has opened; the first process's must be the same.
    """

    place: Place
    copies: int = 1
    model: str = ""
    _heard: bool = True  # the others are waiting for orders from the first, or soon will be

    @classmethod
    @contextmanager
    def joined(cls, place: Place, copies: int = 1) -> Iterator["Team"]:
        """The team of processes that torchrun or SLURM started; all of them must call this.

        If the first one fails, the others end with its exit code.
        """
        # processes that share a piece may have to connect with each other first
        team = cls(place, copies, _heard=copies == 1)
        with naming_the_lost(place), met(place, LONGEST_PIECE):
            try:
                yield team
            except Exception as error:
                if team._heard and not breaks_connection(error):
                    with suppress(RuntimeError):  # the others may have failed in the same way
                        team._dismiss(exit_code(error))
                raise
            team._dismiss(0)

    @classmethod
    @contextmanager
    def started(
        cls, size: int, serve: Callable[..., None], *arguments: Any, copies: int = 1, patience_s: int
    ) -> Iterator["Team"]:
        """This process and size - 1 new ones, which call `serve(team, *arguments)` and end with this one.

        Raises what one of them raises, and LostProcessError if one dies or gives no sign of life for `patience_s`.
        """
        with launched(size, _serve, copies, serve, arguments, patience_s=patience_s) as place:
            team = cls(place, copies)
            with met(place, LONGEST_PIECE):
                yield team
                team._dismiss(0)

    def lead(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """The results of `work` on all pieces, in order; each group works on one piece at a time.

        For the first process only. Raises what a process raised.
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
        """Work on what the first process hands out until it dismisses us; raises SystemExit if the first has failed."""
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
        orders = [_Order(True, _Piece(piece, self.model)) for piece in pieces for _ in range(self.copies)]
        return orders + [_Order(True)] * (self.place.size - len(orders))

    def _done(self, work: Callable[[Any], Any], order: "_Order") -> Any:
        """The result, or the exception for the first process to raise.

        If several processes share a piece, the others could wait forever for one that failed. So it raises its
        exception itself, which ends all of them.
        """
        if order.piece is None:
            return None
        try:
            refuse_other_model(self.model, order.piece.model)
            result = work(order.piece.content)
        except Exception as error:
            if self.copies > 1:
                raise
            return error
        return None if self.place.rank % self.copies else result

    def _dismiss(self, code: int) -> None:
        """Tell the others that there is no more work, and with which exit code to end."""
        if self.place.rank == 0 and self.place.size > 1:
            _hand_out([_Order(False, exit_code=code)] * self.place.size)


class _Piece(NamedTuple):
    """A piece of work, whose content may be anything, even None, and the hash of the weights to do it with."""

    content: Any
    model: str


class _Order(NamedTuple):
    """An order for one round: whether the work continues, and a piece; in the last round some processes have none."""

    goes_on: bool
    piece: _Piece | None = None
    exit_code: int = 0


def _hand_out(orders: list[_Order] | None) -> _Order:
    """Scatter the orders, which only the first process has; returns this process's order."""
    own: list[Any] = [None]
    dist.scatter_object_list(own, orders)
    return own[0]


def _serve(place: Place, copies: int, serve: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    team = Team(place, copies)
    with met(place, LONGEST_PIECE):
        serve(team, *arguments)
