"""One process at a time holds a folder, also where another one has just removed the lock that it was waiting for."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from genolong.errors import BusyError
from genolong.genome.files.file_lock import NoLocksError
from genolong.runs import lock
from genolong.runs.lock import LOCK, held, lock_removed
from tests.builders.held_file import held_by_another


def test_a_lock_that_is_removed_between_opening_and_taking_is_made_anew(tmp_path: Path, monkeypatch):
    take, removed = lock.take, []

    def late(handle: int) -> bool:
        if not removed:
            removed.append((tmp_path / LOCK).unlink())
        return take(handle)

    monkeypatch.setattr(lock, "take", late)
    with held(tmp_path):
        assert (tmp_path / LOCK).exists(), "or the next one would make, and take, another"
    assert removed


def test_what_another_process_holds_is_neither_taken_nor_removed(tmp_path: Path):
    (tmp_path / LOCK).touch()
    with held_by_another(tmp_path / LOCK):
        assert not lock_removed(tmp_path)
        with pytest.raises(BusyError, match="another process is working in this folder"), held(tmp_path):
            pytest.fail("it was taken")
    assert lock_removed(tmp_path) and lock_removed(tmp_path)


def test_what_was_held_is_free_afterwards_for_another_process(tmp_path: Path):
    ask = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    asked = [sys.executable, "-c", ask, str(tmp_path / LOCK)]
    with held(tmp_path):
        assert subprocess.run(asked, capture_output=True).returncode
    assert not subprocess.run(asked, capture_output=True).returncode


def test_where_there_are_no_locks_the_work_goes_on_and_says_so(tmp_path: Path, monkeypatch, caplog):
    def unknown(_: int) -> bool:
        raise NoLocksError

    monkeypatch.setattr(lock, "take", unknown)
    with caplog.at_level(logging.INFO), held(tmp_path):
        assert f"{tmp_path}: this file system does not support locks" in caplog.text
    assert lock_removed(tmp_path) and not (tmp_path / LOCK).exists()
