"""Trainings in a folder: found wherever a sweep leaves them, once each, and never looked for inside a run."""

import json
from pathlib import Path

import pytest

from genolong.runs.found import runs_in


def recorded(folder: Path, made_by: str = "train") -> Path:
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(json.dumps({"made_by": made_by, "settings": {"seed": len(folder.parts)}}))
    return folder


def test_each_training_is_found_once_in_order(tmp_path: Path) -> None:
    places = "b", "a/2026", "a/2027", "x/y/z"
    made = {place: recorded(tmp_path / place, "train_variants" if place == "b" else "train") for place in places}
    (tmp_path / "a/latest").symlink_to("2027")
    recorded(tmp_path / "c", "predict")
    (tmp_path / "d").mkdir()
    found, left_out = runs_in(tmp_path)
    assert list(found) == [made[place] for place in ("a/2026", "a/2027", "b", "x/y/z")]
    assert {record["made_by"] for record in found.values()} == {"train", "train_variants"}
    assert left_out == []


def test_neither_runs_nor_deep_folders_are_searched(tmp_path: Path) -> None:
    run = recorded(tmp_path / "run")
    recorded(run / "checkpoints" / "other")
    recorded(tmp_path / "a/b/c/d")
    assert list(runs_in(tmp_path)[0]) == [run]


@pytest.mark.parametrize(("text", "why"), [("{", "is not JSON"), ("[]", "holds no settings")])
def test_a_record_that_cannot_be_read_is_told(tmp_path: Path, text: str, why: str) -> None:
    run = recorded(tmp_path / "run")
    (recorded(tmp_path / "broken") / "record.json").write_text(text)
    found, (line,) = runs_in(tmp_path)
    assert list(found) == [run] and line.startswith(f"{tmp_path / 'broken' / 'record.json'}: {why}")
