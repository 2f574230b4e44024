"""Imports are not searched for garbage, and what was there before is collected as ever."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genolong.large_imports import import_uncollected

MANY = "kept = [[number] for number in range(5_003)]\n"  # more than lead to a search


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What is searched from now on; modules are imported from `tmp_path`."""
    monkeypatch.syspath_prepend(tmp_path)
    found: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        found.append(phase)

    gc.collect()  # the next search is far away
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def write(folder: Path, name: str, text: str) -> str:
    (folder / f"{name}.py").write_text(text)
    return name


def test_nothing_is_searched_while_a_module_is_imported_nor_is_it_later(tmp_path, searches):
    name = write(tmp_path, "of_many_objects", MANY)
    import_uncollected(name)
    assert searches == []
    assert len(sys.modules[name].kept) == 5_003
    assert not any(each is sys.modules[name].kept for each in gc.get_objects())
    assert gc.isenabled()
    more = [[number] for number in range(5_003)]
    assert searches
    assert any(each is more for each in gc.get_objects())


def test_what_a_first_run_has_left_is_still_collected_after_a_second_import(tmp_path, searches):
    name = write(tmp_path, "imported_twice", MANY)
    import_uncollected(name)
    left: list[object] = []
    left.append(left)
    before = gc.get_freeze_count()
    import_uncollected(name)
    assert gc.get_freeze_count() == before
    assert any(each is left for each in gc.get_objects())


@pytest.mark.parametrize("collects", [True, False])
def test_whether_garbage_is_collected_stays_as_it_was_also_if_a_module_fails(tmp_path, searches, collects):
    name = write(tmp_path, "that_fails", MANY + "raise OSError('no library')\n")
    if not collects:
        gc.disable()
    try:
        with pytest.raises(OSError, match="no library"):
            import_uncollected(name)
        assert gc.isenabled() is collects
    finally:
        gc.enable()
