"""A team gives what one process gives, in order, whatever the number of pieces; failures come back to the first."""

import os
import signal

import pytest
import torch.distributed as dist

from genolong.errors import InputError
from genolong.parallel.team import Team


def work(piece: int) -> tuple[int, int]:
    if piece == 13:
        raise InputError("thirteen")
    if piece == 17 and dist.get_rank():
        os.kill(os.getpid(), signal.SIGKILL)
    return piece, piece * piece


def serve(team: Team, factor: int) -> None:
    assert factor == 7
    team.serve(work)


def test_one_process_does_it_all():
    assert list(Team.alone().lead(work, [5, 3])) == [(5, 25), (3, 9)]


def test_without_torchrun_or_slurm_there_is_no_team_to_join(monkeypatch):
    for name in ("RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert Team.joined() is None
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    assert Team.joined() is None, "one process is no team"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_any_number_of_pieces_comes_back_in_order(count):
    team = Team.started(3, serve, 7)
    try:
        assert list(team.lead(work, iter(range(count)))) == [(piece, piece * piece) for piece in range(count)]
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_a_process_raises_the_first_one_raises(place):
    team = Team.started(3, serve, 7)
    try:
        pieces = [1, 2, 3]
        pieces[place] = 13
        with pytest.raises(InputError, match="thirteen"):
            list(team.lead(work, pieces))
    finally:
        dist.destroy_process_group()


def test_a_process_that_dies_is_noticed():
    team = Team.started(2, serve, 7)
    try:
        with pytest.raises(RuntimeError):
            list(team.lead(work, [1, 17]))
    finally:
        dist.destroy_process_group()
