"""The newest checkpoint of a folder is found, also where its links were copied as files."""

import os
from pathlib import Path

import pytest

from genolong.runs.saved import BEST, LAST, newest, of_step, point


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
