"""A command's processes: those that torchrun or SLURM started, or as many new ones as trainer.devices wants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist

from genolong.errors import SettingsError
from genolong.parallel.causes import naming_the_lost
from genolong.parallel.launcher import launched
from genolong.parallel.place import Place
from genolong.parallel.settings import ParallelSettings


@contextmanager
def placed(devices: int, parallel: ParallelSettings, work: Callable[..., None], *arguments: Any) -> Iterator[Place]:
    """This process's place; new processes call `work(place, *arguments)` meanwhile, and end with this one."""
    joined = Place.joined()
    if joined is None:
        with launched(devices, work, *arguments, patience_s=parallel.patience_s) as place:
            try:
                yield place
            finally:
                if dist.is_initialized():
                    dist.destroy_process_group()
        return
    if joined.size != devices:
        raise SettingsError(
            f"trainer.devices={devices}, but torchrun or SLURM started {joined.size} processes; "
            f"take trainer.devices={joined.size}"
        )
    with naming_the_lost(joined):
        yield joined
