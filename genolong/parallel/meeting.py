"""Connects processes for work together and disconnects them afterwards; repeatedly in a sweep."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from genolong.parallel.gathering import COMES_S, gather, shared_store
from genolong.parallel.place import Place

LOCAL = "127.0.0.1"
INTERFACE = "GLOO_SOCKET_IFNAME"


@contextmanager
def meeting_point(size: int) -> Iterator[str]:
    """Within this block, new processes of this machine can meet at this address, which other machines cannot reach."""
    listening = socket.create_server((LOCAL, 0))
    port = listening.getsockname()[1]
    store = TCPStore(
        LOCAL, port, size, is_master=True, wait_for_workers=False, use_libuv=False, master_listen_fd=listening.detach()
    )
    own = {} if INTERFACE in os.environ else {INTERFACE: _loopback()}
    os.environ.update(own)  # inherited by new processes; by default gloo uses the interface of the machine's name
    try:
        yield f"{LOCAL}:{port}"
    finally:
        for name in own:
            del os.environ[name]
        del store


def _loopback() -> str:
    """The name of the loopback interface: lo on Linux, lo0 on macOS."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))


@contextmanager
def met(place: Place, longest: timedelta) -> Iterator[None]:
    """Within this block, the processes can send messages; `longest` is the timeout of each.

    Processes started by torchrun or SLURM use one store for all of their life. Every meeting has its own prefix there,
    so that entries of an earlier meeting, or from before a restart by torchrun, cannot mislead a later one.
    """
    if place.size == 1:
        yield
        return
    if place == Place.joined():
        store, meetings = _for_life(place)
        meeting = next(meetings)
        store = PrefixStore(f"meeting {meeting}", store)
        store.set_timeout(longest)
        gather(place, store, longest.total_seconds() if meeting else COMES_S)
    else:
        host, _, port = place.address.rpartition(":")
        store = TCPStore(host, int(port), place.size, is_master=False, timeout=longest)
    dist.init_process_group(_backends(), store=store, rank=place.rank, world_size=place.size, timeout=longest)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _backends() -> str:
    """gloo for messages from main memory, NCCL for those between GPUs: gloo cannot send these to a neighbour."""
    return "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"


@cache
def _for_life(place: Place) -> tuple[Store, Iterator[int]]:
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"start {start}", shared_store(place)), count()
