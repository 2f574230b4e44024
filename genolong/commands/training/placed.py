"""A training's processes: those started by torchrun or SLURM, or as many new ones as trainer.devices asks for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch.distributed as dist

from genolong.errors import FinishedRunError, InputError, SettingsError
from genolong.parallel.causes import naming_the_lost
from genolong.parallel.group import PATIENCE
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import met
from genolong.parallel.place import Place
from genolong.parallel.same_model import refuse_other_model
from genolong.parallel.settings import ParallelSettings
from genolong.parallel.stopped import Stopped, obeyed


@contextmanager
def placed(
    devices: int, parallel: ParallelSettings, work: Callable[..., object], *arguments: Any, interrupts: int = 1
) -> Iterator[Place]:  # fmt: skip
    """This process's place, connected to the others; new processes call `work(place, *arguments)`, and end with it.

    The work itself handles the first `interrupts` - 1 presses of Ctrl-C.
    """
    joined = Place.joined()
    if joined is None:
        patience_s = parallel.patience_s
        crew = launched(devices, _meet, work, arguments, patience_s=patience_s, interrupts=interrupts)
        with obeyed(), crew as place, met(place, PATIENCE):
            yield place
        return
    if joined.size != devices:
        raise SettingsError(
            f"trainer.devices={devices}, but torchrun or SLURM started {joined.size} processes; "
            f"use trainer.devices={joined.size}"
        )
    with obeyed(), naming_the_lost(joined), met(joined, PATIENCE):
        yield joined


def _meet(place: Place, work: Callable[..., object], arguments: Any) -> None:
    with met(place, PATIENCE), suppress(Stopped):  # all stop together, and the first process sets the exit code
        work(place, *arguments)


def refuse_other_model_than_the_first(place: Place, sha256: str) -> None:
    """Raises InputError if the weights of this hash, which this process has opened, are not those of the first one."""
    refuse_other_model(sha256, told_by_the_first(place, lambda: sha256))


def told_by_the_first(place: Place, work: Callable[..., Any], *arguments: Any) -> Any:
    """Runs `work(*arguments)` in the first process, and returns its result in all; if it raises, all of them end.

    Only after FinishedRunError, which all of them raise, they may go on, with the next run of a sweep.
    """
    if place.size == 1:
        return work(*arguments)
    told: list[Any] = [None, None]
    if place.rank == 0:
        try:
            told[0] = work(*arguments)
        except InputError as error:
            told[1] = error
    dist.broadcast_object_list(told)
    error = told[1]
    if error is not None:
        raise error if place.rank == 0 or isinstance(error, FinishedRunError) else SystemExit(error.exit_code)
    return told[0]
