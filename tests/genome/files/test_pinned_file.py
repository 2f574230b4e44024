"""A file is what its hash says, or it is refused."""

import hashlib
import os
from pathlib import Path

import pytest

from genolong.errors import InputError, MissingInputError
from genolong.genome.files import pinned_file
from genolong.genome.files.pinned_file import PinnedFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_bytes(b">c\nACGT\n")
    return path


def test_the_hash_is_the_contents(path: Path):
    assert PinnedFile.pin(path).sha256 == hashlib.sha256(b">c\nACGT\n").hexdigest()


def test_missing(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"none.fa does not exist; wanted a file; check its spelling"):
        PinnedFile.pin(tmp_path / "none.fa")


def test_folder(tmp_path: Path):
    with pytest.raises(MissingInputError, match="is a folder; wanted a file"):
        PinnedFile.pin(tmp_path)


def test_pipe(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MissingInputError, match="is a pipe or device; wanted a file"):
        PinnedFile.pin(tmp_path / "pipe")


def test_unreadable(path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MissingInputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        PinnedFile.pin(path)


def test_written_while_it_is_hashed(path: Path, monkeypatch: pytest.MonkeyPatch):
    digest = pinned_file.hash_of_open

    def hash_and_write(file, named, kind):
        path.write_bytes(b">c\nACGTACGT\n")
        return digest(file, named, kind)

    monkeypatch.setattr(pinned_file, "hash_of_open", hash_and_write)
    with pytest.raises(InputError, match="changed while it was read; wait until it is written, then start again"):
        PinnedFile.pin(path)


def test_a_touched_file_with_the_same_content_is_the_same_file(path: Path):
    pinned = PinnedFile.pin(path)
    os.utime(path, (1, 1))
    with path.open("rb") as file:
        assert not pinned.untouched(file.fileno())
        pinned.verify(file.fileno())
        assert pinned.untouched(file.fileno())


def test_other_content_of_the_same_size_and_date_is_noticed(path: Path):
    pinned = PinnedFile.pin(path)
    before = path.stat()
    path.write_bytes(b">c\nACGA\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with (
        path.open("rb") as file,
        pytest.raises(InputError, match="changed since it was opened; wanted the content it had"),
    ):
        pinned.verify(file.fileno())


def test_an_open_file_that_was_replaced_is_noticed(path: Path):
    pinned = PinnedFile.pin(path)
    with path.open("rb") as file:
        other = path.with_name("other")
        other.write_bytes(b">c\nAAAA\n")
        os.replace(other, path)
        with pytest.raises(InputError, match="changed since it was opened"):
            pinned.verify(file.fileno())
