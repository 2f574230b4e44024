"""Processes of one machine meet where nobody else can reach them."""

import os
import socket
import sys
from datetime import timedelta

import pytest
import torch.distributed as dist

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
