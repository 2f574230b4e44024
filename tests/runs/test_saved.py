"""The newest checkpoint of a folder is found, also where its links were copied as files."""

import os
from pathlib import Path

import pytest

from genolong.errors import InputError, UnsafeInputError
from genolong.runs.saved import BEST, LAST, newest, of_step, point, sweep, tidy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Steps 10, 20 and 30, each written later than the one before; the last and the best are pointed to."""
    (tmp_path / "checkpoints").mkdir()
    for step in (10, 20, 30):
        of_step(tmp_path, step).write_text(str(step))
        os.utime(of_step(tmp_path, step), (step, step))
    point(LAST, of_step(tmp_path, 30))
    point(BEST, of_step(tmp_path, 10))
    return tmp_path


def copied(link: Path, time: int | None = None) -> None:
    """A link becomes a file of its own."""
    text = link.read_text()
    link.unlink()
    link.write_text(text)
    if time is not None:
        os.utime(link, (time, time))


def found(folder: Path) -> str:
    newest_one = newest(folder, Path.read_text)
    assert newest_one is not None
    return newest_one.content


def test_links_are_not_asked(folder: Path):
    assert found(folder) == "30"


@pytest.mark.parametrize("name", [LAST, BEST])
def test_a_link_that_was_copied_is_no_newer_for_that(folder: Path, name: str):
    copied(folder / "checkpoints" / name)
    assert found(folder) == "30"


def test_a_copied_last_one_is_behind_steps_that_were_written_since(folder: Path):
    of_step(folder, 40).write_text("40")
    os.utime(of_step(folder, 40), (40, 40))
    copied(folder / "checkpoints" / LAST, 35)
    assert found(folder) == "40"


def test_a_last_one_that_was_copied_alone_is_the_newest(folder: Path):
    (folder / "checkpoints" / LAST).unlink()
    (folder / "checkpoints" / LAST).write_text("50")
    assert found(folder) == "50"
    for path in folder.glob("checkpoints/step-*"):
        path.unlink()
    assert found(folder) == "50"
    (folder / "checkpoints" / LAST).unlink()
    copied_best = folder / "checkpoints" / BEST
    copied_best.unlink()
    assert newest(folder, Path.read_text) is None
    copied_best.write_text("10")
    assert found(folder) == "10"


@pytest.mark.parametrize("broken", range(4))
def test_the_newest_that_can_be_read_is_found_and_what_is_wrong_with_newer_ones(folder: Path, broken: int):
    newer = [of_step(folder, step) for step in (30, 20, 10)][:broken]

    def read(path: Path) -> str:
        if path in newer:
            raise InputError(f"{path.name} is damaged")
        return path.read_text()

    if broken == 3:
        with pytest.raises(
            InputError, match=r"checkpoints: none of 3 checkpoints is intact \(step-00000030.ckpt is damaged\)$"
        ):
            newest(folder, read)
        return
    found = newest(folder, read)
    assert found is not None and found.path == of_step(folder, 30 - 10 * broken)
    assert found.passed_over == tuple(f"{path.name} is damaged" for path in newer)


def test_an_only_checkpoint_that_is_broken_is_told_and_one_with_code_in_it_stops_the_search(folder: Path):
    def read(path: Path) -> str:
        raise (UnsafeInputError if path == of_step(folder, 30) else InputError)(f"{path.name} is wrong")

    with pytest.raises(UnsafeInputError, match=r"^step-00000030.ckpt is wrong$"):
        newest(folder, read)
    for step in (30, 20):
        of_step(folder, step).unlink()
    with pytest.raises(InputError, match=r"its only checkpoint is not intact \(step-00000010.ckpt is wrong\)$"):
        newest(folder, read)


@pytest.mark.parametrize("keep", range(1, 5))
def test_the_newest_are_kept_and_those_that_a_link_points_to(folder: Path, keep: int):
    point(LAST, of_step(folder, 20))
    tidy(folder, keep)
    steps = {10, 20, *[30, 20, 10][:keep]}
    kept = {path.name for path in (folder / "checkpoints").iterdir()}
    assert kept == {LAST, BEST, *(of_step(folder, step).name for step in steps)}


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(folder: Path):
    before = set((folder / "checkpoints").iterdir())
    for name in (".step-00000040.ckpt.x7y", ".last.ckpt-123"):
        (folder / "checkpoints" / name).write_text("")
    sweep(folder)
    assert set((folder / "checkpoints").iterdir()) == before
