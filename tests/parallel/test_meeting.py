"""Processes of one machine meet where nobody else can reach them."""

import os
import socket
import sys
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

from genolong.parallel import meeting
from genolong.parallel.group import SequenceGroup
from genolong.parallel.launcher import launched
from genolong.parallel.meeting import INTERFACE, meeting_point, met
from genolong.parallel.place import Place

LONG = timedelta(seconds=60)


def reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127.0.0.0/8 is this machine's on Linux alone")
def test_it_is_reached_at_one_address_of_this_machine_alone(monkeypatch):
    monkeypatch.delenv(INTERFACE, raising=False)
    with meeting_point(2) as address:
        host, _, port = address.rpartition(":")
        assert reached(host, int(port)) and not reached("127.0.0.2", int(port))
        assert os.environ[INTERFACE].startswith("lo")
    assert INTERFACE not in os.environ
    assert not reached(host, int(port))


def test_an_interface_that_was_chosen_stays_chosen(monkeypatch):
    monkeypatch.setenv(INTERFACE, "lo,eth7")
    with meeting_point(2):
        assert os.environ[INTERFACE] == "lo,eth7"
    assert os.environ[INTERFACE] == "lo,eth7"


def take_part(place: Place) -> None:
    with met(place, LONG):
        dist.barrier()


def test_they_meet_there_and_part_and_meet_again():
    for _ in range(2):
        with launched(3, take_part, patience_s=60) as place, met(place, LONG):
            assert dist.get_world_size() == 3
            dist.barrier()
        assert not dist.is_initialized()


@pytest.mark.parametrize(
    ("gpus", "nccl", "backends"),
    [(True, True, "cpu:gloo,cuda:nccl"), (True, False, "gloo"), (False, True, "gloo")],
)
def test_gpus_send_with_nccl(monkeypatch, gpus: bool, nccl: bool, backends: str):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpus)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: nccl)
    asked = []
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **_: asked.append(backend))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    with meeting_point(1) as address, met(Place(0, 2, 0, 2, address), LONG):
        assert asked == [backends]


def exchange_of_two_kinds(place: Place) -> None:
    """Messages from main memory, in a world whose GPUs have another backend."""
    meeting._backends = lambda: "cpu:gloo,cuda:gloo"
    with met(place, LONG):
        group = SequenceGroup.of_world(3, [(1, 2)])
        own = torch.full((2, 5), float(place.rank))
        before, behind = group.exchange(own, own + 10)
        assert [None if it is None else it[0, 0].item() for it in (before, behind)] == [
            [None, 1.0], [10.0, 2.0], [11.0, None],
        ][place.rank]  # fmt: skip
        assert group.sum(own)[0, 0] == 3
        assert group.gather(0, 2, own)()[:, 0, 0].tolist() == [0, 1, 2]
        told = [place.rank + 7]
        dist.broadcast_object_list(told)
        assert told == [7]
        dist.barrier()


def test_a_world_with_two_backends_sends_from_main_memory(monkeypatch):
    monkeypatch.setattr(meeting, "_backends", meeting._backends)  # put back afterwards
    with launched(3, exchange_of_two_kinds, patience_s=60) as place:
        exchange_of_two_kinds(place)
