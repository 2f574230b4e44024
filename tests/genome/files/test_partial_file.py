"""A file under a partial name: one process at a time writes it, and what another one writes is never touched."""

import os
from pathlib import Path

import pytest

from genolong.errors import BusyError, InputError, OutputError
from genolong.genome.files import file_lock, partial_file
from genolong.genome.files.partial_file import PartialFile, write_whole
from tests.builders.held_file import held_by_another


@pytest.mark.parametrize("resume_at", [None, 0, 3])
def test_what_another_process_writes_is_not_touched(tmp_path: Path, resume_at: int | None):
    partial = tmp_path / "x.partial"
    partial.write_bytes(b"theirs")
    with (
        held_by_another(partial),
        pytest.raises(
            BusyError, match=r"x.partial: another process is writing this file; wait for its end, or name another file$"
        ) as caught,
    ):
        PartialFile(tmp_path / "x", resume_at)
    assert caught.value.exit_code == 75
    assert partial.read_bytes() == b"theirs"
    file = PartialFile(tmp_path / "x", resume_at)  # it has ended
    file.write(b"ours")
    file.complete()
    assert (tmp_path / "x").read_bytes() == b"theirs"[: resume_at or 0] + b"ours"


@pytest.mark.parametrize("removed", [False, True])
def test_a_file_that_gets_its_name_just_now_is_not_written_to(tmp_path: Path, monkeypatch, removed: bool):
    """Between opening it and having its lock."""
    partial, final, times = tmp_path / "x.partial", tmp_path / "x", []
    partial.write_bytes(b"theirs")

    def take(descriptor: int) -> bool:
        times.append(descriptor)
        if len(times) == 1:
            partial.unlink() if removed else os.replace(partial, final)
        return file_lock.take(descriptor)

    monkeypatch.setattr(partial_file, "take", take)
    file = PartialFile(final)
    file.write(b"ours")
    assert len(times) == 2
    assert removed or final.read_bytes() == b"theirs"
    file.complete()
    assert final.read_bytes() == b"ours"


def test_the_lock_is_held_until_the_file_has_its_name(tmp_path: Path, monkeypatch):
    file, closed = PartialFile(tmp_path / "x"), []
    replace, close = os.replace, os.close
    monkeypatch.setattr(os, "close", lambda descriptor: (closed.append("closed"), close(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (closed.append("named"), replace(old, new))[1])
    file.complete()
    assert closed[:2] == ["named", "closed"]


def test_what_is_discarded_a_second_time_may_be_anothers(tmp_path: Path):
    file = PartialFile(tmp_path / "x")
    file.discard()
    (tmp_path / "x.partial").write_bytes(b"theirs")
    file.discard()
    assert (tmp_path / "x.partial").read_bytes() == b"theirs"


def test_where_there_are_no_locks_it_is_written_all_the_same(tmp_path: Path, monkeypatch):
    def unknown(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(file_lock.fcntl, "lockf", unknown)
    file = PartialFile(tmp_path / "x")
    file.write(b"ours")
    file.complete()
    assert (tmp_path / "x").read_bytes() == b"ours"


def test_a_lock_that_fails_otherwise_is_an_error_of_its_own(tmp_path: Path):
    with (tmp_path / "x").open("wb") as file:
        closed = file.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        file_lock.take(closed)


def test_what_is_there_no_longer_is_not_resumed(tmp_path: Path):
    with pytest.raises(InputError, match=r"x.partial does not exist; wanted one to resume; start again"):
        PartialFile(tmp_path / "x", 3)
    (tmp_path / "x.partial").mkdir()
    with pytest.raises(OutputError, match=r"x.partial cannot be created"):
        PartialFile(tmp_path / "x")


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "device").symlink_to(os.devnull)
    for name, what in (("pipe", "a device or a pipe"), ("device", "a device"), ("folder", "a folder")):
        with pytest.raises(OutputError, match=f"{name}: is {what}.*; wanted a file to write; name one"):
            PartialFile(tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 3 and not Path(os.devnull).is_file()


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    (tmp_path / "link").symlink_to(Path("there", "file"))
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "file").read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["file"]
