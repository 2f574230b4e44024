"""Files appear in the cache whole or not at all, and a cache that cannot be written stops nobody."""

import os
import tempfile
from pathlib import Path

import pytest

from genolong.errors import OutputError
from genolong.genome.files.cache_folder import CacheFolder, _remove


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("a file is no folder, not even for the superuser")
    return tmp_path / "file" / "cache"


def write_ten(file):
    file.write(b"0123456789")


def test_a_file_is_written_into_folders_that_are_made(tmp_path: Path):
    cache = CacheFolder(tmp_path / "a" / "b")
    path = cache.write("ten", write_ten)
    assert path == cache.path("ten") == tmp_path / "a" / "b" / "ten"
    assert path.read_bytes() == b"0123456789"
    assert cache.notes == []


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path):
    cache = CacheFolder(tmp_path)
    cache.write("ten", write_ten)

    def fail(file):
        file.write(b"half")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        cache.write("ten", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["ten"]
    assert cache.path("ten").read_bytes() == b"0123456789"


def test_a_temporary_folder_takes_over_and_people_are_told(unwritable: Path):
    cache = CacheFolder(unwritable)
    path = cache.write("ten", write_ten)
    assert path.read_bytes() == b"0123456789"
    assert path.is_relative_to(tempfile.gettempdir())
    assert cache.notes == [
        f"the cache folder {unwritable} cannot be written (Not a directory); a temporary folder is used for this run"
    ]
    again = cache.write("eleven", write_ten)
    assert again.parent == path.parent
    assert len(cache.notes) == 1


def test_no_folder_at_all(unwritable: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: str(unwritable))
    with pytest.raises(OutputError, match=r"can hold ten; set data.cache to a folder with space"):
        CacheFolder(unwritable).write("ten", write_ten)


def test_the_usual_places(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert CacheFolder().folder == Path("/somewhere/genolong")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert CacheFolder().folder == Path("/home/someone/.cache/genolong")
    assert CacheFolder("~/here").folder == Path("/home/someone/here")


def test_no_home(monkeypatch: pytest.MonkeyPatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(OutputError, match=r"no home folder is known for the cache; set data.cache to a folder"):
        CacheFolder()


def test_a_temporary_folder_is_removed_by_the_process_that_made_it(tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    _remove(folder, owner=os.getpid() + 1)
    assert folder.exists()
    _remove(folder, owner=os.getpid())
    assert not folder.exists()
