"""The processes that share a work: those that torchrun or SLURM started, or as many new ones as are asked for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from genolong.parallel.place import Place
from genolong.parallel.settings import ParallelSettings
from genolong.parallel.stop_request import obeyed
from genolong.parallel.team import Team


@contextmanager
def team_of(
    devices: int, parallel: ParallelSettings, serve: Callable[..., None], *arguments: Any
) -> Iterator[Team]:  # fmt: skip
    """New processes call `serve(team, *arguments)`; those that something else started come here, too.

    A signal that ends the work is raised within this, so that what was done is kept.
    """
    place, copies = Place.joined(), parallel.sequence
    if place is not None:
        team = Team.joined(place, copies)
    else:
        team = Team.started(devices, serve, *arguments, copies=copies, patience_s=parallel.patience_s)
    with obeyed(), team as met:
        yield met
