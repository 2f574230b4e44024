"""The processes that share a job: those started by torchrun or SLURM, or new ones, as many as requested."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from genolong.parallel.place import Place
from genolong.parallel.settings import ParallelSettings
from genolong.parallel.stopped import obeyed
from genolong.parallel.team import Team


@contextmanager
def team_of(
    devices: int, parallel: ParallelSettings, serve: Callable[..., None], *arguments: Any
) -> Iterator[Team]:  # fmt: skip
    """A team of processes: new ones call `serve(team, *arguments)`; those of torchrun or SLURM also run this code.

    A signal that ends the job is raised inside the context, so that finished work can be kept.
    """
    place, copies = Place.joined(), parallel.sequence
    if place is not None:
        team = Team.joined(place, copies)
    else:
        team = Team.started(devices, serve, *arguments, copies=copies, patience_s=parallel.patience_s)
    with obeyed(), team as met:
        yield met
