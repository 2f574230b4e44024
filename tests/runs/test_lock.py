"""One process at a time holds a folder, also where another one has just removed the lock that it was waiting for."""

from pathlib import Path

import pytest

from genolong.errors import BusyError
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
