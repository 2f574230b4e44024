"""A folder is there whole or not at all, and nothing that was there is written over."""

import errno
import os
from pathlib import Path

import pytest

from genolong.errors import OutputError
from genolong.runs.whole_folder import whole_folder


def test_it_gets_its_name_at_the_end(tmp_path: Path):
    with whole_folder(tmp_path / "new" / "model", "output") as folder:
        (folder / "a").write_bytes(b"x")
        assert not (tmp_path / "new" / "model").exists()
    assert (tmp_path / "new" / "model" / "a").read_bytes() == b"x"
    assert [*(tmp_path / "new").iterdir()] == [tmp_path / "new" / "model"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "new" / "model").stat().st_mode & 0o777 == 0o777 & ~umask


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path):
    with whole_folder(tmp_path, "output") as folder:
        (folder / "a").touch()
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_what_is_not_finished_leaves_nothing(tmp_path: Path, error: BaseException):
    def work() -> None:
        with whole_folder(tmp_path / "model", "output") as folder:
            (folder / "a").touch()
            raise error

    with pytest.raises(type(error)):
        work()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("there", ["file", "full", "link"])
def test_what_is_there_is_left_alone(tmp_path: Path, there: str):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(OutputError) as refusal, whole_folder(tmp_path / there, "output"):
        pytest.fail("begun")
    assert str(refusal.value) == (
        f"output={tmp_path / there}: already exists; name a new folder, or remove that one first"
    )


def test_a_place_that_cannot_be_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    line = r"^output=\S*file/x: cannot be created \(.*\); name another place$"
    with pytest.raises(OutputError, match=line), whole_folder(tmp_path / "file" / "x", "output"):
        pytest.fail("begun")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_of_a_disk_that_fails_no_other_name_is_asked(tmp_path: Path, monkeypatch, number: int):
    def fail(**_: object) -> str:
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr("tempfile.mkdtemp", fail)
    with pytest.raises(OSError, match=os.strerror(number)) as error, whole_folder(tmp_path / "model", "output"):
        pytest.fail("begun")
    assert error.value.errno == number and not isinstance(error.value, OutputError)
