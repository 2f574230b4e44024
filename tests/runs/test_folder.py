"""Run folders: `latest` points to the newest, an old run is never written over, and refused runs leave nothing."""

from pathlib import Path

import pytest

from genolong.errors import OutputError
from genolong.runs.folder import HYDRAS_FILES, called, is_begun, make_folder, remove_unbegun
from genolong.runs.lock import LOCK
from tests.builders.held_file import held_by_another


def test_latest_points_to_the_newest_run_of_that_name(tmp_path: Path):
    runs = tmp_path / "runs" / "name"
    for stamp in ("one", "two", "sweep/3"):
        make_folder(runs / stamp, runs)
        assert (runs / "latest").resolve() == (runs / stamp).resolve()
        assert not (runs / "latest").readlink().is_absolute(), "or it breaks when the folder is moved"
    assert {path.name for path in runs.iterdir()} == {"one", "two", "sweep", "latest"}


def test_a_run_elsewhere_leaves_latest_alone(tmp_path: Path):
    runs = tmp_path / "runs"
    make_folder(runs / "one", runs)
    make_folder(tmp_path / "mine", runs)
    assert (runs / "latest").resolve() == (runs / "one").resolve()
    assert (tmp_path / "mine" / "checkpoints").is_dir()
    assert not (tmp_path / "latest").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/run: cannot be created \(Not a directory\); use another place"):
        make_folder(tmp_path / "file" / "run", tmp_path / "file")


def test_a_folder_in_the_place_of_latest_is_named_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "runs" / "latest").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"runs/latest: is a folder, but a link to the newest run belongs there"):
        make_folder(tmp_path / "runs" / "one", tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["latest"]


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A folder as Hydra leaves it before a command is called."""
    folder = tmp_path / "name" / "stamp"
    (folder / ".hydra").mkdir(parents=True)
    for name in HYDRAS_FILES:
        (folder / ".hydra" / name).write_text("")
    return folder


def test_a_refused_run_leaves_nothing(refused: Path, tmp_path: Path):
    remove_unbegun(refused)
    assert not list(tmp_path.iterdir())


def test_a_lock_goes_with_it_and_stays_where_another_process_holds_it(refused: Path, tmp_path: Path):
    (refused / LOCK).write_text("")
    with held_by_another(refused / LOCK):
        remove_unbegun(refused)
    assert len(list(refused.rglob("*"))) == len(HYDRAS_FILES) + 2
    remove_unbegun(refused)
    assert not list(tmp_path.iterdir())


def test_other_runs_of_that_name_stay(refused: Path):
    (refused.parent / "other").mkdir()
    remove_unbegun(refused)
    assert [path.name for path in refused.parent.iterdir()] == ["other"]


@pytest.mark.parametrize("extra", ["record.json", "notes.txt", ".hydra/mine.yaml"])
def test_what_holds_anything_else_stays(refused: Path, extra: str):
    (refused / extra).write_text("")
    before = sorted(refused.rglob("*"))
    remove_unbegun(refused)
    assert sorted(refused.rglob("*")) == before


def test_a_folder_without_hydras_files_stays(tmp_path: Path):
    remove_unbegun(tmp_path)
    assert tmp_path.is_dir()


def test_a_run_is_where_it_left_its_record_or_checkpoints(tmp_path: Path):
    make_folder(tmp_path / "run", tmp_path)
    assert not is_begun(tmp_path / "run") and not is_begun(tmp_path / "none")
    (tmp_path / "run" / "checkpoints" / "step-00000001.ckpt").write_text("")
    assert is_begun(tmp_path / "run")
    (tmp_path / "record.json").write_text("{}")
    assert is_begun(tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "known_as"),
    [("mine", "runs/mine/2026-11-26", "mine"), ("train", "runs/tries/a", "a"), ("mine", "mine", "mine")],
)
def test_a_run_is_called_by_its_name_unless_its_folder_was_chosen(tmp_path, name, folder, known_as):
    assert called(name, tmp_path / folder) == known_as
