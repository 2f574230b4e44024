"""A team gives what one process gives, in order, whatever the number of pieces; failures come back to the first."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from genolong.errors import InputError, LostProcessError
from genolong.parallel.launcher import launched
from genolong.parallel.place import Place
from genolong.parallel.team import Team

PATIENCE_S = 60


def work(piece: int) -> tuple[int, int]:
    if piece == 13:
        raise InputError("thirteen")
    if piece == 17 and dist.get_rank():
        os.kill(os.getpid(), signal.SIGKILL)
    return piece, piece * piece


def together(piece: int) -> tuple[int, list[Any]]:
    """This process, and what all of them work on, which they tell each other."""
    if piece == 13 and dist.get_rank() == 1:
        raise InputError("thirteen")
    told: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(told, piece)
    return dist.get_rank(), told


def serve(team: Team, function: Any) -> None:
    team.serve(function)


def refuse(team: Team) -> None:
    raise InputError(f"refused by {team.place.rank}")


def join(place: Place, folder: Path) -> None:
    try:
        with Team.joined(place) as team:
            team.serve(work)
    except SystemExit as ending:
        (folder / str(place.rank)).write_text(str(ending.code))


def test_one_process_does_it_all():
    with Team.started(1, serve, work, patience_s=PATIENCE_S) as team:
        assert team == Team(Place.alone())
        assert list(team.lead(work, [5, 3])) == [(5, 25), (3, 9)]
        assert not multiprocessing.active_children()
    with Team.joined(Place.alone()) as team:
        assert list(team.lead(work, [5, 3])) == [(5, 25), (3, 9)]


def test_any_number_of_pieces_comes_back_in_order_and_so_do_exceptions():
    with Team.started(3, serve, work, patience_s=PATIENCE_S) as team:
        for count in (0, 1, 2, 3, 7):
            assert list(team.lead(work, iter(range(count)))) == [(piece, piece * piece) for piece in range(count)]
        for pieces in ([13, 1, 2], [1, 13, 2], [1, 2, 13], [1, 2, 3, 13]):
            results = team.lead(work, pieces)
            for piece in pieces[: pieces.index(13)]:
                assert next(results) == (piece, piece * piece)
            with pytest.raises(InputError, match="thirteen"):
                next(results)
    assert not multiprocessing.active_children() and not dist.is_initialized()


def work_together_until_one_fails() -> None:
    with Team.started(4, serve, together, copies=2, patience_s=PATIENCE_S) as team:
        done = [(0, [5, 5, 7, 7]), (2, [5, 5, 7, 7]), (0, [3, 3, 2, 2]), (2, [3, 3, 2, 2])]
        assert list(team.lead(together, [5, 7, 3, 2])) == done
        list(team.lead(together, [13, 5]))


def test_groups_work_on_the_same_piece_and_end_when_one_of_them_fails():
    with pytest.raises(InputError, match="thirteen"):
        work_together_until_one_fails()
    assert not multiprocessing.active_children() and not dist.is_initialized()


def open_another(team: Team) -> None:
    team.model = "another"
    team.serve(work)


def lead_with(model: str, copies: int) -> list[tuple[int, int]]:
    with Team.started(2, open_another, copies=copies, patience_s=PATIENCE_S) as team:
        team.model = model
        return list(team.lead(work, [1, 2]))


@pytest.mark.parametrize("copies", [pytest.param(1, marks=pytest.mark.nightly), 2])
def test_a_process_that_opened_another_model_is_refused(copies):
    told = r"^the model's training wrote a new checkpoint while several processes opened it"
    with pytest.raises(InputError, match=told):
        lead_with("one", copies)
    assert lead_with("another", copies) == [(1, 1), (2, 4)]


def test_a_process_that_dies_is_named():
    with (
        pytest.raises(LostProcessError, match="process 1 of 2 was killed by signal 9"),
        Team.started(2, serve, work, patience_s=PATIENCE_S) as team,
    ):
        list(team.lead(work, [1, 17]))


def test_a_process_that_refuses_before_the_work_is_heard():
    with (
        pytest.raises(InputError, match="refused by 1"),
        Team.started(2, refuse, patience_s=PATIENCE_S) as team,
    ):
        list(team.lead(work, [1, 2]))


def lead_the_joined(place: Place, pieces: list[int]) -> None:
    with Team.joined(place) as team:
        assert list(team.lead(work, pieces)) == [(piece, piece * piece) for piece in pieces]
        raise InputError("what the first says")


def test_who_joined_ends_with_the_code_of_the_first(tmp_path):
    said = pytest.raises(InputError, match="what the first says")
    with launched(2, join, tmp_path, patience_s=PATIENCE_S) as place, said:
        lead_the_joined(place, [1, 2])
    assert (tmp_path / "1").read_text() == "65"


def lead_where_one_dies(folder: Path) -> None:
    with launched(2, join, folder, patience_s=PATIENCE_S) as place:
        gone = "process 0 of 2: another one is gone; see its message, and try again"
        with pytest.raises(LostProcessError, match=gone):
            lead_the_joined(place, [1, 17])


def test_who_joined_is_told_that_another_one_is_gone(tmp_path):
    with pytest.raises(LostProcessError, match="process 1 of 2 was killed by signal 9"):
        lead_where_one_dies(tmp_path)
