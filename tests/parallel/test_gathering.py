"""Processes wait for each other until all have come, or until those that have not are named."""

import logging
import socket
from contextlib import closing
from datetime import timedelta
from threading import Thread

import pytest
from torch.distributed import HashStore, Store  # type: ignore[attr-defined]

from genolong.errors import LostProcessError, SettingsError
from genolong.parallel import gathering
from genolong.parallel.gathering import gather, shared_store
from genolong.parallel.place import Place

LIMIT_S = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    monkeypatch.setattr(gathering, "TICK_S", 0.01)
    monkeypatch.setattr(gathering, "COMES_S", LIMIT_S)


@pytest.fixture
def address() -> str:
    """Where nothing listens."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
    return address


def place(rank: int, size: int, address: str = "gpu07:7777") -> Place:
    return Place(rank, size, rank, size, address)


def test_all_go_on_when_the_last_has_come(caplog):
    store, gone_on = HashStore(), []

    def come(rank: int) -> None:
        gather(place(rank, 3), store, LIMIT_S)
        gone_on.append(rank)

    early = [Thread(target=come, args=(rank,)) for rank in (0, 2)]
    for thread in early:
        thread.start()
    for thread in early:
        thread.join(0.2)
    assert gone_on == []
    come(1)
    for thread in early:
        thread.join(LIMIT_S)
    assert sorted(gone_on) == [0, 1, 2] and not caplog.messages


@pytest.mark.parametrize(("rank", "size", "there", "names"), [
    (0, 2, [], "process 1"), (2, 5, [0, 4], "processes 1, 3"), (1, 9, [], "processes 0, 2, 3, 4, 5 and 3 more"),
    (1, 6, [], "processes 0, 2, 3, 4, 5"),
])  # fmt: skip
def test_those_that_do_not_come_are_named(rank, size, there, names):
    store = HashStore()
    for other in there:
        store.set(f"process {other} is here", "")
    with pytest.raises(LostProcessError) as told:
        gather(place(rank, size), store, 0.03)
    assert str(told.value) == (
        f"process {rank} of {size}: waited 0 s for {names} at gpu07:7777; see what the missing ones say, and try again"
    )


@pytest.mark.parametrize(("rank", "messages"), [(0, ["waiting at gpu07:7777 for processes 1, 2"]), (1, [])])
def test_the_first_says_once_for_whom_it_waits(caplog, monkeypatch, rank, messages):
    monkeypatch.setattr(gathering, "SAYS_S", 0.02)
    with caplog.at_level(logging.INFO, "genolong"), pytest.raises(LostProcessError):
        gather(place(rank, 3), HashStore(), 0.2)
    assert caplog.messages == messages


def test_the_others_reach_the_store_of_the_first_which_may_come_later(address):
    found: list[Store] = []
    late = Thread(target=lambda: found.append(shared_store(place(1, 2, address))))
    late.start()
    late.join(0.2)
    assert late.is_alive() and not found
    first = shared_store(place(0, 2, address))
    late.join(LIMIT_S)
    first.set("told", "by the first")
    found[0].set_timeout(timedelta(seconds=LIMIT_S))
    assert found[0].get("told") == b"by the first"


def test_a_first_process_that_does_not_come_is_named(address, monkeypatch):
    monkeypatch.setattr(gathering, "COMES_S", 0.05)
    with pytest.raises(LostProcessError, match=f"^process 3 of 4: waited 0 s for process 0 at {address}; "):
        shared_store(place(3, 4, address))


def test_the_first_process_reaches_torchruns_store_and_serves_none(address, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setattr(gathering, "COMES_S", 0.05)
    with pytest.raises(LostProcessError, match=f"^process 0 of 2: waited 0 s for torchrun at {address}; "):
        shared_store(place(0, 2, address))


def test_an_address_in_use_is_refused(address):
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))), pytest.raises(SettingsError) as told:
        shared_store(place(0, 2, address))
    assert str(told.value).startswith(f"{address}: the 2 processes cannot meet there (")
    assert str(told.value).endswith("; set MASTER_PORT to a free port")
