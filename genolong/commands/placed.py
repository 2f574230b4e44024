"""A command's processes: those that torchrun or SLURM started, or as many new ones as trainer.devices wants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from genolong.errors import SettingsError
from genolong.parallel.causes import naming_the_lost
from genolong.parallel.group import PATIENCE
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import met
from genolong.parallel.place import Place
from genolong.parallel.settings import ParallelSettings


@contextmanager
def placed(devices: int, parallel: ParallelSettings, work: Callable[..., object], *arguments: Any) -> Iterator[Place]:
    """This process's place, the others met; new ones call `work(place, *arguments)`, and end with this one."""
    joined = Place.joined()
    if joined is None:
        patience_s = parallel.patience_s
        with launched(devices, _meet, work, arguments, patience_s=patience_s) as place, met(place, PATIENCE):
            yield place
        return
    if joined.size != devices:
        raise SettingsError(
            f"trainer.devices={devices}, but torchrun or SLURM started {joined.size} processes; "
            f"take trainer.devices={joined.size}"
        )
    with naming_the_lost(joined), met(joined, PATIENCE):
        yield joined


def _meet(place: Place, work: Callable[..., object], arguments: Any) -> None:
    with met(place, PATIENCE):
        work(place, *arguments)
