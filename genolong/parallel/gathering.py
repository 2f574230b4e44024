"""Gathers the processes that torchrun or SLURM started; a signal to stop is heard while they wait for each other."""

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import torch.distributed as dist
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

from genolong.errors import LostProcessError, SettingsError
from genolong.parallel.place import Place

COMES_S = 600.0  # the first meeting: importing PyTorch from a network drive may take minutes
SAYS_S = 20.0  # after that, the first process says for whom it waits
TICK_S = 0.25
ANSWERS_S = 5.0
CONNECTS = timedelta(seconds=30)  # a store that has just answered
NAMED = 5

logger = logging.getLogger(__name__)


def shared_store(place: Place) -> Store:
    """The store at the place's address, which the first process serves, or torchrun itself.

    Raises LostProcessError if it does not answer within COMES_S, and SettingsError if it cannot be served there.
    """
    host, _, port = place.address.rpartition(":")
    by_torchrun = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    serves = place.rank == 0 and not by_torchrun
    if not serves and not _answers(host, int(port)):
        raise _absent(place, "torchrun" if by_torchrun else _names([0]), COMES_S)
    try:
        return TCPStore(host, int(port), place.size, serves, CONNECTS, wait_for_workers=False)
    except dist.DistNetworkError as error:
        if not serves:
            raise
        raise SettingsError(
            f"{place.address}: the {place.size} processes cannot meet there ({error}); set MASTER_PORT to a free port"
        ) from error


def gather(place: Place, store: Store, longest_s: float) -> None:
    """Wait until all processes have called this with the same store; raises LostProcessError if one has not in time."""
    store.set(_key(place.rank), "")
    told = False
    for waited_s in _ticks(longest_s):
        if store.check([*map(_key, range(place.size))]):
            return
        if place.rank == 0 and waited_s > SAYS_S and not told:
            told = True
            logger.warning("waiting at %s for %s", place.address, _names(_missing(place, store)))
    if missing := _missing(place, store):
        raise _absent(place, _names(missing), longest_s)


def _missing(place: Place, store: Store) -> list[int]:
    return [rank for rank in range(place.size) if not store.check([_key(rank)])]


def _key(rank: int) -> str:
    return f"process {rank} is here"


def _answers(host: str, port: int) -> bool:
    """Whether something listens there, soon; connecting by PyTorch would block signals, and print each failure."""
    for _ in _ticks(COMES_S):
        with suppress(OSError):
            socket.create_connection((host, port), timeout=ANSWERS_S).close()
            return True
    return False


def _ticks(longest_s: float) -> Iterator[float]:
    """The seconds since the first tick, once a tick; Python handles signals between two ticks."""
    begun = time.monotonic()
    while (waited_s := time.monotonic() - begun) < longest_s:
        yield waited_s
        time.sleep(TICK_S)


def _names(ranks: list[int]) -> str:
    more = f" and {len(ranks) - NAMED} more" if len(ranks) > NAMED else ""
    return f"process{'es' if ranks[1:] else ''} {', '.join(map(str, ranks[:NAMED]))}{more}"


def _absent(place: Place, names: str, longest_s: float) -> LostProcessError:
    return LostProcessError(
        f"process {place.rank} of {place.size}: waited {longest_s:.0f} s for {names} at {place.address}; "
        "see what the missing ones say, and try again"
    )
