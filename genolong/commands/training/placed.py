"""A command's processes: those that torchrun or SLURM started, or as many new ones as trainer.devices wants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch.distributed as dist

from genolong.errors import InputError, SettingsError
from genolong.parallel.causes import naming_the_lost
from genolong.parallel.group import PATIENCE
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import met
from genolong.parallel.place import Place
from genolong.parallel.settings import ParallelSettings
from genolong.parallel.stop_request import obeyed
from genolong.parallel.stopped import Stopped


@contextmanager
def placed(
    devices: int, parallel: ParallelSettings, work: Callable[..., object], *arguments: Any, interrupts: int = 1
) -> Iterator[Place]:  # fmt: skip
    """This process's place, the others met; new ones call `work(place, *arguments)`, and end with this one.

    The first `interrupts` - 1 times that Ctrl-C is typed are the work's own to answer.
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
    with met(place, PATIENCE), suppress(Stopped):  # all stop together: the first process says with which exit code
        work(place, *arguments)


def told_by_the_first(place: Place, work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work(*arguments)` gives in the first process, in all of them; where it raises there, all end with it."""
    if place.size == 1:
        return work(*arguments)
    told: list[Any] = [None, None]
    if place.rank == 0:
        try:
            told[0] = work(*arguments)
        except InputError as error:
            told[1] = error
    dist.broadcast_object_list(told)
    if told[1] is not None:
        raise told[1] if place.rank == 0 else SystemExit(told[1].exit_code)
    return told[0]
